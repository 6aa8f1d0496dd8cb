/**
 * The store in Redis or Redis Cluster. All keys of a shard carry the hash tag of its partition (redis/keys.ts); one
 * script call serves the commits of many shards. Nothing is queued, nothing is sent twice (redis/connection.ts).
 * Guarantees FenceMonotone, EpochOwnerUnique, NoLostAck (with appendfsync always).
 */
import type { Clock } from "../base/clock.ts";
import { codeOf, Failure, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import { parseRedisUrl } from "./redis/address.ts";
import {
  batchCommits,
  brokenAppend,
  decodeVerdicts,
  list,
  overallFailure,
  type CommitBatch,
} from "./redis/batch.ts";
import { redisCalls, type RedisCalls } from "./redis/calls.ts";
import { clusterRoutes } from "./redis/cluster.ts";
import { openConnection } from "./redis/connection.ts";
import { asUnavailable, redisFailure } from "./redis/failures.ts";
import { fullnessOf } from "./redis/info.ts";
import { redisKeys, type RedisKeys } from "./redis/keys.ts";
import { redisReads } from "./redis/reads.ts";
import { singleRoutes, type Open, type RedisRoutes } from "./redis/routes.ts";
import { scripts } from "./redis/scripts.ts";
import type { ClaimResult, Store, Verdict } from "./store.ts";
import { checkCommits, checkShards, unavailable } from "./verdict.ts";

/** Where the store is and how it is laid out. */
export interface RedisStoreOptions {
  /** `redis://host:port`, or `redis-cluster://host:port,host:port` for a cluster; see redis/address.ts. */
  readonly url: string;
  /** Hash tags over which the shards are spread; fixed when the store is created. */
  readonly partitions?: number;
  /** How many there are; fixed when the store is created. Undefined: whoever opens it knows. */
  readonly shards?: number;
  /** Tells several installations on one Redis apart. */
  readonly prefix?: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** After this a command counts as lost. */
  readonly commandTimeoutMs?: number;
  /** How long opening may wait for a server that is not there yet. */
  readonly openMs?: number;
}

/** 2: producer rows and read marks grow at their ends. 3: a fence is a string, a log a list. */
const layoutVersion = 3;

/**
 * Connects and checks the servers' settings; afterwards it reconnects for ever.
 * @throws Failure STORE_CONFIG when a person has to change something, STORE_UNAVAILABLE when nothing answered in time
 */
export async function redisStore(options: RedisStoreOptions): Promise<Store> {
  const { clock, metrics, log } = options;
  const { cluster, servers } = parseRedisUrl(options.url);
  const keys = redisKeys(options.prefix ?? "usher", options.partitions ?? 16);
  const commandTimeoutMs = options.commandTimeoutMs ?? 2000;
  const buckets = [1, 2, 5, 10, 20, 50, 100, 500, 2000];
  const commitMs = metrics.histogram("usher_store_commit_ms", "Time of one call that commits", buckets);
  const outages = metrics.counter("usher_store_outages_total", "How often the store became unreachable");
  const handlers: ((connected: boolean) => void)[] = [];
  let listener = (): void => {};
  const onChange = (): void => listener();
  const open: Open = (server, changed) =>
    openConnection({ server, cluster, clock, log, commandTimeoutMs, onChange: changed });
  const [first] = servers;
  const routes: RedisRoutes =
    cluster || first === undefined
      ? clusterRoutes({ servers, keys, open, clock, log, onChange })
      : singleRoutes(first, open, onChange);
  const calls = redisCalls(routes, keys, cluster);
  try {
    await untilConnected(routes, clock, options.openMs ?? 10_000, (check) => (listener = check));
    await checkLayout(calls, keys, options.shards);
  } catch (error) {
    listener = () => {};
    await routes.close();
    throw asUnavailable(error);
  }

  let status = routes.connected();
  let runs = runsOf(routes);
  const announce = (connected: boolean): void => {
    if (connected === status) return;
    status = connected;
    if (!connected) outages.add();
    for (const handler of handlers) handler(connected);
  };
  listener = () => {
    const now = routes.connected();
    const known = runs;
    if (now) runs = runsOf(routes);
    // A replica that had long been connected took over: it may lack what its master had acknowledged.
    if (now && runs !== known) announce(false);
    announce(now);
    // It may have come back empty; then it has to know its layout again.
    if (!status) return;
    checkLayout(calls, keys, options.shards).catch((error: unknown) => {
      if (codeOf(error) === "STORE_CONFIG") log.error(messageOf(error));
      else log.debug("the layout of the store was not checked", { reason: messageOf(error) });
    });
  };

  return {
    ...redisReads(calls, keys),
    claim: (owner, claims) =>
      calls.script(claims, async (connection, group) => {
        const fences = group.map(({ shard }) => keys.fence(shard));
        const answer = await connection.run(scripts.claim, fences, [
          owner,
          ...group.map(({ epoch }) => epoch),
        ]);
        return list(answer).map(decodeClaim);
      }),
    async commit(owner, commits) {
      checkCommits(commits);
      const start = clock.now();
      const batches = batchCommits(keys, cluster, owner, commits);
      const outcomes = await Promise.allSettled(batches.map((batch) => commitBatch(calls, batch)));
      commitMs.observe(clock.now() - start);
      return gather(batches, outcomes);
    },
    stamp: async (node, ttlMs) => {
      await calls.script([{ shard: keys.commonPartition }], async (connection) => [
        await connection.run(scripts.stamp, [keys.stamps], [node, Math.ceil(ttlMs)]),
      ]);
    },
    async runId() {
      if (!routes.connected()) throw asUnavailable(routes.trouble() ?? unavailable("not connected"));
      return runsOf(routes);
    },
    async fullness() {
      if (!routes.connected()) throw asUnavailable(routes.trouble() ?? unavailable("not connected"));
      try {
        const infos = await Promise.all(routes.serving().map((connection) => connection.info()));
        return Math.max(...infos.map(fullnessOf));
      } catch (error) {
        throw asUnavailable(error);
      }
    },
    connected: () => status && routes.connected(),
    onStatus: (handler) => void handlers.push(handler),
    async close() {
      listener = () => {};
      await routes.close();
      announce(false);
    },
  };
}

/** Names the runs of all servers that hold partitions: another name, and something may be forgotten. */
function runsOf(routes: RedisRoutes): string {
  return routes
    .serving()
    .map((connection) => connection.runId())
    .sort()
    .join(",");
}

/** Waits for the first connection, not longer than `openMs`, and not at all for what only a person can mend. */
function untilConnected(
  routes: RedisRoutes,
  clock: Clock,
  openMs: number,
  listen: (check: () => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(routes.trouble() ?? unavailable("it did not answer in time"));
    const cancel = clock.after(openMs, giveUp);
    listen(() => {
      if (routes.connected()) resolve();
      else if (routes.trouble()?.code === "STORE_CONFIG") giveUp();
      else return;
      cancel();
    });
  });
}

/** The numbers of partitions and shards decide where everything lies: nodes that disagree would not see each other's data. */
async function checkLayout(calls: RedisCalls, keys: RedisKeys, shards: number | undefined): Promise<void> {
  const expected = `${layoutVersion} ${keys.partitions}`;
  const actual = await keptText(calls, keys, keys.layout, expected);
  if (actual !== expected) {
    const message =
      `the store was created with another layout: "${actual}" (version, partitions), ` +
      `this node is set to "${expected}"`;
    throw new Failure("STORE_CONFIG", message, { expected, actual });
  }
  if (shards !== undefined) {
    checkShards(Number(await keptText(calls, keys, keys.shards, String(shards))), shards);
  }
}

/** What stands under a key: this text where there was none, as in an empty store or one of an older version. */
async function keptText(calls: RedisCalls, keys: RedisKeys, key: string, fresh: string): Promise<string> {
  const [, kept] = await calls.ask([
    { shard: keys.commonPartition, command: ["set", key, fresh, "NX"] },
    { shard: keys.commonPartition, command: ["get", key] },
  ]);
  return String(kept);
}

async function commitBatch(calls: RedisCalls, batch: CommitBatch): Promise<readonly Verdict[]> {
  try {
    return await calls.at(batch.partition, async (connection) =>
      decodeVerdicts(await connection.run(scripts.commit, batch.keys, batch.args)),
    );
  } catch (error) {
    const failure = redisFailure(error);
    throw brokenAppend(batch, messageOf(failure.cause)) ?? failure;
  }
}

/** All verdicts in the order of the commits. @throws Failure when any batch failed, with the verdicts of the others */
function gather(
  batches: readonly CommitBatch[],
  outcomes: readonly PromiseSettledResult<readonly Verdict[]>[],
): readonly Verdict[] {
  const verdicts: Verdict[] = [];
  const failures: Failure[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.status === "rejected") failures.push(redisFailure(outcome.reason));
    else {
      const positions = batches[i]?.positions ?? [];
      for (const [j, verdict] of outcome.value.entries()) verdicts[positions[j] ?? 0] = verdict;
    }
  }
  if (failures.length === 0) return verdicts;
  const given = new Map<number, Verdict>();
  verdicts.forEach((verdict, position) => given.set(position, verdict));
  throw overallFailure(failures, given);
}

function decodeClaim(answer: unknown): ClaimResult {
  if (!Array.isArray(answer)) return { kind: "claimed", last: Number(answer) };
  const [epoch, owner] = list(answer);
  return { kind: "fenced", epoch: Number(epoch), owner: String(owner) };
}
