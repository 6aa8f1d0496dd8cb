import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../../base/errors.ts";
import type { StoreFate } from "../../support/faulty-store.ts";
import { commitRig, hosts, one, type LaneHost } from "./commit-rig.ts";

describe("committer", () => {
  it("groups what arrives while a batch is in flight into the next one", async () => {
    const { made, host } = await one();
    made.store.fate = "slow";
    host.add();
    await made.time.advance(1);
    host.add();
    host.add();
    await made.time.advance(100);
    expect(made.store.asked.map(([commit]) => commit?.writes.length)).toEqual([1, 2]);
    expect(host.acked).toEqual([1, 2, 3]);
  });

  it("gathers what all shards write while a call is in flight into one next call", async () => {
    const made = commitRig();
    const all = await hosts(made, 3);
    made.store.fate = "slow";
    for (const host of all) {
      host.add();
      await made.time.advance(1);
    }
    await made.time.advance(100);
    expect(made.store.asked.map((commits) => commits.map(({ shard }) => shard))).toEqual([[0], [1, 2]]);
    expect(all.map(({ acked }) => acked)).toEqual([[1], [1], [1]]);
  });

  it("tells how long calls take, each time of what was since it was asked last", async () => {
    const { made, host } = await one();
    const { committer, time, store } = made;
    const commit = store.commit.bind(store);
    let answer = (): void => {};
    const asked = new Promise<void>((resolve) => (answer = resolve));
    store.commit = (name, commits) => asked.then(() => commit(name, commits));
    expect(committer.takeSlowestMs()).toBe(0);
    host.add();
    await time.advance(700);
    expect(committer.takeSlowestMs()).toBe(700);
    await time.advance(100);
    answer();
    await time.advance(100);
    expect(host.acked).toEqual([1]);
    expect(committer.takeSlowestMs()).toBe(800);
    expect(committer.takeSlowestMs()).toBe(0);
  });

  it("asks the same number again with exactly the same writes when the answer is lost", async () => {
    const { made, host } = await one();
    made.store.fate = "lost";
    host.add();
    await made.time.advance(1);
    host.add();
    await made.time.advance(20);
    made.store.fate = "fine";
    await made.time.advance(2000);
    const first = made.store.asked.filter(([commit]) => commit?.number === 1);
    expect(first.length).toBeGreaterThan(1);
    for (const [commit] of first) expect(commit?.writes).toEqual(first[0]?.[0]?.writes);
    expect(await host.stored()).toEqual([1, 2]);
    expect(host.acked).toEqual([1, 2]);
  });

  it("keeps to one call in flight and one that repeats another, also when many shards are asked again", async () => {
    const made = commitRig();
    const all = await hosts(made, 12);
    made.store.fate = "late";
    for (const host of all) {
      host.add();
      await made.time.advance(2);
    }
    made.store.fate = "slow";
    await made.time.advance(5000);
    expect(made.store.mostInFlight).toBeLessThanOrEqual(2);
    for (const host of all) expect(host.acked).toEqual([1]);
  });

  it("lets other shards go on while one cannot be committed", async () => {
    const made = commitRig();
    const all = await hosts(made, 5);
    const commit = made.store.commit.bind(made.store);
    made.store.commit = (name, commits) =>
      commits.some(({ shard }) => shard === 3)
        ? Promise.reject(new Failure("STORE_UNKNOWN_OUTCOME", "one part is away"))
        : commit(name, commits);
    for (const host of all) host.add();
    await made.time.advance(5000);
    expect(all.map(({ acked }) => acked.length)).toEqual([1, 1, 1, 0, 1]);
  });

  it("asks again only for those that a part of the store needs which is away", async () => {
    const made = commitRig();
    const all = await hosts(made, 5);
    made.store.connected = () => false;
    made.store.missing.add(3);
    for (const host of all) host.add();
    await made.time.advance(3);
    expect(all.map(({ acked }) => acked)).toEqual([[1], [1], [1], [], [1]]);
    for (const host of all) host.add();
    await made.time.advance(5000);
    expect(all.map(({ acked }) => acked)).toEqual([[1, 2], [1, 2], [1, 2], [], [1, 2]]);
    const asked = made.store.asked.map((commits) => commits.map(({ shard }) => shard));
    expect(asked.slice(0, 3)).toEqual([[0, 1, 2, 3, 4], [0, 1, 2, 4], [3]]);
    expect(new Set(asked.slice(3).flat())).toEqual(new Set([3]));
    made.store.missing.clear();
    await made.time.advance(2000);
    expect(all[3]?.acked).toEqual([1, 2]);
  });

  it("begins a shard anew when the store refuses its commit as impossible, and only that one", async () => {
    const made = commitRig();
    const all = await hosts(made, 3);
    all[1]?.lane?.add([{ op: "append", log: "l", seq: 7, event: "0" }]);
    for (const host of all) if (host.shard !== 1) host.add();
    await made.time.advance(1000);
    expect(all.map(({ lost }) => lost)).toEqual([0, 1, 0]);
    expect(all.map(({ acked }) => acked.length)).toEqual([1, 0, 1]);
    expect(made.lines.some(({ level }) => level === "error")).toBe(true);
  });

  it("sends nothing while frozen and everything after the thaw", async () => {
    const { made, host } = await one();
    made.frozen = true;
    host.add();
    await made.time.advance(2000);
    expect(made.store.asked).toEqual([]);
    made.frozen = false;
    made.committer.kick();
    await made.time.advance(10);
    expect(host.acked).toEqual([1]);
  });

  it("does not ask again while frozen", async () => {
    const { made, host } = await one();
    made.store.fate = "away";
    host.add();
    await made.time.advance(1);
    made.frozen = true;
    await made.time.advance(100);
    const before = made.store.asked.length;
    await made.time.advance(5000);
    expect(made.store.asked.length).toBe(before);
    made.frozen = false;
    made.store.fate = "fine";
    made.committer.kick();
    await made.time.advance(2000);
    expect(host.acked).toEqual([1]);
  });

  it("replays what another run of the store forgot, and begins the shard anew", async () => {
    const { made, host, lane } = await one();
    for (let i = 0; i < 5; i++) {
      host.add();
      await made.time.advance(5);
    }
    await made.store.forget(3);
    made.committer.doubt([lane]);
    expect(lane.quiet).toBe(false);
    await made.time.advance(1000);
    expect(await host.stored()).toEqual([1, 2, 3, 4, 5]);
    expect([host.restored, host.lost, lane.closed]).toEqual([1, 0, true]);
  });

  it("claims shards again while a part of the store is away that others need", async () => {
    const made = commitRig();
    const all = await hosts(made, 3);
    made.store.missing.add(1);
    made.committer.doubt(all.flatMap(({ lane }) => lane ?? []));
    for (const host of all) if (host.shard !== 1) host.add();
    await made.time.advance(100);
    expect(all.map(({ acked }) => acked)).toEqual([[1], [], [1]]);
    expect(all.map(({ lane }) => lane?.doubted)).toEqual([false, true, false]);
    made.store.missing.clear();
    all[1]?.add();
    await made.time.advance(2000);
    expect(all.map(({ acked }) => acked)).toEqual([[1], [1], [1]]);
  });

  it("is not quiet while it replays", async () => {
    const { made, host, lane } = await one();
    for (let i = 0; i < 3; i++) {
      host.add();
      await made.time.advance(5);
    }
    await made.store.forget(3);
    made.store.fate = "slow";
    made.committer.doubt([lane]);
    while (!lane.closed) {
      expect(lane.quiet).toBe(false);
      await made.time.advance(10);
    }
    expect(host.restored).toBe(1);
  });

  it("writes nothing that rests on what was read while the store had forgotten", async () => {
    const { made, host } = await one();
    host.add();
    await made.time.advance(5);
    host.add();
    await made.time.advance(5);
    await made.store.forget(1);
    host.add();
    await made.time.advance(1000);
    expect(await host.stored()).toEqual([1, 2]);
    expect([host.acked, host.restored]).toEqual([[1, 2], 1]);
  });

  it("looks after a shard whose commit was in flight when the store's run changed", async () => {
    const { made, host, lane } = await one();
    host.add();
    await made.time.advance(5);
    made.store.fate = "slow";
    host.add();
    await made.time.advance(1);
    await made.store.forget(2);
    made.committer.doubt([lane]);
    made.store.fate = "fine";
    await made.time.advance(1000);
    expect(await host.stored()).toEqual([1, 2]);
    expect(host.restored).toBe(1);
  });

  it("reports lost what the ring does not hold", async () => {
    const { made, host, lane } = await one();
    for (let i = 0; i < 70; i++) {
      host.add();
      await made.time.advance(1);
    }
    await made.store.forget(68);
    made.committer.doubt([lane]);
    await made.time.advance(1000);
    expect([host.lost, host.restored]).toEqual([1, 0]);
  });

  it("claims anew when the store forgot the claim itself", async () => {
    const { made, host } = await one();
    await made.store.forget(1);
    host.add();
    await made.time.advance(1000);
    expect([host.acked, host.fences]).toEqual([[1], []]);
  });

  it("ends under a higher fence", async () => {
    const { made, host, lane } = await one();
    await made.store.claim("other/1", [{ shard: 0, epoch: 9 }]);
    host.add();
    await made.time.advance(10);
    expect([host.fences, host.acked, lane.closed]).toEqual([[9], [], true]);
  });

  it("does not go on with a lane that is closed while its call is in flight", async () => {
    const { made, host, lane } = await one();
    made.store.fate = "lost";
    host.add();
    await made.time.advance(1);
    lane.close();
    made.store.fate = "fine";
    await made.time.advance(2000);
    expect([host.acked, made.store.asked.length]).toEqual([[], 1]);
  });

  it("stores what it acknowledges, exactly once and in order, whatever the store does", async () => {
    const fates: StoreFate[] = ["fine", "lost", "late", "away", "slow"];
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant("add" as const), shard: fc.nat(2) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(120) }) },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant("fate" as const), fate: fc.constantFrom(...fates) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant("forget" as const), count: fc.integer({ min: 1, max: 4 }) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("doubt" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("fence" as const), shard: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("freeze" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("part" as const), shard: fc.nat(2) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const made = commitRig();
        const all = await hosts(made, 3);
        const acked = new Map<LaneHost, number[]>(all.map((host) => [host, []]));
        let epoch = 1;
        /** The test's own calls reach all of the store. */
        const well = async <T>(work: () => Promise<T>): Promise<T> => {
          const { fate } = made.store;
          const missing = [...made.store.missing];
          made.store.fate = "fine";
          made.store.missing.clear();
          const result = await work();
          made.store.fate = fate;
          for (const shard of missing) made.store.missing.add(shard);
          return result;
        };
        /** A host that was told to comes back; what it acknowledged has to be there, unless it was told of a loss. */
        const tend = async (): Promise<void> => {
          for (const host of all) {
            const known = acked.get(host) ?? [];
            known.push(...host.acked.splice(0));
            if (host.lane !== undefined) continue;
            // Fenced before it could replay: neither its memory nor the store holds what was forgotten.
            const fencedEarly = host.fences.splice(0).length > 0 && host.forgotten;
            if (host.lost > 0 || fencedEarly) {
              const stored = new Set(await well(() => host.stored()));
              acked.set(
                host,
                known.filter((id) => stored.has(id)),
              );
              host.lost = 0;
            }
            await well(() => host.begin(++epoch));
          }
        };
        for (const next of steps) {
          switch (next.do) {
            case "add":
              all[next.shard]?.add();
              break;
            case "wait":
              await made.time.advance(next.ms);
              break;
            case "fate":
              made.store.fate = next.fate;
              break;
            case "forget":
              await made.store.forget(next.count);
              for (const host of all) host.forgotten = true;
              made.committer.doubt(all.flatMap(({ lane }) => (lane === undefined ? [] : [lane])));
              break;
            case "doubt":
              made.committer.doubt(all.flatMap(({ lane }) => (lane === undefined ? [] : [lane])));
              break;
            case "fence":
              await well(() => made.store.claim("other/1", [{ shard: next.shard, epoch: ++epoch }]));
              break;
            case "part":
              if (!made.store.missing.delete(next.shard)) made.store.missing.add(next.shard);
              break;
            case "freeze":
              made.frozen = !made.frozen;
              if (!made.frozen) made.committer.kick();
          }
          await tend();
        }
        made.frozen = false;
        made.store.fate = "fine";
        made.store.missing.clear();
        made.committer.kick();
        for (let round = 0; round < 4; round++) {
          await made.time.advance(4000);
          await tend();
        }
        for (const host of all) {
          const stored = await host.stored();
          const known = acked.get(host) ?? [];
          expect(new Set(stored).size).toBe(stored.length);
          expect(stored.filter((id) => known.includes(id))).toEqual(known);
          expect(host.lane?.quiet).toBe(true);
        }
        expect(made.store.mostInFlight).toBeLessThanOrEqual(2);
        expect(made.lines.filter(({ level }) => level === "error")).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
