import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedis, type LocalRedis } from "../../compose/local/redis.ts";
import { redisStore } from "../../store/redis.ts";
import type { ShardCommit, Store, Write } from "../../store/store.ts";
import { eventually } from "../support/eventually.ts";
import { recordingLog, type LogLine } from "../support/recording-log.ts";
import { redisCli } from "../support/redis-cli.ts";
import { freshRedisOptions, redisHarness } from "../support/redis-harness.ts";
import { startProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { alice } from "./store-harness.ts";
import { storeModel } from "./store-model.ts";
import { storeContract } from "./store.ts";

let folder: string;
let redis: LocalRedis;
let proxy: TcpProxy;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "usher-redis-"));
  redis = await startRedis({ dir: folder });
  proxy = await startProxy(redis.port);
});
afterAll(async () => {
  await proxy.stop();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

const makeHarness = () => redisHarness(`redis://127.0.0.1:${proxy.port}`, [proxy]);
storeContract("redis", makeHarness);
storeModel("redis", makeHarness, 25);

function append(number: number): ShardCommit {
  return {
    shard: 0,
    epoch: 1,
    number,
    writes: [{ op: "append", log: "c", seq: number, event: `${number}` }],
  };
}

describe("redis store", () => {
  let store: Store;
  let lines: LogLine[];
  beforeEach(async () => {
    lines = [];
    const options = freshRedisOptions(`redis://127.0.0.1:${proxy.port}`);
    store = await redisStore({ ...options, log: recordingLog(lines), commandTimeoutMs: 1000 });
    await store.claim(alice, [{ shard: 0, epoch: 1 }]);
    await store.commit(alice, [append(1)]);
  });
  afterEach(() => store.close());

  const committed = [{ kind: "committed" }];
  const log = { shard: 0, log: "c" };

  it.each(["SIGTERM", "SIGKILL"] as const)(
    "fails fast while the server is gone by %s and finds everything when it is back",
    async (signal) => {
      const statuses: boolean[] = [];
      store.onStatus((connected) => void statuses.push(connected));
      const runId = await store.runId();
      redis.process.signal(signal);
      await redis.process.exited;
      await eventually(() => !store.connected());
      const start = performance.now();
      await expect(store.commit(alice, [append(2)])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      await expect(store.tails([log])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      await expect(store.runId()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      expect(performance.now() - start).toBeLessThan(500);
      redis = await startRedis({ dir: folder, port: redis.port });
      await eventually(() => store.connected());
      expect(await store.runId()).not.toBe(runId);
      expect(await store.tails([log])).toEqual(["1"]);
      expect(await store.commit(alice, [append(1)])).toEqual(committed);
      expect(await store.commit(alice, [append(2)])).toEqual(committed);
      expect(statuses).toEqual([false, true]);
      expect(lines.map(({ level }) => level)).toEqual(["warn", "info"]);
    },
  );

  it("does not know the outcome of what a silent server does not answer, gives it up, and comes back", async () => {
    proxy.silence(true);
    await expect(store.commit(alice, [append(2)])).rejects.toMatchObject({ code: "STORE_UNKNOWN_OUTCOME" });
    await eventually(() => !store.connected());
    await expect(store.commit(alice, [append(2)])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    proxy.silence(false);
    await eventually(() => store.connected());
    expect(await store.commit(alice, [append(2)])).toEqual(committed);
    expect((await store.readLogs([{ ...log, limit: 10 }]))[0]?.end).toBe(2);
  });

  it("learns at once that the connection was cut under a commit", async () => {
    proxy.silence(true);
    const start = performance.now();
    const commit = store.commit(alice, [append(2)]);
    proxy.cut();
    await expect(commit).rejects.toMatchObject({ code: "STORE_UNKNOWN_OUTCOME" });
    expect(performance.now() - start).toBeLessThan(500);
    proxy.silence(false);
    await proxy.heal();
    await eventually(() => store.connected());
    expect(await store.commit(alice, [append(2)])).toEqual(committed);
  });

  it("reconnects again and again without gathering listeners", async () => {
    const warnings: string[] = [];
    const listen = (warning: Error): void => void warnings.push(warning.name);
    process.on("warning", listen);
    for (let round = 0; round < 15; round++) {
      proxy.cut();
      await eventually(() => !store.connected());
      await proxy.heal();
      await eventually(() => store.connected());
    }
    process.removeListener("warning", listen);
    expect(warnings).toEqual([]);
    expect(await store.commit(alice, [append(2)])).toEqual(committed);
    expect(lines.filter(({ level }) => level === "warn")).toHaveLength(15);
  });

  it("applies nothing while memory is full, and tells how full it is", async () => {
    expect(await store.fullness()).toBe(0);
    await redisCli(redis.port, "config", "set", "maxmemory", "1kb");
    expect(await store.fullness()).toBeGreaterThan(1);
    await expect(store.commit(alice, [append(2)])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(await store.tails([log])).toEqual(["1"]);
    await redisCli(redis.port, "config", "set", "maxmemory", "0");
    expect(await store.commit(alice, [append(2)])).toEqual(committed);
  });

  it("is unavailable while its server is a replica, and applies nothing", async () => {
    await redisCli(redis.port, "replicaof", "127.0.0.1", "1");
    await redisCli(redis.port, "config", "set", "replica-serve-stale-data", "yes");
    await expect(store.commit(alice, [append(2)])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await eventually(() => !store.connected());
    await redisCli(redis.port, "replicaof", "no", "one");
    await eventually(() => store.connected());
    expect(await store.commit(alice, [append(2)])).toEqual(committed);
    expect(await store.tails([log])).toEqual(["2"]);
  });

  it("runs its scripts on a server that has forgotten them", async () => {
    await redisCli(redis.port, "script", "flush");
    expect(await store.commit(alice, [append(2)])).toEqual(committed);
    expect(await store.tails([log])).toEqual(["2"]);
  });

  it("notices a server that was emptied by its commit numbers", async () => {
    await store.commit(alice, [append(2)]);
    await redisCli(redis.port, "flushall");
    expect(await store.claim(alice, [{ shard: 0, epoch: 1 }])).toEqual([{ kind: "claimed", last: 0 }]);
    expect(await store.commit(alice, [append(3)])).toEqual([{ kind: "ahead", last: 0 }]);
  });

  it("arms timers by the server's time and never fires them early", async () => {
    const start = performance.now();
    await store.commit(alice, [
      { shard: 0, epoch: 1, number: 2, writes: [{ op: "arm", id: "t", delayMs: 120, value: "v" }] },
    ]);
    await eventually(async () => (await store.due([0], 1)).length === 1);
    expect(performance.now() - start).toBeGreaterThanOrEqual(120);
  });
});

describe("opening a redis store", () => {
  const setting = async (name: string, value: string): Promise<void> => {
    await redisCli(redis.port, "config", "set", name, value);
  };

  it("refuses a server that would evict, and takes one without a memory bound", async () => {
    await setting("maxmemory-policy", "allkeys-lru");
    await setting("maxmemory", "100mb");
    await expect(redisStore(freshRedisOptions(redis.url))).rejects.toMatchObject({
      code: "STORE_CONFIG",
      message: expect.stringContaining("set maxmemory-policy to noeviction (it is allkeys-lru)"),
    });
    await setting("maxmemory", "0");
    await (await redisStore(freshRedisOptions(redis.url))).close();
    await setting("maxmemory-policy", "noeviction");
  });

  it("refuses another number of partitions than the store was created with", async () => {
    const options = freshRedisOptions(redis.url);
    await (await redisStore(options)).close();
    await expect(redisStore({ ...options, partitions: 4 })).rejects.toMatchObject({ code: "STORE_CONFIG" });
  });

  it("refuses another number of shards than the store was made with, and gives one to a store without", async () => {
    const options = freshRedisOptions(redis.url);
    await (await redisStore(options)).close();
    await (await redisStore({ ...options, shards: 64 })).close();
    await (await redisStore({ ...options, shards: 64 })).close();
    await expect(redisStore({ ...options, shards: 256 })).rejects.toMatchObject({
      code: "STORE_CONFIG",
      message: expect.stringMatching(/made with USHER_SHARDS=64, but this node is set to 256/),
    });
  });

  it("refuses a wrong password at once and takes the right one", async () => {
    await setting("requirepass", "a:b/c d");
    await expect(redisStore(freshRedisOptions(redis.url))).rejects.toMatchObject({ code: "STORE_CONFIG" });
    const wrong = `redis://:wrong@127.0.0.1:${redis.port}`;
    await expect(redisStore(freshRedisOptions(wrong))).rejects.toMatchObject({ code: "STORE_CONFIG" });
    const right = `redis://default:${encodeURIComponent("a:b/c d")}@127.0.0.1:${redis.port}`;
    await (await redisStore(freshRedisOptions(right))).close();
    await redisCli(redis.port, "-a", "a:b/c d", "--no-auth-warning", "config", "set", "requirepass", "");
  });

  it("says what is wrong when a single server is addressed as a cluster", async () => {
    const options = freshRedisOptions(`redis-cluster://127.0.0.1:${redis.port}`);
    await expect(redisStore(options)).rejects.toMatchObject({
      code: "STORE_CONFIG",
      message: expect.stringContaining("is no Redis Cluster"),
    });
  });

  it("waits for a server that starts late, but not for ever", async () => {
    proxy.cut();
    const options = { ...freshRedisOptions(`redis://127.0.0.1:${proxy.port}`), openMs: 200 };
    await expect(redisStore(options)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    const opening = redisStore({ ...options, openMs: 5000 });
    await proxy.heal();
    await (await opening).close();
  });
});

describe("redis store, when a write fails half way", () => {
  const allow = (right: string) => redisCli(redis.port, "acl", "setuser", "half", right);
  const event = (shard: number): ShardCommit => ({ ...append(1), shard });
  const joins = (shard: number, ...before: Write[]): ShardCommit => ({
    ...append(1),
    shard,
    writes: [...before, { op: "join", set: "members", member: "ann" }],
  });
  let store: Store;
  beforeEach(async () => {
    await redisCli(redis.port, "acl", "setuser", "half", "on", ">secret", "~*", "&*", "+@all", "-sadd");
    store = await redisStore(freshRedisOptions(`redis://half:secret@127.0.0.1:${redis.port}`));
    await store.claim(
      alice,
      [0, 1, 2].map((shard) => ({ shard, epoch: 1 })),
    );
  });
  afterEach(async () => {
    await store.close();
    await redisCli(redis.port, "acl", "deluser", "half");
  });

  const committed = { kind: "committed" };

  it("takes no repeat for committed that was not written, or not wholly", async () => {
    const torn = joins(1, { op: "set", entity: "e", field: "f", value: "v" });
    const commits = [event(0), torn, event(2)];
    await expect(store.commit(alice, commits)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    expect(await store.commit(alice, [event(0)])).toEqual([committed]);
    expect(await store.commit(alice, [torn])).toEqual([{ kind: "stale", last: 1 }]);
    expect(await store.commit(alice, [event(2)])).toEqual([committed]);
    expect(await store.tails([0, 2].map((shard) => ({ shard, log: "c" })))).toEqual(["1", "1"]);
    // Who owns it next goes on behind it.
    expect(await store.claim(alice, [{ shard: 1, epoch: 2 }])).toEqual([{ kind: "claimed", last: 1 }]);
    expect(await store.commit(alice, [{ ...event(1), epoch: 2, number: 2 }])).toEqual([committed]);
  });

  it("does the rest when it is asked again, if nothing of a commit was written", async () => {
    const commits = [event(0), joins(1), event(2)];
    await expect(store.commit(alice, commits)).rejects.toMatchObject({ code: "STORE_UNKNOWN_OUTCOME" });
    await expect(store.commit(alice, commits.slice(1))).rejects.toThrow();
    expect((await store.fences(3)).map(({ last }) => last)).toEqual([1, 0, 0]);
    await allow("+sadd");
    expect(await store.commit(alice, commits)).toEqual([committed, committed, committed]);
    expect(await store.isMember([{ shard: 1, set: "members", member: "ann" }])).toEqual([true]);
    expect(await store.tails([0, 2].map((shard) => ({ shard, log: "c" })))).toEqual(["1", "1"]);
  });
});
