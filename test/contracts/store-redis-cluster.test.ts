import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { present } from "../../base/assert.ts";
import {
  clusterPorts,
  startRedis,
  startRedisCluster,
  type LocalRedisCluster,
} from "../../compose/local/redis.ts";
import { redisKeys } from "../../store/redis/keys.ts";
import { redisStore } from "../../store/redis.ts";
import type { ShardCommit, Store } from "../../store/store.ts";
import { eventually } from "../support/eventually.ts";
import { recordingLog, type LogLine } from "../support/recording-log.ts";
import { redisCli } from "../support/redis-cli.ts";
import { freshRedisOptions, redisHarness } from "../support/redis-harness.ts";
import { startProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { alice } from "./store-harness.ts";
import { storeModel } from "./store-model.ts";
import { storeContract } from "./store.ts";

let ports: number[];
let cluster: LocalRedisCluster;
let proxies: TcpProxy[];
beforeAll(async () => {
  ports = await clusterPorts(3);
  proxies = await Promise.all(ports.map(startProxy));
  cluster = await startRedisCluster({ masters: 3, ports, announce: proxies.map(({ port }) => port) });
});
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  await cluster.stop();
});

const makeHarness = () => redisHarness(cluster.url, proxies);
storeContract("redis cluster", makeHarness);
storeModel("redis cluster", makeHarness, 10);

const committed = [{ kind: "committed" }];

function append(shard: number, number: number): ShardCommit {
  return { shard, epoch: 1, number, writes: [{ op: "append", log: "c", seq: number, event: `${number}` }] };
}

/** The port of the master that serves a slot, and its id. */
async function masterOf(slot: number, through: number): Promise<{ port: number; id: string }> {
  for (const line of (await redisCli(through, "cluster", "nodes")).split("\n")) {
    const [id = "", address = "", flags = "", , , , , , ...ranges] = line.split(" ");
    const serves = ranges.some((range) => {
      const [from = NaN, to = from] = range.split("-").map(Number);
      return from <= slot && slot <= to;
    });
    if (serves && flags.includes("master"))
      return { id, port: Number(/:(\d+)@(\d+)/.exec(address)?.[2]) - 10_000 };
  }
  throw new Error(`nobody serves slot ${slot}`);
}

describe("redis cluster store", () => {
  const shard = 5;
  let store: Store;
  let slot: number;
  beforeEach(async () => {
    const options = freshRedisOptions(cluster.url);
    slot = redisKeys(options.prefix ?? "", 16).slotOf(shard);
    store = await redisStore({ ...options, commandTimeoutMs: 1000 });
  });
  afterEach(() => store.close());

  it("computes slots as the servers do", async () => {
    const keys = redisKeys("some-prefix_1", 16);
    for (const partition of [0, 7, 15]) {
      const slot = await redisCli(present(ports[0], "a port"), "cluster", "keyslot", keys.fence(partition));
      expect(keys.slotOf(partition)).toBe(Number(slot));
    }
  });

  it("writes nothing into a slot that is being moved away, and goes on when it stays", async () => {
    await store.claim(alice, [{ shard, epoch: 1 }]);
    await store.commit(alice, [append(shard, 1)]);
    const from = await masterOf(slot, present(ports[0], "a port"));
    const other = present(
      ports.find((port) => port !== from.port),
      "another master",
    );
    const otherId = await redisCli(other, "cluster", "myid");
    const writes = [
      ...append(shard, 2).writes,
      { op: "keep", key: "fresh", value: "v", ttlMs: 60_000 },
    ] as const;
    await redisCli(from.port, "cluster", "setslot", String(slot), "migrating", otherId);
    await expect(store.commit(alice, [{ ...append(shard, 2), writes }])).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    await redisCli(from.port, "cluster", "setslot", String(slot), "stable");
    expect(await store.tails([{ shard, log: "c" }])).toEqual(["1"]);
    expect((await store.fences(16))[0]?.last).toBe(1);
    expect(await store.commit(alice, [{ ...append(shard, 2), writes }])).toEqual(committed);
  });

  it("writes nothing into such a slot either that empties a key and fills it again", async () => {
    const timer = { op: "arm", id: "idle", delayMs: 60_000, value: "x" } as const;
    await store.claim(alice, [{ shard, epoch: 1 }]);
    await store.commit(alice, [{ shard, epoch: 1, number: 1, writes: [timer] }]);
    const again = { shard, epoch: 1, number: 2, writes: [{ op: "disarm", id: "idle" }, timer] } as const;
    const from = await masterOf(slot, present(ports[0], "a port"));
    const other = present(
      ports.find((port) => port !== from.port),
      "another master",
    );
    const otherId = await redisCli(other, "cluster", "myid");
    await redisCli(from.port, "cluster", "setslot", String(slot), "migrating", otherId);
    await expect(store.commit(alice, [again])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await redisCli(from.port, "cluster", "setslot", String(slot), "stable");
    expect((await store.fences(16))[0]?.last).toBe(1);
    expect(await store.commit(alice, [again])).toEqual(committed);
  });

  it("learns where a slot has moved to", async () => {
    const from = await masterOf(slot, present(ports[0], "a port"));
    const other = present(
      ports.find((port) => port !== from.port),
      "another master",
    );
    const otherId = await redisCli(other, "cluster", "myid");
    await redisCli(other, "cluster", "setslot", String(slot), "node", otherId);
    await redisCli(from.port, "cluster", "setslot", String(slot), "node", otherId);
    await expect(store.claim(alice, [{ shard, epoch: 1 }])).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    await eventually(() => store.claim(alice, [{ shard, epoch: 1 }]));
    expect(await store.commit(alice, [append(shard, 1)])).toEqual(committed);
  });

  it("is unavailable while a master is gone, keeps what was committed, and names another run afterwards", async () => {
    await store.claim(alice, [{ shard, epoch: 1 }]);
    await store.commit(alice, [append(shard, 1)]);
    const runId = await store.runId();
    const { port } = await masterOf(slot, present(ports[0], "a port"));
    const node = present(
      cluster.nodes.find((node) => node.port === port),
      "the node of the slot",
    );
    node.process.signal("SIGKILL");
    await node.process.exited;
    await eventually(() => !store.connected());
    await expect(store.commit(alice, [append(shard, 2)])).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    const args = [
      "--cluster-enabled",
      "yes",
      "--cluster-config-file",
      "nodes.conf",
      "--cluster-node-timeout",
      "2000",
    ];
    const again = await startRedis({ dir: node.dir, port, args });
    try {
      await eventually(() => store.connected());
      expect(await eventually(() => store.commit(alice, [append(shard, 2)]))).toEqual(committed);
      expect(await store.tails([{ shard, log: "c" }])).toEqual(["2"]);
      expect(await store.runId()).not.toBe(runId);
    } finally {
      await store.close();
      await again.stop();
    }
  });
});

/** The port of a master's replica, when that has copied everything. */
function replicaOf(port: number): Promise<number> {
  return eventually(async () => {
    const replication = await redisCli(port, "info", "replication");
    const [, replica, copied] = /^slave0:.*port=(\d+),.*offset=(\d+)/m.exec(replication) ?? [];
    return replication.includes(`master_repl_offset:${copied}`) ? Number(replica) : undefined;
  });
}

describe("redis cluster with replicas", () => {
  it("says that it was away when a replica that was connected all the time takes over", async () => {
    const replicated = await startRedisCluster({ masters: 3, replicas: 1 });
    const servers = replicated.nodes.map(({ port }) => `127.0.0.1:${port}`).join(",");
    const options = freshRedisOptions(`redis-cluster://${servers}`);
    const lines: LogLine[] = [];
    const store = await redisStore({ ...options, log: recordingLog(lines) });
    const statuses: boolean[] = [];
    store.onStatus((connected) => void statuses.push(connected));
    try {
      const shard = 3;
      await store.claim(alice, [{ shard, epoch: 1 }]);
      const runId = await store.runId();
      const slot = redisKeys(options.prefix ?? "", 16).slotOf(shard);
      const master = await masterOf(slot, present(replicated.nodes[0], "a node").port);
      await redisCli(await replicaOf(master.port), "cluster", "failover");
      expect(await eventually(() => store.commit(alice, [append(shard, 1)]))).toEqual(committed);
      expect(await store.runId()).not.toBe(runId);
      await eventually(() => statuses.length > 0);
      expect(statuses).toEqual([false, true]);
      expect(store.connected()).toBe(true);
      expect(lines.map(({ message }) => message)).not.toContain(
        "Redis cannot be used, trying again until it can",
      );
    } finally {
      await store.close();
      await replicated.stop();
    }
  });

  it("goes on with the replica of a master that died", async () => {
    const replicated = await startRedisCluster({ masters: 3, replicas: 1 });
    const options = freshRedisOptions(replicated.url);
    const store = await redisStore(options);
    try {
      const shard = 3;
      await store.claim(alice, [{ shard, epoch: 1 }]);
      await store.commit(alice, [append(shard, 1)]);
      const runId = await store.runId();
      const slot = redisKeys(options.prefix ?? "", 16).slotOf(shard);
      const through = present(replicated.nodes[0], "a node").port;
      const master = await masterOf(slot, through);
      await replicaOf(master.port);
      present(
        replicated.nodes.find(({ port }) => port === master.port),
        "its node",
      ).process.signal("SIGKILL");
      await eventually(() => !store.connected());
      expect(await eventually(() => store.commit(alice, [append(shard, 2)]), 20_000)).toEqual(committed);
      await eventually(() => store.connected());
      expect(await store.runId()).not.toBe(runId);
    } finally {
      await store.close();
      await replicated.stop();
    }
  });
});
