import { describe, expect, it } from "vitest";
import type { Fault } from "../../sim/faults.ts";
import { simulate } from "../../sim/run.ts";
import { settingsOf } from "../../sim/scenarios/scenario.ts";
import { scenarios } from "../../sim/scenarios/scenarios.ts";
import { freeCosts } from "../../sim/world/costs.ts";
import { simulatedStore } from "../../sim/world/store.ts";
import type { StoreMaster } from "../../sim/world/store-master.ts";
import type { World } from "../../sim/world/world.ts";
import { answersOf } from "../../store/partial-answer.ts";
import type { Store, Verdict } from "../../store/store.ts";
import { flowingWorld } from "./flowing-world.ts";

const shards = [0, 1, 2];
const owner = "a/1";

/** A store of three masters, each with the shard of its number less one, and what one of them is made to suffer. */
async function withMasters(
  script: (ports: {
    world: World;
    store: Store;
    second: StoreMaster;
    pass: (ms: number) => Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  const { world, pass, stop } = flowingWorld({ masters: 3 });
  const store = simulatedStore(world.storeParts, freeCosts, world.process("a"), world.store);
  const claims = shards.map((shard) => ({ shard, epoch: 1 }));
  expect((await store.claim(owner, claims)).map(({ kind }) => kind)).toEqual(shards.map(() => "claimed"));
  const [second] = world.store.mastersAt("m2");
  if (second === undefined) throw new Error("there are three masters");
  await script({ world, store, second, pass });
  await stop();
}

const commitAll = (store: Store, number: number): Promise<readonly Verdict[]> =>
  store.commit(
    owner,
    shards.map((shard) => ({
      shard,
      epoch: 1,
      number,
      writes: [{ op: "append", log: "l", seq: number, event: `${shard}.${number}` }],
    })),
  );

const ends = async (store: Store): Promise<number[]> =>
  (await store.readLogs(shards.map((shard) => ({ shard, log: "l", limit: 9 })))).map(({ end }) => end);

describe("masters of the simulated store", () => {
  it("answers for the others while one refuses everybody", () =>
    withMasters(async ({ store, second, pass }) => {
      second.down = true;
      const failure: unknown = await commitAll(store, 1).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "STORE_UNKNOWN_OUTCOME" });
      expect([...answersOf(failure).keys()]).toEqual([0, 2]);
      const reading: unknown = await ends(store).catch((error: unknown) => error);
      expect(reading).toMatchObject({ code: "STORE_UNAVAILABLE" });
      expect([...answersOf(reading).keys()]).toEqual([0, 2]);
      await pass(300);
      expect(store.connected()).toBe(false);
      second.down = false;
      await pass(300);
      expect(store.connected()).toBe(true);
      expect(await ends(store)).toEqual([1, 0, 1]);
    }));

  it("does what it was sent while it stood still, after its caller has given up", () =>
    withMasters(async ({ world, store, second, pass }) => {
      second.process.pause();
      const from = world.scheduler.now;
      const failure: unknown = await commitAll(store, 1).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "STORE_UNKNOWN_OUTCOME" });
      expect(world.scheduler.now - from).toBeGreaterThan(1900);
      expect(await world.store.primary.tails(shards.map((shard) => ({ shard, log: "l" })))).toEqual([
        "0.1",
        undefined,
        "2.1",
      ]);
      second.process.resume();
      await pass(500);
      expect(await ends(store)).toEqual([1, 1, 1]);
    }));

  it("forgets in a failover what was its own, and is another run then", () =>
    withMasters(async ({ world, store, second, pass }) => {
      await commitAll(store, 1);
      await pass(1000);
      await commitAll(store, 2);
      const runs = await store.runId();
      await world.store.failOver([second], 500, () => true);
      expect(await ends(store)).toEqual([2, 1, 2]);
      expect(await store.runId()).not.toBe(runs);
    }));

  it("keeps conversations going whose master is there", async () => {
    const calm = scenarios.find(({ name }) => name === "calm");
    if (calm === undefined) throw new Error("there is a calm run");
    const run = async (target?: string): Promise<number> => {
      const settings = settingsOf(calm, { users: 40, masters: 3, seconds: 20, human: 0 }, 1);
      const away: Fault[] =
        target === undefined ? [] : [{ at: 4000, kind: "store-down", target, for: 15_000 }];
      const { violations, acked } = await simulate({ ...settings, faults: away });
      expect(violations).toEqual([]);
      return acked;
    };
    const [all, two, none] = [await run(), await run("m2"), await run("store")];
    // What waits is sent in the end; who waits says nothing more.
    expect(two).toBeGreaterThan(0.6 * all);
    expect(none).toBeLessThan(0.8 * two);
  });
});
