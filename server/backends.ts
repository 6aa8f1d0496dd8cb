/**
 * Makes the ports that a node stands on, by configuration: all in this process, or NATS and Redis. What is away at start
 * is waited for; what a person has to change stops the start.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { sleep, type Clock } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import { memoryKv } from "../placement/kv-memory.ts";
import { natsKv } from "../placement/kv-nats.ts";
import type { Kv } from "../placement/kv.ts";
import { redisStore } from "../store/redis.ts";
import { sqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { loopbackNetwork } from "../transport/loopback.ts";
import { parseNatsUrls } from "../transport/nats-url.ts";
import { natsTransport } from "../transport/nats.ts";
import type { Transport } from "../transport/transport.ts";
import type { Config } from "./config.ts";

/** The three ports that keep and carry. */
export interface Backends {
  readonly transport: Transport;
  readonly kv: Kv;
  readonly store: Store;
  close(): Promise<void>;
}

/** What making them needs. */
export interface BackendParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly config: Config;
  readonly node: string;
  /** Told what is being waited for; empty when nothing is. */
  readonly onWaiting: (what: string) => void;
  readonly stopped: () => boolean;
}

const waitable = new Set(["STORE_UNAVAILABLE", "TRANSPORT_UNAVAILABLE", "KV_UNAVAILABLE"]);
const againMs = 500;
const connectMs = 3000;

/** Makes them. @throws Failure when a person has to change something */
export async function openBackends(parts: BackendParts): Promise<Backends> {
  const { config } = parts;
  const made = config.cluster === undefined ? await embedded(parts) : await clustered(parts, config.cluster);
  return {
    ...made,
    async close() {
      await Promise.allSettled([made.transport.close(), made.kv.close()]);
      await made.store.close();
    },
  };
}

async function embedded({ clock, config, node }: BackendParts): Promise<Omit<Backends, "close">> {
  await mkdir(config.dataDir, { recursive: true });
  return {
    transport: loopbackNetwork(clock).transport(node),
    kv: memoryKv(clock),
    store: sqliteStore({ file: join(config.dataDir, "usher.sqlite"), clock, shards: config.shards }),
  };
}

async function clustered(
  parts: BackendParts,
  { natsServers, redisUrl, replicas }: NonNullable<Config["cluster"]>,
): Promise<Omit<Backends, "close">> {
  const { clock, log, metrics, config, node } = parts;
  const common = { ...parseNatsUrls(natsServers), cluster: config.clusterName, clock, log, connectMs };
  const store = await patiently(parts, "Redis", () =>
    redisStore({
      url: redisUrl,
      prefix: config.clusterName,
      shards: config.shards,
      clock,
      log,
      metrics,
      openMs: connectMs,
    }),
  );
  const transport = await patiently(parts, "NATS", () => natsTransport({ ...common, name: node }));
  const kv = await patiently(parts, "NATS JetStream", () =>
    natsKv({ ...common, name: `${node}-placement`, replicas }),
  );
  return { store, transport, kv };
}

/** Tries until it is there; says so once, and again when it came. */
async function patiently<T>(parts: BackendParts, what: string, open: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      const opened = await open();
      if (tries > 0) parts.log.info(`${what} is there`);
      parts.onWaiting("");
      return opened;
    } catch (error) {
      if (!waitable.has(codeOf(error)) || parts.stopped()) throw error;
      if (tries === 0) parts.log.warn(`waiting for ${what}`, { error: messageOf(error) });
      parts.onWaiting(what);
      await sleep(parts.clock, againMs);
    }
  }
}
