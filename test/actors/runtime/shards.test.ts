import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../../base/errors.ts";
import { ack, oneNode, watch, world, type Node, type World } from "./rig.ts";

const command = (n: number) => ({ p: "p", n, after: n - 1, digest: n });

function first(on: World): Node {
  const [node] = on.nodes;
  if (node === undefined) throw new Error("there is a node");
  return node;
}

describe("shards", () => {
  it("are not served before the claim succeeds and what is owed was read", async () => {
    const on = world(1);
    const node = first(on);
    const gain = (): Promise<string> =>
      node.runtime.gain(0, 1).then(
        ({ kind }) => kind,
        () => "rejected",
      );
    on.store.fate = "away";
    const claimed = watch(gain());
    await on.time.advance(50);
    on.store.fate = "fine";
    on.store.deaf = true;
    const read = watch(gain());
    await on.time.advance(50);
    expect([claimed.value, read.value, node.runtime.counters().hosted]).toEqual(["rejected", "rejected", 0]);
    on.store.deaf = false;
    const again = watch(gain());
    await on.time.advance(50);
    expect([again.value, node.runtime.counters().hosted]).toEqual(["serving", 1]);
  });

  it("are gained while a part of the store is away that others need, and those when it is back", async () => {
    const on = world(1);
    const node = first(on);
    const gains = (): { value: string | undefined }[] =>
      [0, 1, 2, 3].map((shard) =>
        watch(
          node.runtime.gain(shard, 1).then(
            ({ kind }) => kind,
            () => "rejected",
          ),
        ),
      );
    on.store.missing.add(2);
    const seen = gains();
    await on.time.advance(50);
    expect(seen.map(({ value }) => value)).toEqual(["serving", "serving", "rejected", "serving"]);
    on.store.missing.clear();
    const again = gains();
    await on.time.advance(50);
    expect(again.map(({ value }) => value)).toEqual(["serving", "serving", "serving", "serving"]);
  });

  it("wake their actors while a part of the store is away that others need", async () => {
    const { on, node } = await oneNode();
    const desks = [0, 1, 2, 3].map((shard) => on.address("desk", shard));
    for (const desk of desks) node.tell(desk, { tag: "told" });
    await on.time.advance(30_000);
    expect(node.runtime.counters().actors).toBe(0);
    on.store.missing.add(2);
    const seen = desks.map((desk) => watch(node.ask(desk, { ask: true })));
    await on.time.advance(2000);
    const reply = { kind: "value", value: { tags: ["told"], loaded: [] } };
    expect(seen.map(({ value }) => value)).toEqual([reply, reply, undefined, reply]);
    on.store.missing.clear();
    await on.time.advance(2000);
    expect(seen.map(({ value }) => value)).toEqual([reply, reply, reply, reply]);
  });

  it("hold their answers while their claim alone is not repeated", async () => {
    const { on, node } = await oneNode();
    node.unconfirmed.add(2);
    const seen = [1, 2].map((shard) =>
      watch(node.ask(on.address("desk", shard), { tag: "t", answer: ack }, command(1))),
    );
    await on.time.advance(1000);
    const answer = { kind: "answer", answer: ack };
    expect(seen.map(({ value }) => value)).toEqual([answer, undefined]);
    node.unconfirmed.clear();
    node.thaw();
    await on.time.advance(10);
    expect(seen.map(({ value }) => value)).toEqual([answer, answer]);
  });

  it("are refused under a fence, and the old host ends", async () => {
    const { on, node } = await oneNode();
    await on.store.claim("other/1", [{ shard: 0, epoch: 9 }]);
    const seen = watch(node.runtime.gain(0, 5));
    await on.time.advance(10);
    expect(seen.value).toEqual({ kind: "fenced", epoch: 9 });
    expect(node.runtime.counters().hosted).toBe(3);
  });

  it("are not hosted twice under one epoch", async () => {
    const { on, node } = await oneNode();
    node.runtime.lose(0);
    const seen = watch(node.runtime.gain(0, 1));
    await on.time.advance(10);
    expect(seen.value).toEqual({ kind: "fenced", epoch: 1 });
  });

  it("keep their host when the claim is repeated after a thaw, and commits overtake its answer", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    on.store.fate = "slow";
    const gained = watch(node.runtime.gain(0, 1));
    await on.time.advance(1);
    on.store.fate = "fine";
    const seen: { value: unknown }[] = [];
    for (let n = 1; n < 12; n++) {
      seen.push(watch(node.ask(to, { tag: `${n}`, answer: ack }, command(n))));
      await on.time.advance(5);
    }
    await on.time.advance(1000);
    expect(gained.value).toEqual({ kind: "serving" });
    expect(seen.map(({ value }) => value)).toEqual(seen.map(() => ({ kind: "answer", answer: ack })));
    expect(node.abandoned).toEqual([]);
  });

  it("end when a gain is overtaken by a loss", async () => {
    const on = world(1);
    const node = first(on);
    on.store.fate = "slow";
    const seen = watch(node.runtime.gain(0, 1));
    await on.time.advance(5);
    node.runtime.lose(0);
    await on.time.advance(200);
    expect([seen.value, node.runtime.counters().hosted]).toEqual([{ kind: "fenced", epoch: 1 }, 0]);
  });

  it("are flushed before they are released", async () => {
    const { on, node } = await oneNode();
    on.store.fate = "slow";
    const seen = watch(node.ask(on.address("desk", 0), { tag: "x", answer: ack }, command(1)));
    await on.time.advance(2);
    const released = watch(node.runtime.release(0, 2000));
    await on.time.advance(500);
    expect([seen.value?.kind, released.done, node.runtime.counters().hosted]).toEqual(["answer", true, 3]);
  });

  it("are released within the bound when the store is away", async () => {
    const { on, node } = await oneNode();
    on.store.fate = "away";
    node.tell(on.address("desk", 0), { tag: "x" });
    await on.time.advance(2);
    const released = watch(node.runtime.release(0, 300));
    await on.time.advance(310);
    expect([released.done, node.runtime.counters().hosted]).toEqual([true, 3]);
  });

  it("stay when they are gained again while they are being released", async () => {
    const { on, node } = await oneNode();
    on.store.fate = "away";
    node.tell(on.address("desk", 0), { tag: "x" });
    await on.time.advance(2);
    on.store.fate = "fine";
    const released = watch(node.runtime.release(0, 2000));
    const gained = watch(node.runtime.gain(0, 1));
    await on.time.advance(500);
    expect([released.done, gained.value]).toEqual([true, { kind: "serving" }]);
    expect(node.runtime.counters().hosted).toBe(4);
  });

  it("come back under a higher epoch when the store had forgotten, without a loss", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    for (let n = 1; n <= 3; n++) {
      const seen = watch(node.ask(to, { tag: `${n}`, answer: ack }, command(n)));
      await on.time.until(() => seen.done, 1000);
    }
    await on.store.forget(2);
    on.store.connect(false);
    on.store.connect(true);
    await on.time.advance(500);
    expect(node.abandoned).toEqual([{ shard: 0, epoch: 1 }]);
    await on.move(0, node);
    const repeated = watch(node.ask(to, { tag: "again", answer: ack }, command(3)));
    const asked = watch(node.ask(to, { ask: true }));
    await on.time.advance(100);
    expect(repeated.value).toEqual({ kind: "answer", answer: ack });
    expect(asked.value).toMatchObject({ value: { tags: ["1", "2", "3"] } });
  });

  it("are looked after also when the store does not say at once which run of it answers", async () => {
    const { on, node } = await oneNode();
    const seen = watch(node.ask(on.address("desk", 0), { tag: "x", answer: ack }, command(1)));
    await on.time.until(() => seen.done, 1000);
    await on.store.forget(1);
    on.store.deaf = true;
    on.store.connect(true);
    await on.time.advance(500);
    on.store.deaf = false;
    await on.time.advance(3000);
    expect(node.abandoned).toEqual([{ shard: 0, epoch: 1 }]);
  });

  it("say that the store lost commits when it did, and not when it refuses one as impossible", async () => {
    const { on, node } = await oneNode();
    const errors = (): string[] =>
      on.lines.filter(({ level }) => level === "error").map(({ message }) => message);
    const { commit } = on.store;
    on.store.commit = () => Promise.reject(new Failure("STORE_CORRUPT", "impossible"));
    node.tell(on.address("desk", 1), { tag: "x" });
    await on.time.advance(100);
    expect(errors()).toEqual([
      "the store refused a commit as impossible",
      "what waits can never be committed; the shard begins anew",
    ]);
    on.store.commit = commit;
    for (let n = 1; n <= 70; n++) {
      node.tell(on.address("desk", 0), { tag: `${n}` });
      await on.time.advance(1);
    }
    await on.store.forget(69);
    node.tell(on.address("desk", 0), { tag: "after" });
    await on.time.advance(500);
    expect(errors()).toContain("the store lost commits for good; the shard begins anew");
    expect(node.abandoned).toEqual([
      { shard: 1, epoch: 1 },
      { shard: 0, epoch: 1 },
    ]);
  });

  it("are given up when another owner holds the same epoch", async () => {
    const { on, node } = await oneNode();
    await on.store.forget(100);
    await on.store.claim("other/1", [{ shard: 0, epoch: 1 }]);
    node.tell(on.address("desk", 0), { tag: "x" });
    await on.time.advance(100);
    expect([node.runtime.counters().fenced, node.abandoned]).toEqual([1, [{ shard: 0, epoch: 1 }]]);
  });

  it("never lose or double an acknowledged command, however gains, releases, losses and store faults interleave", async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant("say" as const) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(150) }) },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant("fate" as const),
          fate: fc.constantFrom(
            "fine" as const,
            "lost" as const,
            "late" as const,
            "away" as const,
            "slow" as const,
          ),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant("gain" as const), up: fc.nat(1), node: fc.nat(1) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("lose" as const), node: fc.nat(1) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant("release" as const), node: fc.nat(1), boundMs: fc.nat(100) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("freeze" as const), node: fc.nat(1) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("deaf" as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        const on = world(2);
        let epoch = 1;
        const nodeAt = (i: number) => {
          const node = on.nodes[i];
          if (node === undefined) throw new Error("two nodes");
          return node;
        };
        const gain = (i: number): void => {
          on.routes[0] = { owner: nodeAt(i).run, epoch, state: "stable" };
          on.announce([0]);
          void nodeAt(i)
            .runtime.gain(0, epoch)
            .catch(() => undefined);
        };
        const to = on.address("desk", 0);
        const said: { n: number; seen: ReturnType<typeof watch> }[] = [];
        gain(0);
        await on.time.advance(5);
        for (const next of steps) {
          if (next.do === "say") {
            const n = said.length + 1;
            const numbered = { p: `p${n}`, n: 1, after: 0, digest: n };
            said.push({
              n,
              seen: watch(nodeAt(n % 2).ask(to, { tag: `${n}`, answer: ack }, numbered, 60_000)),
            });
          } else if (next.do === "wait") await on.time.advance(next.ms);
          else if (next.do === "fate") on.store.fate = next.fate;
          else if (next.do === "gain") {
            epoch += next.up;
            gain(next.node);
          } else if (next.do === "lose") nodeAt(next.node).runtime.lose(0);
          else if (next.do === "release") void nodeAt(next.node).runtime.release(0, next.boundMs);
          else if (next.do === "freeze") {
            const node = nodeAt(next.node);
            if (node.frozen) node.thaw();
            else node.frozen = true;
          } else if (next.do === "deaf") on.store.deaf = !on.store.deaf;
          else {
            // Only what a living owner has in its ring can come back: forget while it is there, and tell it.
            const owner = on.routes[0]?.owner.node === "a" ? nodeAt(0) : nodeAt(1);
            on.store.fate = "fine";
            on.store.deaf = false;
            if (owner.runtime.counters().hosted === 1 && !owner.frozen) {
              await on.time.advance(3000);
              if (owner.runtime.counters().hosted === 1) await on.store.forget(1);
              on.store.connect(true);
              await on.time.advance(3000);
            }
          }
        }
        on.store.fate = "fine";
        on.store.deaf = false;
        for (const node of on.nodes) node.thaw();
        for (let round = 0; round < 4; round++) {
          await on.time.advance(3000);
          if (on.nodes.some(({ runtime }) => runtime.counters().hosted === 1) && round > 0) continue;
          epoch = (await on.store.fences(1)).reduce((top, fence) => Math.max(top, fence.epoch), epoch) + 1;
          gain(0);
        }
        epoch++;
        gain(1);
        await on.time.advance(5000);
        const asked = watch(nodeAt(0).ask(to, { ask: true }));
        await on.time.advance(1000);
        const { tags } = (asked.value as { value: { tags: string[] } }).value;
        expect(new Set(tags).size).toBe(tags.length);
        for (const { n, seen } of said) {
          if ((seen.value as { kind?: string } | undefined)?.kind === "answer")
            expect(tags).toContain(`${n}`);
        }
      }),
      { numRuns: 60 },
    );
  });
});
