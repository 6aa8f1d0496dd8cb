import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../base/errors.ts";
import { freePort, isFree, startProcess, type LocalProcess } from "./process.ts";

const execute = promisify(execFile);

/** A Redis server on 127.0.0.1 that writes every commit to disk before it answers. */
export interface LocalRedis {
  /** What `redisStore` takes. */
  readonly url: string;
  readonly port: number;
  /** Where its data lies; start again with the same port and folder to get the same server back. */
  readonly dir: string;
  /** For signals, and for a stop that leaves a temporary folder where it is. */
  readonly process: LocalProcess;
  /** Ends it; a temporary folder goes with it. */
  stop(): Promise<void>;
}

/** A Redis Cluster on 127.0.0.1. */
export interface LocalRedisCluster {
  /** What `redisStore` takes: all masters. */
  readonly url: string;
  readonly nodes: readonly LocalRedis[];
  /** Ends all nodes and removes their data. */
  stop(): Promise<void>;
}

/** Where and how to start. Without a folder: a temporary one. Without a port: a free one. */
export interface RedisSpec {
  readonly dir?: string;
  readonly port?: number;
  /** Further arguments, `["--maxmemory", "100mb"]`; they win over the defaults. */
  readonly args?: readonly string[];
}

const durable =
  "--bind 127.0.0.1 --daemonize no --appendonly yes --appendfsync always --maxmemory-policy noeviction --save"
    .split(" ")
    .concat("");
const missing =
  "redis-server is not installed: `apt install redis-server` on Debian and Ubuntu, `brew install redis` on macOS";

/**
 * Starts a Redis server and resolves when it takes connections.
 * @throws Error with one readable line when it is not installed, or with its output when it does not start
 */
export async function startRedis(spec: RedisSpec = {}): Promise<LocalRedis> {
  const port = spec.port ?? (await freePort());
  const dir = spec.dir ?? mkdtempSync(join(tmpdir(), "usher-redis-"));
  mkdirSync(dir, { recursive: true });
  const process = await startProcess({
    name: `redis-${port}`,
    command: "redis-server",
    args: ["--port", String(port), "--dir", dir, ...durable, ...(spec.args ?? [])],
    ready: /Ready to accept connections/,
  }).catch((error: unknown) => {
    throw messageOf(error).includes("ENOENT") ? new Error(missing) : error;
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    dir,
    process,
    async stop() {
      await process.stop();
      if (spec.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** How many nodes a cluster has, and where. */
export interface RedisClusterSpec {
  readonly masters: number;
  /** Replicas of each master. */
  readonly replicas?: number;
  /** The ports of the nodes; at most 55,535, because the bus listens 10,000 above. */
  readonly ports?: readonly number[];
  /** The ports that the nodes tell clients, when something stands in front of them. */
  readonly announce?: readonly number[];
}

/**
 * Starts a Redis Cluster and resolves when every node says that all slots are served.
 * @throws Error as `startRedis`, or when redis-cli cannot join the nodes
 */
export async function startRedisCluster(spec: RedisClusterSpec): Promise<LocalRedisCluster> {
  const count = spec.masters * (1 + (spec.replicas ?? 0));
  const ports = spec.ports ?? (await clusterPorts(count));
  const nodes: LocalRedis[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(nodes.map((node) => node.stop())));
  try {
    for (const [i, port] of ports.entries())
      nodes.push(await startClusterNode(port, spec.announce?.[i] ?? port));
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    const replicas = String(spec.replicas ?? 0);
    await execute("redis-cli", [
      "--cluster",
      "create",
      ...addresses,
      "--cluster-replicas",
      replicas,
      "--cluster-yes",
    ]);
    for (const port of ports) await untilClusterOk(port, count);
    const announced = (spec.announce ?? ports).slice(0, spec.masters);
    return { url: `redis-cluster://${announced.map((port) => `127.0.0.1:${port}`).join(",")}`, nodes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Free ports whose bus ports are free too. */
export async function clusterPorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = await freePort(22_767);
    if (await isFree(port + 10_000)) ports.add(port);
  }
  return [...ports];
}

async function startClusterNode(port: number, announced: number): Promise<LocalRedis> {
  const args = [
    "--cluster-enabled",
    "yes",
    "--cluster-config-file",
    "nodes.conf",
    "--cluster-node-timeout",
    "2000",
  ];
  args.push("--cluster-announce-ip", "127.0.0.1", "--cluster-announce-port", String(announced));
  args.push("--cluster-announce-bus-port", String(port + 10_000), "--repl-diskless-sync-delay", "0");
  return startRedis({ port, args });
}

/** Every node sees all slots served, and a replica has its master's data. */
async function untilClusterOk(port: number, count: number): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const { stdout: cluster } = await execute("redis-cli", ["-p", String(port), "cluster", "info"]);
    const { stdout: replication } = await execute("redis-cli", ["-p", String(port), "info", "replication"]);
    const joined = cluster.includes("cluster_state:ok") && cluster.includes(`cluster_known_nodes:${count}`);
    const copied = !replication.includes("role:slave") || replication.includes("master_link_status:up");
    if (joined && copied) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the Redis Cluster node on port ${port} did not become ready`);
}
