import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNats, type LocalNats } from "../../compose/local/nats.ts";
import { startLocalNode, type LocalNode } from "../../compose/local/node.ts";
import {
  startRedis,
  startRedisCluster,
  type LocalRedis,
  type LocalRedisCluster,
} from "../../compose/local/redis.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { silentMetrics } from "../../base/metrics.ts";
import { redisStore } from "../../store/redis.ts";
import type { Fence, Store } from "../../store/store.ts";
import { eventually } from "../support/eventually.ts";
import { startProxy, type TcpProxy } from "../support/tcp-proxy.ts";

/** A node of a test cluster with its own way to NATS, which a test can cut. */
export interface TestNode extends LocalNode {
  readonly natsProxy: TcpProxy;
}

/** Three real nodes, a real NATS and a real Redis on loopback, and the means to hurt them. */
export interface TestCluster {
  nodes: TestNode[];
  readonly redisProxy: TcpProxy | undefined;
  readonly natsPort: number;
  /** Starts one more node and resolves when it serves. */
  add(name: string): Promise<TestNode>;
  /** Forgets a node that has ended. */
  remove(node: TestNode): void;
  /** Ends NATS. Its streams are lost when `forget` is set. */
  stopNats(forget: boolean): Promise<void>;
  startNats(): Promise<void>;
  stopRedis(): Promise<void>;
  startRedis(): Promise<void>;
  /** The fences as Redis holds them, asked past the proxy. */
  fences(): Promise<readonly Fence[]>;
  /** A token from the first node that answers. */
  token(role: string, user: string): Promise<string>;
  /** What /admin/placement of a node says. */
  picture(node: TestNode): Promise<Picture>;
  /** Resolves when every node is ready and all agree on who owns what. */
  calm(): Promise<void>;
  /** The nodes' logs, for a failed test. */
  logs(): string;
  stop(): Promise<void>;
}

/** The parts of /admin/placement that tests look at. */
export interface Picture {
  readonly shards: readonly {
    readonly shard: number;
    readonly owner: string;
    readonly epoch: number;
    readonly state: string;
  }[];
  readonly runtime: { readonly fenced: number; readonly hosted: number };
}

const shardCount = 256;
/** How many agents the tenant has; agent i alone serves desk `d<i>`, which channel `c<i>` leads to. */
const agentCount = 24;

/** The tenant of the tests: no robot, one desk and one channel per agent. */
export function testTenant(): object {
  const indexes = Array.from({ length: agentCount }, (_, i) => i);
  return {
    id: "demo",
    name: "Test",
    channels: [
      ...indexes.map((i) => ({ id: `c${i}`, name: `Channel ${i}`, desk: `d${i}` })),
      { id: "shared", name: "Shared", desk: "d0" },
    ],
    desks: indexes.map((i) => ({ id: `d${i}`, name: `Desk ${i}` })),
    robots: [],
    agents: indexes.map((i) => ({ id: `agent${i}`, name: `Agent ${i}`, desks: [`d${i}`], capacity: 50 })),
    policy: { idleMs: 900_000, idleNoticeMs: 120_000, robotTries: 3, agentGraceMs: 60_000 },
  };
}

/** Starts a cluster. `redis`: one server behind a proxy, or a Redis Cluster of three masters. */
export async function startTestCluster(
  count: number,
  redis: "single" | "cluster" = "single",
  env: Readonly<Record<string, string>> = {},
): Promise<TestCluster> {
  const dir = mkdtempSync(join(tmpdir(), "usher-e2e-"));
  const tenants = join(dir, "tenants.json");
  writeFileSync(tenants, JSON.stringify({ tenants: [testTenant(), { ...testTenant(), id: "other" }] }));
  let nats: LocalNats = await startNats({ dir: join(dir, "nats") });
  const natsPort = nats.port;
  const redisCluster: LocalRedisCluster | undefined =
    redis === "cluster" ? await startRedisCluster({ masters: 3 }) : undefined;
  let single: LocalRedis | undefined =
    redis === "single" ? await startRedis({ dir: join(dir, "redis") }) : undefined;
  const redisPort = single?.port ?? 0;
  const redisProxy = single === undefined ? undefined : await startProxy(single.port);
  const redisUrl = redisCluster?.url ?? `redis://127.0.0.1:${redisProxy?.port}`;
  let past = "";
  let store: Store | undefined;

  const cluster: TestCluster = {
    nodes: [],
    redisProxy,
    natsPort,
    async add(name) {
      const natsProxy = await startProxy(natsPort);
      const node = await startLocalNode({
        name,
        natsUrl: `nats://127.0.0.1:${natsProxy.port}`,
        redisUrl,
        env: { USHER_TENANTS: tenants, USHER_LOG: "info", ...env },
      });
      const added = { ...node, natsProxy };
      cluster.nodes.push(added);
      return added;
    },
    remove(node) {
      past += node.process.output();
      cluster.nodes = cluster.nodes.filter((other) => other !== node);
      void node.natsProxy.stop();
    },
    async stopNats(forget) {
      await nats.process.stop();
      if (forget) rmSync(join(dir, "nats"), { recursive: true, force: true });
    },
    async startNats() {
      nats = await startNats({ dir: join(dir, "nats"), port: natsPort });
    },
    async stopRedis() {
      await single?.process.stop();
    },
    async startRedis() {
      single = await startRedis({ dir: join(dir, "redis"), port: redisPort });
    },
    async fences() {
      store ??= await redisStore({
        url: redisCluster?.url ?? `redis://127.0.0.1:${redisPort}`,
        clock: systemClock(),
        log: silentLog(),
        metrics: silentMetrics(),
        openMs: 1000,
      });
      return store.fences(shardCount);
    },
    token: async (role, user) => {
      for (const node of cluster.nodes) {
        try {
          const response = await fetch(`${node.url}/v1/tokens`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ role, user }),
            signal: AbortSignal.timeout(2000),
          });
          if (response.ok) return ((await response.json()) as { token: string }).token;
        } catch {
          continue;
        }
      }
      throw new Error("no node issues tokens");
    },
    async picture(node) {
      const token = await cluster.token("admin", "root");
      const response = await fetch(`${node.url}/admin/placement`, {
        headers: { authorization: `Bearer ${token}` },
      });
      return (await response.json()) as Picture;
    },
    async calm() {
      await eventually(
        async () => {
          const tables = new Set<string>();
          for (const node of cluster.nodes) {
            const ready = await fetch(`${node.url}/health/ready`);
            if (!ready.ok) return false;
            const { shards } = await cluster.picture(node);
            if (shards.some(({ state }) => state !== "stable")) return false;
            tables.add(JSON.stringify(shards.map(({ owner, epoch }) => [owner, epoch])));
            const owners = new Set(shards.map(({ owner }) => owner));
            if (owners.size !== cluster.nodes.length) return false;
          }
          return tables.size === 1;
        },
        60_000,
        "a calm cluster",
      );
    },
    logs: () => past + cluster.nodes.map((node) => node.process.output()).join("\n"),
    async stop() {
      await Promise.all(cluster.nodes.map((node) => node.process.stop(3000)));
      await Promise.all(cluster.nodes.map((node) => node.natsProxy.stop()));
      await store?.close();
      await redisProxy?.stop();
      await single?.stop();
      await redisCluster?.stop();
      await nats.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  for (let i = 0; i < count; i++) await cluster.add(`n${i + 1}`);
  await cluster.calm();
  return cluster;
}
