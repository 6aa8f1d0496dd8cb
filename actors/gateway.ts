/**
 * All connections of one node. Role: groups them into buckets of proxy actors, sweeps their deadlines on one wheel,
 * attaches them again when their session's shard has moved, sends them away paced. Boundary: sockets come from the edge.
 * Invariants: frames of a connection are handled in their order; what waits to be handled is bounded (StormBounded).
 */
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { Cancel } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Routing } from "../placement/hosting.ts";
import { closeCodes } from "../protocol/codes.ts";
import type { RequestFrame } from "../protocol/frames.ts";
import { isConversationId } from "../protocol/ids.ts";
import type { ConnectionParts } from "./client-port.ts";
import { Attaches } from "./attaches.ts";
import { Connection } from "./connection.ts";
import type { Parsed } from "./inbound.ts";
import { Intake } from "./intake.ts";
import type { NodeEnvelope } from "./runtime/envelope.ts";
import type { ActorSystem, Family, Mailbox } from "./runtime/nact.ts";
import type { Socket } from "./socket.ts";
import { SweepWheel } from "./sweep-wheel.ts";

/** What a gateway is made of. */
export interface GatewayParts {
  readonly connection: Omit<
    ConnectionParts,
    "urlElsewhere" | "onAttaching" | "onStirred" | "onBlocked" | "onClosed"
  >;
  readonly routing: Routing;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly system: ActorSystem;
  readonly parse: (text: string) => Parsed;
  /** Told about twenty times a second how many milliseconds late the event loop is. */
  readonly onLag?: (lagMs: number) => void;
}

/** The edge's end of a connection. */
export interface ConnectionInput {
  /** One text message came. */
  receive(text: string): void;
  /** The socket is gone; with the close code, where there was one. */
  closed(code?: number): void;
}

interface Bucket {
  readonly mailbox: Mailbox;
  readonly inbox: { readonly member: Member; readonly text: string }[];
  members: number;
}

/** One connection and what the gateway knows of it. */
class Member implements ConnectionInput {
  readonly connection: Connection;
  readonly socket: Socket;
  readonly bucket: Bucket;
  readonly #receive: (member: Member, text: string) => void;
  /** Frames that wait to be handled. */
  waiting = 0;

  constructor(
    connection: Connection,
    socket: Socket,
    bucket: Bucket,
    receive: (member: Member, text: string) => void,
  ) {
    this.connection = connection;
    this.socket = socket;
    this.bucket = bucket;
    this.#receive = receive;
  }

  receive(text: string): void {
    this.#receive(this, text);
  }

  closed(code?: number): void {
    this.connection.closed(code);
  }
}

/** The most frequent frame of all: it is answered at once, whatever waits in the mailboxes. */
const barePing = JSON.stringify({ t: "ping" } satisfies RequestFrame);
const bucketSize = 256;
const framesPerWake = 128;
const waitingFramesMax = 512;
const sweepMs = 1000;
const unblockMs = 50;

/** The connections of one node. */
export class Gateway {
  readonly #parts: GatewayParts;
  readonly #connectionParts: ConnectionParts;
  readonly #members = new Map<number, Member>();
  readonly #family: Family;
  readonly #buckets: Bucket[] = [];
  readonly #attaches: Attaches;
  /** Those whose clients do not read fast enough: looked at until they do. */
  readonly #blocked = new Set<Connection>();
  readonly #intake: Intake;
  readonly #wheel = new SweepWheel<Connection>();
  readonly #cancels: Cancel[] = [];
  readonly #frames;
  readonly #onFrame = (member: Member, text: string): void => this.#receive(member, text);
  #unblocking: Cancel | undefined;
  #ids = 0;
  #sweptAt: number;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    this.#connectionParts = {
      ...parts.connection,
      urlElsewhere: () => this.#urlElsewhere(),
      onAttaching: (conn) => this.#attaching(conn),
      onStirred: (conn) => this.#stir(conn),
      onBlocked: (conn) => this.#block(conn),
      onClosed: (conn) => this.#forget(conn),
    };
    this.#family = parts.system.family("connections");
    this.#frames = parts.metrics.counter("usher_frames_in_total", "Frames received from clients");
    parts.metrics.gauge("usher_connections", "Open client connections", () => this.#members.size);
    const lag = parts.metrics.histogram(
      "usher_loop_lag_ms",
      "How late the event loop was in milliseconds, looked at twenty times a second",
      [5, 10, 20, 50, 100, 200, 500, 1000, 2500],
    );
    const { clock } = parts.connection;
    this.#attaches = new Attaches({ clock, random: parts.random, routing: parts.routing });
    this.#sweptAt = clock.now();
    this.#intake = new Intake({
      clock,
      onLag: (lagMs) => {
        lag.observe(Math.max(0, lagMs));
        parts.onLag?.(lagMs);
      },
      onHeld: (ms) => this.#forgive(ms),
    });
    this.#cancels.push(
      clock.every(sweepMs, () => this.#sweep()),
      this.#intake.start(),
    );
  }

  /** How many connections are open. */
  get size(): number {
    return this.#members.size;
  }

  /** How many of them wait for their turn to attach. */
  get attachesWaiting(): number {
    return this.#attaches.waiting;
  }

  /** Takes a new socket. */
  open(socket: Socket): ConnectionInput {
    const connection = new Connection(this.#connectionParts, ++this.#ids, socket);
    const bucket = this.#bucketWithRoom();
    bucket.members++;
    const member = new Member(connection, socket, bucket, this.#onFrame);
    this.#members.set(connection.id, member);
    this.#wheel.add(connection);
    this.#intake.heard(socket);
    connection.greet();
    return member;
  }

  /** Delivers what another node has for a connection of this one. */
  take(envelope: NodeEnvelope): void {
    if (!("conn" in envelope)) return;
    const connection = this.#members.get(envelope.conn)?.connection;
    if (connection === undefined) return;
    if (envelope.k === "push") connection.push(envelope.frame);
    else if (envelope.k === "replace") connection.replaced();
    else if (isConversationId(envelope.conv)) {
      if (envelope.k === "enter") connection.enter(envelope.conv, envelope.described);
      else connection.exit(envelope.conv);
    }
  }

  /** Attaches again the connections whose sessions are owned by that node: something of it was lost. */
  renew(node: string): void {
    this.#attaches.renew(node);
  }

  /** Attaches everything again: this node is another run now. */
  renewAll(): void {
    this.#attaches.renewAll();
  }

  /** Asks all clients to move, spread evenly over `overMs`; each is told its own delay. */
  sendAway(overMs: number): void {
    for (const { connection } of this.#members.values())
      connection.drain(this.#parts.random.float() * overMs);
  }

  /** Closes everything at once. */
  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#unblocking?.();
    for (const { connection } of this.#members.values()) connection.close(closeCodes.drain, "node stops");
    this.#family.stop();
  }

  #bucketWithRoom(): Bucket {
    const free = this.#buckets.find(({ members }) => members < bucketSize);
    if (free !== undefined) return free;
    const inbox: Bucket["inbox"] = [];
    const mailbox = this.#family.spawn(`bucket-${this.#buckets.length}`, undefined, () => this.#run(bucket));
    const bucket: Bucket = { mailbox, inbox, members: 0 };
    this.#buckets.push(bucket);
    return bucket;
  }

  #receive(member: Member, text: string): void {
    const { connection, bucket } = member;
    if (!connection.open) return;
    this.#intake.heard(member.socket);
    this.#frames.add();
    if (text === barePing) return connection.heartbeat();
    if (++member.waiting > waitingFramesMax)
      return connection.close(closeCodes.rate, "too many frames at once");
    bucket.inbox.push({ member, text });
    bucket.mailbox.wake();
  }

  #run(bucket: Bucket): undefined {
    const batch = bucket.inbox.splice(0, framesPerWake);
    for (const { member, text } of batch) {
      member.waiting--;
      if (member.connection.open) this.#handle(member.connection, text);
    }
    if (bucket.inbox.length > 0) bucket.mailbox.wake();
    return undefined;
  }

  /** A bug that one frame finds ends its connection, and does not take the frames of others along. */
  #handle(connection: Connection, text: string): void {
    try {
      connection.receive(this.#parts.parse(text));
    } catch (error) {
      this.#parts.log.error("a frame could not be handled", { error: messageOf(error) });
      connection.close(closeCodes.unavailable, "internal error");
    }
  }

  #urlElsewhere(): string | undefined {
    const { routing, random } = this.#parts;
    const urls = [...routing.members().values()]
      .filter(({ node, state, url }) => node !== routing.self.node && state === "up" && url !== "")
      .map(({ url }) => url);
    return urls[Math.floor(random.float() * urls.length)];
  }

  #stir(conn: number): void {
    const connection = this.#members.get(conn)?.connection;
    if (connection !== undefined) this.#wheel.stir(connection);
  }

  #block(conn: number): void {
    const connection = this.#members.get(conn)?.connection;
    if (connection === undefined) return;
    this.#blocked.add(connection);
    this.#unblockLater();
  }

  #unblockLater(): void {
    this.#unblocking ??= this.#parts.connection.clock.after(unblockMs, () => this.#unblock());
  }

  #unblock(): void {
    this.#unblocking = undefined;
    for (const connection of [...this.#blocked]) {
      this.#blocked.delete(connection);
      if (!connection.unblock()) this.#blocked.add(connection);
    }
    if (this.#blocked.size > 0) this.#unblockLater();
  }

  #attaching(conn: number): void {
    const connection = this.#members.get(conn)?.connection;
    if (connection !== undefined) this.#attaches.add(connection);
  }

  #forget(conn: number): void {
    const member = this.#members.get(conn);
    if (member === undefined) return;
    const { connection, bucket } = member;
    bucket.members--;
    this.#members.delete(conn);
    this.#attaches.forget(connection);
    this.#blocked.delete(connection);
    this.#intake.forget(member.socket);
    this.#wheel.forget(connection);
  }

  #sweep(): void {
    const now = this.#parts.connection.clock.now();
    const lateMs = now - this.#sweptAt - sweepMs;
    this.#sweptAt = now;
    if (lateMs > sweepMs) this.#forgive(lateMs);
    this.#wheel.turn(now);
  }

  #forgive(ms: number): void {
    for (const { connection } of this.#members.values()) connection.forgive(ms);
  }
}
