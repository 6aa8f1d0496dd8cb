import {
  connect,
  ErrorCode,
  Events,
  type JetStreamClient,
  type KV,
  type KvEntry as NatsEntry,
  type NatsConnection,
} from "nats";
import { sleep, systemClock, within, type Clock } from "../base/clock.ts";
import { Failure, codeOf, messageOf } from "../base/errors.ts";
import { atLeast } from "../base/version.ts";
import type { Log } from "../base/log.ts";
import type { Kv, KvEntry, KvWatch, KvWrite } from "./kv.ts";

/**
 * The coordination bucket in NATS JetStream, on a connection of its own so that a flood of envelopes never delays a
 * beat.
 *
 * Boundary: no call waits longer than `answerMs` for each request it makes; a write whose answer was lost is reported
 * as unknown and never repeated here. The bucket is made again when NATS came back without it.
 * Invariant: a write counts as written only when the server says so.
 */
export interface NatsKvOptions {
  /** `host:port` or `nats://host:port`. */
  readonly servers: readonly string[];
  /** Who to be there. */
  readonly access?: { readonly user: string; readonly pass: string } | { readonly token: string };
  /** Clusters on one NATS are told apart by it: the bucket is `usher-<cluster>`. */
  readonly cluster: string;
  /** Copies of the bucket in a NATS cluster; default 1. */
  readonly replicas?: number;
  readonly name?: string;
  readonly log?: Log;
  readonly clock?: Clock;
  /** How long the first connection may take; default 10 s. */
  readonly connectMs?: number;
  /** How long one answer may take; default 1.5 s. */
  readonly answerMs?: number;
}

const pingIntervalMs = 1000;
const reconnectWaitMs = 150;
const dialMs = 1000;
/** Error codes of the JetStream API. */
const streamNotFound = 10059;
const subjectsOverlap = 10065;
const makeTries = 10;
const makeAgainMs = 50;
const wrongLastSequence = new Set([10071, 10164]);
/** The first server whose compare-and-set has one winner under replication (nats-server#4320). */
const soundReplication = [2, 9, 21] as const;

/**
 * Connects, checks the server, and makes the bucket if there is none.
 * @throws Failure KV_UNAVAILABLE when NATS or its JetStream does not answer in time
 * @throws Failure KV_CONFIG when NATS refuses this user
 * @throws Failure KV_REPLICAS_UNSAFE for replicas on a server whose compare-and-set is broken under replication
 */
export async function natsKv(options: NatsKvOptions): Promise<Kv> {
  const clock = options.clock ?? systemClock();
  const connection = await dial(options, clock);
  try {
    const bucket = new Bucket(connection, clock, options);
    await bucket.open();
    return bucket;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class Bucket implements Kv {
  private readonly connection: NatsConnection;
  private readonly jetstream: JetStreamClient;
  private readonly clock: Clock;
  private readonly options: NatsKvOptions;
  private readonly answerMs: number;
  private up = true;
  private view: KV | undefined;

  constructor(connection: NatsConnection, clock: Clock, options: NatsKvOptions) {
    this.connection = connection;
    this.clock = clock;
    this.options = options;
    this.answerMs = options.answerMs ?? 1500;
    this.jetstream = connection.jetstream({ timeout: this.answerMs });
    void this.followStatus();
  }

  /** Makes the bucket if there is none. */
  async open(): Promise<void> {
    const replicas = this.options.replicas ?? 1;
    this.refuseUnsafe(replicas);
    const name = `usher-${this.options.cluster}`;
    const view = await this.making(name, replicas);
    const status = await this.reading(() => view.status());
    this.refuseUnsafe(status.replicas);
    this.view = view;
  }

  /** Nodes that start together make the bucket at the same moment: who comes second finds it a moment later. */
  private async making(name: string, replicas: number): Promise<KV> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.reading(() =>
          this.jetstream.views.kv(name, { history: 1, replicas, allow_direct: false }),
        );
      } catch (error) {
        const raced = error instanceof Failure && apiCode(error.cause) === subjectsOverlap;
        if (!raced || tries === makeTries) throw error;
        await sleep(this.clock, makeAgainMs);
      }
    }
  }

  connected(): boolean {
    return this.up && !this.connection.isClosed();
  }

  async get(key: string): Promise<KvEntry | undefined> {
    const entry = await this.onBucket((view) => this.reading(() => view.get(key)));
    return entry === null || entry.operation !== "PUT" ? undefined : entryOf(entry);
  }

  list(prefix: string): Promise<readonly KvEntry[]> {
    return this.onBucket(async (view) => {
      const found: KvEntry[] = [];
      const watched = await this.watching(view);
      const collect = async (): Promise<void> => {
        for await (const entry of watched.entries) {
          if (entry.operation === "PUT" && entry.key.startsWith(prefix)) found.push(entryOf(entry));
        }
      };
      const collected = collect();
      void watched.listed.then(() => watched.entries.stop());
      try {
        await this.reading(() => collected);
      } finally {
        watched.entries.stop();
      }
      return found;
    });
  }

  async create(key: string, value: string): Promise<KvWrite> {
    const first = await this.put(key, value, 0);
    if (first.kind === "written") return first;
    const entry = await this.onBucket((view) => this.reading(() => view.get(key)));
    if (entry === null || entry.operation === "PUT") return first;
    return this.put(key, value, entry.revision);
  }

  update(key: string, value: string, revision: number): Promise<KvWrite> {
    return this.put(key, value, revision);
  }

  delete(key: string): Promise<void> {
    return this.onBucket((view) => this.reading(() => view.delete(key)));
  }

  async watch(handler: Parameters<Kv["watch"]>[0]): Promise<KvWatch> {
    let watching = true;
    const { entries } = await this.onBucket((view) => this.watching(view));
    const follow = async (): Promise<void> => {
      for await (const entry of entries) {
        if (!watching) return;
        const value = entry.operation === "PUT" ? entry.string() : undefined;
        handler({ key: entry.key, value, revision: entry.revision });
      }
    };
    follow().catch((error: unknown) =>
      this.options.log?.warn("a watch ended", { code: codeOf(error), error: messageOf(error) }),
    );
    return {
      stop() {
        watching = false;
        entries.stop();
      },
    };
  }

  close(): Promise<void> {
    this.up = false;
    return this.connection.close();
  }

  private async put(key: string, value: string, previousSeq: number): Promise<KvWrite> {
    return this.onBucket(async (view) => {
      this.needConnection();
      try {
        return { kind: "written", revision: await this.bounded(view.put(key, value, { previousSeq })) };
      } catch (error) {
        const code = apiCode(error);
        if (code !== undefined && wrongLastSequence.has(code)) return { kind: "lost" };
        if (gone(error) || code !== undefined) throw error;
        throw new Failure("KV_UNKNOWN_OUTCOME", `no answer to a write: ${messageOf(error)}`, { key }, error);
      }
    });
  }

  /** Runs on the bucket, and once more on a new one when NATS has forgotten it. */
  private async onBucket<T>(run: (view: KV) => Promise<T>): Promise<T> {
    try {
      return await run(this.opened());
    } catch (error) {
      if (!gone(error)) throw this.failure(error);
    }
    await this.open();
    try {
      return await run(this.opened());
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** A watch over everything, and when all that was there at its start has been handed over. */
  private async watching(view: KV): Promise<{ entries: Watched; listed: Promise<void> }> {
    const { promise: listed, resolve } = Promise.withResolvers<void>();
    const starting = view.watch({ initializedFn: resolve });
    try {
      return { entries: await this.reading(() => starting), listed };
    } catch (error) {
      void starting.then((late) => late.stop()).catch(() => undefined);
      throw error;
    }
  }

  private opened(): KV {
    if (this.view === undefined) throw new Failure("KV_UNAVAILABLE", "the bucket is not open");
    return this.view;
  }

  private failure(error: unknown): Failure {
    if (error instanceof Failure && !gone(error)) return error;
    return new Failure("KV_UNAVAILABLE", `the bucket does not answer: ${messageOf(error)}`, {}, error);
  }

  private async reading<T>(run: () => Promise<T>): Promise<T> {
    this.needConnection();
    try {
      return await this.bounded(run());
    } catch (error) {
      if (gone(error) || error instanceof Failure) throw error;
      throw this.failure(error);
    }
  }

  private needConnection(): void {
    if (!this.connected()) throw new Failure("KV_UNAVAILABLE", "the NATS connection is away");
  }

  private async bounded<T>(work: Promise<T>): Promise<T> {
    const boundMs = this.answerMs + 100;
    const settled = await within(
      this.clock,
      boundMs,
      work.then((value) => ({ value })),
    );
    if (settled === undefined) throw new Error(`no answer within ${boundMs} ms`);
    return settled.value;
  }

  private refuseUnsafe(replicas: number): void {
    const version = this.connection.info?.version ?? "0.0.0";
    if (replicas <= 1 || atLeast(version, soundReplication)) return;
    throw new Failure(
      "KV_REPLICAS_UNSAFE",
      `nats-server ${version} acknowledges several winners of one compare-and-set when a bucket has replicas; ` +
        `use replicas = 1, or nats-server ${soundReplication.join(".")} or later`,
      { replicas, version, needed: soundReplication.join(".") },
    );
  }

  private async followStatus(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === Events.Disconnect) this.up = false;
      if (status.type === Events.Reconnect) this.up = true;
    }
    this.up = false;
  }
}

type Watched = Awaited<ReturnType<KV["watch"]>>;

function entryOf(entry: NatsEntry): KvEntry {
  return { key: entry.key, value: entry.string(), revision: entry.revision };
}

/** The error code of the JetStream API, if the server refused with one. */
function apiCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("api_error" in error)) return undefined;
  const refusal = error.api_error as { err_code?: number } | undefined;
  return refusal?.err_code;
}

/** Whether the server says that nothing was done because there is no such stream (any more). */
function gone(error: unknown): boolean {
  return apiCode(error) === streamNotFound || codeOf(error) === "503";
}

async function dial(options: NatsKvOptions, clock: Clock): Promise<NatsConnection> {
  const dialing = connect({
    servers: [...options.servers],
    ...options.access,
    name: `${options.name ?? "usher"} placement`,
    maxReconnectAttempts: -1,
    // Without it two refusals in a row end the connection for good, although a person may mend the server.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: 50,
    pingInterval: pingIntervalMs,
    maxPingOut: 2,
    timeout: dialMs,
    noAsyncTraces: true,
  });
  const failure = (cause: unknown): Failure =>
    codeOf(cause) === ErrorCode.AuthorizationViolation.toString()
      ? new Failure("KV_CONFIG", "NATS refuses this user, password or token", {}, cause)
      : new Failure("KV_UNAVAILABLE", `no NATS server answers: ${messageOf(cause)}`, {}, cause);
  const connection = await within(clock, options.connectMs ?? 10_000, dialing).catch((error: unknown) => {
    throw failure(error);
  });
  if (connection === undefined) {
    void dialing.then((late) => late.close()).catch(() => undefined);
    throw failure(new Error("timed out"));
  }
  return connection;
}
