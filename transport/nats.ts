import { connect, Empty, ErrorCode, Events, type NatsConnection } from "nats";
import { systemClock, within, type Clock } from "../base/clock.ts";
import { Failure, codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { isId } from "../protocol/ids.ts";
import type { NatsAccess } from "./nats-url.ts";
import type { ProbeResult, Subscription, Transport } from "./transport.ts";

/**
 * The transport over NATS core.
 *
 * Boundary: one connection, which comes back for ever by itself; what is sent while it is away is refused, because
 * the client library would drop it without a word.
 */
export interface NatsTransportOptions {
  /** `host:port` or `nats://host:port`. */
  readonly servers: readonly string[];
  /** Who to be there. */
  readonly access?: NatsAccess;
  /** Clusters on one NATS are told apart by it: the second token of every subject. */
  readonly cluster: string;
  /** Shown by the NATS server's own tools. */
  readonly name?: string;
  readonly log?: Log;
  readonly clock?: Clock;
  /** How long the first connection may take; default 10 s. */
  readonly connectMs?: number;
}

const pingIntervalMs = 2000;
const reconnectWaitMs = 200;
const dialMs = 2000;
const flushMs = 2000;
const noResponders: string = ErrorCode.NoResponders;
const denied: string = ErrorCode.AuthorizationViolation;

/**
 * Connects and resolves when the connection is up.
 * @throws Failure TRANSPORT_UNAVAILABLE when no server answers within `connectMs`
 * @throws Failure TRANSPORT_CONFIG when it refuses this user
 */
export async function natsTransport(options: NatsTransportOptions): Promise<Transport> {
  const clock = options.clock ?? systemClock();
  const connection = await dial(options, clock);
  const handlers: ((connected: boolean) => void)[] = [];
  let up = true;
  let refusalTold = false;
  /** What the last server said: while it is away there is no newer word. */
  let lastMaxPayload = connection.info?.max_payload ?? 1_048_576;

  function setUp(next: boolean): void {
    if (up === next) return;
    up = next;
    options.log?.info(next ? "transport connected" : "transport disconnected");
    for (const handler of handlers) handler(next);
  }

  /** Each attempt to reconnect is refused anew: a person hears of it once. */
  function report(error: unknown): void {
    if (error !== denied) options.log?.warn("transport error", { error: JSON.stringify(error) });
    else if (!refusalTold) {
      refusalTold = true;
      options.log?.error("NATS refuses this user, password or token; trying again until it does not");
    }
  }

  async function followStatus(): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === Events.Disconnect) setUp(false);
      if (status.type === Events.Reconnect) setUp(true);
      if (status.type === Events.Reconnect) refusalTold = false;
      if (status.type === Events.Error) report(status.data);
    }
    setUp(false);
  }
  void followStatus();

  /** Asked each time: another server, or the same one after a restart, may take less. */
  function maxPayloadBytes(): number {
    lastMaxPayload = connection.info?.max_payload ?? lastMaxPayload;
    return lastMaxPayload;
  }

  function flushed(): Promise<void> {
    return boundedFlush(connection, clock);
  }

  return {
    get maxPayloadBytes() {
      return maxPayloadBytes();
    },
    connected: () => up,
    send(to, payload) {
      if (!up || connection.isClosed() || Buffer.byteLength(payload) > maxPayloadBytes()) return false;
      connection.publish(subjectOf(options.cluster, to), payload);
      return true;
    },
    async subscribe(self, handler): Promise<Subscription> {
      const inbox = connection.subscribe(subjectOf(options.cluster, self), {
        callback: (error, message) => {
          if (error === null) apart(() => handler(message.string()));
        },
      });
      const probes = connection.subscribe(probeSubjectOf(options.cluster, self), {
        callback: (error, message) => {
          if (error === null) message.respond(Empty);
        },
      });
      await flushed();
      return {
        unsubscribe() {
          inbox.unsubscribe();
          probes.unsubscribe();
        },
      };
    },
    async probe(to, boundMs): Promise<ProbeResult> {
      if (!up || connection.isClosed()) return "silent";
      try {
        await connection.request(probeSubjectOf(options.cluster, to), Empty, { timeout: boundMs });
        return "answered";
      } catch (error) {
        return codeOf(error) === noResponders ? "no-responders" : "silent";
      }
    },
    flush: flushed,
    onStatus: (handler) => void handlers.push(handler),
    async close() {
      await connection.close();
      setUp(false);
    },
  };
}

/** A bug in a handler must not reach the client library, whose read loop would end: it surfaces on its own. */
function apart(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** The one builder of subjects: `usher.<cluster>.node.<id>`. */
function subjectOf(cluster: string, node: string): string {
  if (!isId(cluster) || !isId(node)) {
    throw new Failure("TRANSPORT_BAD_NAME", "a name that cannot be a subject token", { cluster, node });
  }
  return `usher.${cluster}.node.${node}`;
}

/** Where probes of a node are answered. */
function probeSubjectOf(cluster: string, node: string): string {
  return `${subjectOf(cluster, node)}.probe`;
}

async function dial(options: NatsTransportOptions, clock: Clock): Promise<NatsConnection> {
  const { servers } = options;
  const failure = (cause: unknown): Failure =>
    codeOf(cause) === denied
      ? new Failure("TRANSPORT_CONFIG", "NATS refuses this user, password or token", { servers }, cause)
      : new Failure(
          "TRANSPORT_UNAVAILABLE",
          `no NATS server answers: ${messageOf(cause)}`,
          { servers },
          cause,
        );
  const dialing = connect({
    servers: [...servers],
    ...options.access,
    name: options.name ?? "usher",
    maxReconnectAttempts: -1,
    // Without it two refusals in a row end the connection for good, although a person may mend the server.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: reconnectWaitMs,
    reconnectJitter: reconnectWaitMs,
    pingInterval: pingIntervalMs,
    maxPingOut: 2,
    timeout: dialMs,
    noAsyncTraces: true,
  });
  const connection = await within(clock, options.connectMs ?? 10_000, dialing).catch((error: unknown) => {
    throw failure(error);
  });
  if (connection === undefined) {
    void dialing.then((late) => late.close()).catch(() => undefined);
    throw failure(new Error("timed out"));
  }
  return connection;
}

async function boundedFlush(connection: NatsConnection, clock: Clock): Promise<void> {
  const flushed = await within(
    clock,
    flushMs,
    connection.flush().then(() => true),
  ).catch((error: unknown) => {
    throw new Failure("TRANSPORT_UNAVAILABLE", "the NATS connection is away", {}, error);
  });
  if (flushed !== true)
    throw new Failure("TRANSPORT_UNAVAILABLE", "NATS did not confirm in time", { flushMs });
}
