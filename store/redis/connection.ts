/**
 * One connection to one Redis server, the only place that knows ioredis. Nothing is queued while it is away and nothing
 * is ever sent twice: a command either was not sent (STORE_UNAVAILABLE), or was answered, or its outcome is unknown.
 * It reconnects for ever and counts as up only after the server has passed `checkServer`.
 */
import { Redis } from "ioredis";
import type { Clock } from "../../base/clock.ts";
import { Failure, messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { unavailable } from "../verdict.ts";
import type { RedisServer } from "./address.ts";
import { bare, redisFailure, repliedWith } from "./failures.ts";
import { checkServer, parseInfo, type Info } from "./info.ts";
import { scripts, type Script } from "./scripts.ts";

/** A command's name and arguments. */
export type Command = readonly [name: string, ...args: readonly (string | number)[]];

/** All methods reject with a Failure: STORE_UNAVAILABLE (nothing was applied) or STORE_UNKNOWN_OUTCOME. */
export interface RedisConnection {
  /** host:port */
  readonly address: string;
  up(): boolean;
  /** Why it is not up: a Failure STORE_CONFIG when only a person can help. */
  trouble(): Failure | undefined;
  /** The run id of the server that it was connected to last. */
  runId(): string;
  /** Sends commands in one go; answers in their order. Fails as a whole. */
  send(commands: readonly Command[]): Promise<readonly unknown[]>;
  /** Runs a script by its hash, or by its source where the server does not know it. */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  info(): Promise<Info>;
  close(): Promise<void>;
}

/** How a connection is opened. */
export interface ConnectionSpec {
  readonly server: RedisServer;
  readonly cluster: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly commandTimeoutMs: number;
  /** Called when `up()` or `trouble()` has changed. */
  readonly onChange: () => void;
}

const reconnectCapMs = 500;
const connectTimeoutMs = 2000;
const loadingPollMs = 200;
/** A server that is silent for this much longer than a command may take is given up, and its connection with it. */
const silenceGraceMs = 500;

/** Starts connecting and returns at once. */
export function openConnection(spec: ConnectionSpec): RedisConnection {
  const { server, clock, commandTimeoutMs } = spec;
  const address = `${server.host}:${server.port}`;
  const log = spec.log.child({ redis: address });
  const client = new Redis({
    host: server.host,
    port: server.port,
    db: server.access.db,
    ...(server.access.username === undefined ? {} : { username: server.access.username }),
    ...(server.access.password === undefined ? {} : { password: server.access.password }),
    ...(server.access.tls ? { tls: {} } : {}),
    protocol: 2,
    disableClientInfo: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(reconnectCapMs, 25 * 2 ** Math.min(attempt, 10)),
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    socketTimeout: commandTimeoutMs + silenceGraceMs,
    disconnectTimeout: silenceGraceMs,
  });
  let up = false;
  let closing = false;
  let runId = "";
  let trouble: Failure | undefined = unavailable(`not connected to ${address}`);
  let logged = false;
  let session = 0;

  /** Notes that the server cannot be used; a person hears of it once per outage. */
  const fall = (failure: Failure): void => {
    const changed = up || trouble?.code !== failure.code;
    up = false;
    trouble = failure;
    if (closing) return;
    if (!logged) {
      logged = true;
      if (failure.code === "STORE_CONFIG") log.error(failure.message, failure.details);
      else log.warn("Redis cannot be used, trying again until it can", { reason: failure.message });
    }
    if (changed) spec.onChange();
  };
  const rise = (info: Info): void => {
    runId = info.get("run_id") ?? "";
    if (logged) log.info("Redis can be used again");
    logged = false;
    trouble = undefined;
    up = true;
    spec.onChange();
  };
  /** Asks a server that has just been connected whether it may be used. */
  const examine = async (examined: number): Promise<void> => {
    let loading = false;
    try {
      const info = parseInfo(await client.info());
      loading = info.get("loading") === "1";
      checkServer(info, address, spec.cluster);
      await Promise.all(Object.values(scripts).map(({ source }) => client.script("LOAD", source)));
      if (examined === session) rise(info);
    } catch (error) {
      if (examined !== session) return;
      fall(connectFailure(address, error));
      if (loading) clock.after(loadingPollMs, () => examined === session && void examine(examined));
      else client.disconnect(true);
    }
  };
  client.on("ready", () => void examine(++session));
  client.on("error", (error: unknown) => {
    if (!up) fall(connectFailure(address, error));
  });
  client.on("close", () => {
    session++;
    if (up) fall(unavailable(`lost the connection to ${address}`));
  });
  client.on("end", () => {
    // Only after an error of our own making does ioredis end without being told to.
    if (!closing) clock.after(reconnectCapMs, () => void client.connect().catch(() => undefined));
  });

  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!up) throw unavailable(trouble?.message ?? `not connected to ${address}`, trouble);
    try {
      return await work();
    } catch (error) {
      const failure = redisFailure(error);
      // This server has become a replica: the name may lead to the new master.
      if (!spec.cluster && repliedWith(failure, "READONLY")) client.disconnect(true);
      throw failure;
    }
  };
  return {
    address,
    up: () => up,
    trouble: () => trouble,
    runId: () => runId,
    send: (commands) =>
      attempt(async () => {
        const answers = await client.pipeline(commands.map((command) => [...command])).exec();
        return (answers ?? []).map(([error, answer]) => {
          if (error !== null) throw error;
          return answer;
        });
      }),
    run: (script, keys, args) =>
      attempt(async () => {
        try {
          return await client.call("evalsha", [script.sha, keys.length, ...keys, ...args]);
        } catch (error) {
          if (!repliedWith(redisFailure(error), "NOSCRIPT")) throw error;
          return client.call("eval", [script.source, keys.length, ...keys, ...args]);
        }
      }),
    info: () => attempt(async () => parseInfo(await client.info())),
    async close() {
      closing = true;
      up = false;
      trouble = unavailable("it is closed");
      const linked = ["connecting", "connect", "ready"].includes(client.status);
      // Between two attempts there is nothing that could end.
      if (!linked) return client.disconnect();
      const ended = new Promise<void>((resolve) => client.once("end", () => resolve()));
      client.disconnect();
      await ended;
    },
  };
}

/** Why a server cannot be used: a wrong password is for a person to change, all else may pass. */
function connectFailure(address: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = messageOf(error);
  if (/WRONGPASS|NOAUTH|NOPERM|invalid password/i.test(message)) {
    return new Failure("STORE_CONFIG", `Redis at ${address} refuses this user: ${message}`, {}, bare(error));
  }
  return unavailable(`${address}: ${message}`, bare(error));
}
