import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { batched } from "../../actors/runtime/batch.ts";
import { loadsOf } from "../../actors/runtime/loads.ts";
import { systemClock } from "../../base/clock.ts";
import { startRedisCluster, type LocalRedisCluster } from "../../compose/local/redis.ts";
import { redisKeys } from "../../store/redis/keys.ts";
import { redisStore, type RedisStoreOptions } from "../../store/redis.ts";
import { answersOf } from "../../store/partial-answer.ts";
import type { ShardCommit, Store, Verdict } from "../../store/store.ts";
import { eventually } from "../support/eventually.ts";
import { redisCli } from "../support/redis-cli.ts";
import { freshRedisOptions } from "../support/redis-harness.ts";
import { alice, bob } from "./store-harness.ts";

const shards = Array.from({ length: 32 }, (_, shard) => shard);
const partitions = 16;
/** Of three masters the one in the middle. */
const lost = { from: 5461, to: 10_922 };

function firstCommit(shard: number): ShardCommit {
  return {
    shard,
    epoch: 1,
    number: 1,
    writes: [
      { op: "append", log: "c", seq: 1, event: `event of ${shard}` },
      { op: "set", entity: "e", field: "f", value: `field of ${shard}` },
      { op: "keep", key: "k", value: `record of ${shard}`, ttlMs: 60_000 },
      { op: "join", set: "s", member: "m" },
      { op: "arm", id: "t", delayMs: 0, value: `timer of ${shard}` },
    ],
  };
}

/** What each gives, undefined where it fails. */
async function outcomes<T>(promises: readonly Promise<T>[]): Promise<(T | undefined)[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : undefined));
}

describe("redis cluster of which one master is away", () => {
  const clock = systemClock();
  let cluster: LocalRedisCluster;
  let options: RedisStoreOptions;
  let store: Store;
  let away: (shard: number) => boolean;
  beforeEach(async () => {
    cluster = await startRedisCluster({ masters: 3 });
    for (const { port } of cluster.nodes)
      await redisCli(port, "config", "set", "cluster-require-full-coverage", "no");
    options = { ...freshRedisOptions(cluster.url), prefix: "parts", commandTimeoutMs: 500 };
    const keys = redisKeys("parts", partitions);
    away = (shard) => {
      const slot = keys.slotOf(keys.partitionOf(shard));
      return lost.from <= slot && slot <= lost.to;
    };
    store = await redisStore(options);
    await store.claim(
      alice,
      shards.map((shard) => ({ shard, epoch: 1 })),
    );
    await store.commit(alice, shards.map(firstCommit));
  });
  afterEach(async () => {
    await store.close();
    await cluster.stop();
  });
  const present = <T>(what: (shard: number) => T): (T | undefined)[] =>
    shards.map((shard) => (away(shard) ? undefined : what(shard)));

  const commitAll = (number: number): Promise<readonly Verdict[]> =>
    store.commit(
      bob,
      shards.map((shard) => ({ shard, epoch: number, number, writes: [] })),
    );

  /** Everything that is asked for many shards at once has what the other masters hold. */
  async function expectTheRest(epoch: number): Promise<void> {
    const loads = loadsOf(clock, store);
    const claim = batched(clock, 512, (claims: readonly { shard: number; epoch: number }[]) =>
      store.claim(bob, claims),
    );
    const [claims, tails, logs, entities, records, members, due] = await Promise.all([
      outcomes(shards.map((shard) => claim({ shard, epoch }))),
      outcomes(shards.map((shard) => loads.tail({ shard, log: "c" }))),
      outcomes(shards.map((shard) => loads.log({ shard, log: "c", limit: 9 }))),
      outcomes(shards.map((shard) => loads.entity({ shard, entity: "e" }))),
      outcomes(shards.map((shard) => loads.kept({ shard, key: "k" }))),
      outcomes(shards.map((shard) => loads.member({ shard, set: "s", member: "m" }))),
      store.due(shards, 100),
    ]);
    expect(claims).toEqual(present(() => ({ kind: "claimed", last: epoch - 1 })));
    expect(tails).toEqual(present((shard) => `event of ${shard}`));
    expect(logs).toEqual(present((shard) => ({ events: [{ seq: 1, event: `event of ${shard}` }], end: 1 })));
    expect(entities).toEqual(present((shard) => ({ f: `field of ${shard}` })));
    expect(records).toEqual(present((shard) => `record of ${shard}`));
    expect(members).toEqual(present(() => true));
    const timers = due.map(({ shard }) => shard).sort((a, b) => a - b);
    expect(timers).toEqual(shards.filter((shard) => !away(shard)));
    const failure: unknown = await commitAll(epoch).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "STORE_UNKNOWN_OUTCOME" });
    const verdicts = answersOf<Verdict>(failure);
    expect(shards.map((shard) => verdicts.get(shard))).toEqual(present(() => ({ kind: "committed" })));
  }

  it("gives what the others hold, before they know that it is away and afterwards", async () => {
    const [here, gone] = cluster.nodes;
    if (here === undefined || gone === undefined) throw new Error("there are three nodes");
    expect(new Set(shards.map(away))).toEqual(new Set([true, false]));
    gone.process.signal("SIGKILL");
    await gone.process.exited;
    await expectTheRest(2);
    await eventually(async () => {
      const nodes = await redisCli(here.port, "cluster", "nodes");
      return /master,fail /.test(nodes);
    });
    await expectTheRest(3);
    expect(store.connected()).toBe(false);
  });

  it("gives it also while that master is there and silent, and takes again what was not answered", async () => {
    const [, silent] = cluster.nodes;
    if (silent === undefined) throw new Error("there are three nodes");
    silent.process.signal("SIGSTOP");
    try {
      await expectTheRest(2);
    } finally {
      silent.process.signal("SIGCONT");
    }
    await eventually(() => store.connected());
    const again = shards.map((shard) => ({ shard, epoch: 2 }));
    const claimed = await eventually(() => store.claim(bob, again).catch(() => undefined));
    expect(claimed.map(({ kind }) => kind)).toEqual(shards.map(() => "claimed"));
    expect(await commitAll(2)).toEqual(shards.map(() => ({ kind: "committed" })));
  });
});
