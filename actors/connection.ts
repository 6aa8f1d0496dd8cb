/**
 * One client's connection: the record that a bucket's proxy actor holds for it. Role: authenticates, attaches the device
 * to its session, turns frames into asks of actors and answers into frames. Boundary: it decides nothing that must
 * last; sessions and conversations do. Invariants: nothing is served before the token is verified and the session is
 * attached; a command is answered at most once and within its bound (StormBounded); outgoing bytes are bounded.
 */
import { closeCodes } from "../protocol/codes.ts";
import { prevFor, type Audience, type LogEvent } from "../protocol/events.ts";
import type { Cursor, RequestFrame, ServerFrame } from "../protocol/frames.ts";
import { isStaff, type ConversationId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import {
  conversationAddress,
  encodeAddress,
  sessionAddress,
  sessionId,
  shardOf,
  type Address,
} from "./address.ts";
import type { ClientPort, ConnectionParts } from "./client-port.ts";
import { Commands } from "./commands.ts";
import type { Parsed } from "./inbound.ts";
import type { Principal, SessionDescription } from "./messages.ts";
import { principalOf } from "./principal.ts";
import { RateLimit } from "./rate-limit.ts";
import { ReadMarks } from "./read-marks.ts";
import { answerRequest } from "./requests.ts";
import type { AskReply } from "./runtime/envelope.ts";
import { errorFrame, viewOf } from "./server-frames.ts";
import type { Claims, Socket } from "./socket.ts";
import { Subscription } from "./subscription.ts";
import { Welcome } from "./welcome.ts";

type Stage = "new" | "authenticating" | "attaching" | "live" | "closed";

/** One connection. */
export class Connection implements ClientPort {
  /** Its id on this node, never used twice. */
  readonly id: number;
  readonly parts: ConnectionParts;
  readonly #socket: Socket;
  readonly #openedAt: number;
  readonly #rate: RateLimit;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #reads: ReadMarks;
  readonly #commands: Commands;
  #stage: Stage = "new";
  #heardAt: number;
  #principal: Principal | undefined;
  #expiresAt = 0;
  #device = "";
  #attempt = 0;
  #sessionShard = -1;
  #leaveAt = Infinity;

  constructor(parts: ConnectionParts, id: number, socket: Socket) {
    this.parts = parts;
    this.id = id;
    this.#socket = socket;
    this.#openedAt = parts.clock.now();
    this.#heardAt = this.#openedAt;
    this.#rate = new RateLimit(parts.rate.perSecond, parts.rate.burst, this.#openedAt);
    this.#reads = new ReadMarks(parts);
    this.#commands = new Commands({
      parts,
      rate: this.#rate,
      frame: (frame) => this.frame(frame),
      own: (conv, seq, epoch, prev) => this.#subscriptions.get(conv)?.own(seq, epoch, prev),
    });
    const { heartbeatMs, authMs, maxFrameBytes } = limits;
    this.frame({ t: "hello", node: parts.node, hb: heartbeatMs, authMs, maxFrame: maxFrameBytes });
  }

  /** Whether the device is attached and served. */
  get live(): boolean {
    return this.#stage === "live";
  }

  /** The shard of its session; -1 before the attach. */
  get sessionShard(): number {
    return this.#sessionShard;
  }

  /** Who it is; undefined before `auth`. */
  get principal(): Principal | undefined {
    return this.#principal;
  }

  /** Takes one frame. */
  receive(parsed: Parsed): void {
    if (this.#stage === "closed") return;
    this.#heardAt = this.parts.clock.now();
    switch (parsed.kind) {
      case "bad":
        this.frame(errorFrame("BAD_FRAME", undefined, parsed.reason));
        return this.close(closeCodes.badFrame, parsed.reason);
      case "unknown":
        return;
      case "request":
        return this.#request(parsed.frame);
      case "command":
      case "refused":
        if (this.#stage === "live") return this.#commands.take(this.#who(), parsed);
        this.frame(errorFrame("UNAUTHORIZED"));
        return this.close(closeCodes.badFrame, "command before welcome");
    }
  }

  /** The socket is gone. */
  closed(): void {
    if (this.#stage === "closed") return;
    const attached = this.#sessionShard >= 0 && this.#principal !== undefined;
    this.#stage = "closed";
    for (const subscription of this.#subscriptions.values()) subscription.close();
    this.#subscriptions.clear();
    if (attached) {
      const session = encodeAddress(this.#session());
      this.parts.send({
        k: "detach",
        shard: this.#sessionShard,
        session,
        device: this.#device,
        conn: this.id,
      });
    }
    this.parts.onClosed(this.id);
  }

  /** Closes it with a code that says what to do. */
  close(code: number, reason: string): void {
    if (this.#stage === "closed") return;
    this.#socket.close(code, reason);
    this.closed();
  }

  /** Asks the client to move, and closes after `afterMs` if it has not. */
  drain(afterMs: number): void {
    this.frame({ t: "drain", afterMs: Math.round(afterMs) });
    this.#leaveAt = this.parts.clock.now() + afterMs + 1000;
  }

  /** Once a second: deadlines, heartbeats, tokens. `pumps`: also look after what stays unconfirmed. */
  sweep(now: number, pumps: boolean): void {
    if (this.#stage === "closed") return;
    if (this.#stage !== "live" && now - this.#openedAt > limits.authMs + 2 * limits.commandMs) {
      return this.close(closeCodes.unavailable, "attach took too long");
    }
    if (this.#stage === "new" && now - this.#openedAt > limits.authMs) {
      return this.close(closeCodes.authTimeout, "no auth in time");
    }
    if (now - this.#heardAt > limits.heartbeatMs * limits.heartbeatMisses) {
      return this.close(closeCodes.missedHeartbeat, "missed heartbeats");
    }
    if (this.#stage === "live" && this.parts.clock.wall() > this.#expiresAt) {
      return this.close(closeCodes.tokenExpired, "token expired");
    }
    if (now > this.#leaveAt) return this.close(closeCodes.drain, "node is draining");
    if (this.#stage === "live") this.#reads.flush(this.#who());
    if (pumps) for (const subscription of this.#subscriptions.values()) subscription.sweep();
  }

  /** Another connection of this device was attached. */
  replaced(): void {
    this.close(closeCodes.replaced, "replaced by a newer connection");
  }

  /** The session begins to follow a conversation that has just begun. */
  async enter(conv: ConversationId): Promise<void> {
    const principal = this.#principal;
    if (this.#stage !== "live" || principal === undefined || this.#subscriptions.has(conv)) return;
    const subscription = this.subscribe(conv);
    const followed = await subscription.followed;
    if (followed === undefined) return;
    const { frame, recovered, go } = await subscription.begin(followed, undefined, undefined, true);
    if (this.#subscriptions.get(conv) !== subscription) return;
    this.frame({ t: "conv", ...frame, open: true, recovered });
    go();
  }

  /** The session follows a conversation no more. */
  exit(conv: string): void {
    if (!this.unsubscribe(conv)) return;
    this.frame({ t: "left", conv });
  }

  /** Attaches again, after the session's shard has moved. False when it has to be tried again later. */
  async reattach(): Promise<boolean> {
    if (this.#stage !== "live") return true;
    const reply = await this.#askAttach();
    if (this.#stage !== "live") return true;
    if (reply?.kind === "superseded") this.replaced();
    if (reply?.kind !== "attached") return false;
    const { follows } = reply.description as SessionDescription;
    for (const { conv, open } of follows) if (open) void this.enter(conv);
    return true;
  }

  /** Begins to follow a conversation; deliveries begin later. */
  subscribe(conv: ConversationId): Subscription {
    const { tenant, role, user } = this.#who();
    const log = encodeAddress(conversationAddress(tenant, conv));
    const reader: Audience = isStaff(role) ? "staff" : "all";
    const port = {
      hub: this.parts.hub,
      deliver: (to: ConversationId, event: LogEvent, as: Audience) => this.#deliver(to, event, as),
      ephemeral: (frame: ServerFrame) => this.ephemeral(frame),
      frame: (frame: ServerFrame) => this.frame(frame),
      stuck: () => this.close(closeCodes.gap, "deliveries stay unconfirmed"),
    };
    const subscription = new Subscription(port, conv, log, sessionId(role, user), reader);
    this.#subscriptions.set(conv, subscription);
    return subscription;
  }

  /** Follows a conversation no more; false when it was not followed. */
  unsubscribe(conv: string): boolean {
    const subscription = this.#subscriptions.get(conv);
    subscription?.close();
    return this.#subscriptions.delete(conv);
  }

  /** Whether this connection follows a conversation. */
  follows(conv: string): boolean {
    return this.#subscriptions.has(conv);
  }

  /** How many conversations it follows. */
  get followed(): number {
    return this.#subscriptions.size;
  }

  /** Writes a frame. */
  frame(frame: ServerFrame): void {
    if (this.#stage !== "closed") this.#write(JSON.stringify(frame));
  }

  /** Writes a frame unless the client is slow. */
  ephemeral(frame: ServerFrame): void {
    if (this.#socket.buffered() < limits.dropEphemeraBytes) this.frame(frame);
  }

  /** Notes the highest number that was read; written to the conversation by the next sweep. */
  noteRead(conv: ConversationId, seq: number): void {
    this.#reads.note(conv, seq);
  }

  #deliver(conv: ConversationId, event: LogEvent, reader: Audience): boolean {
    if (this.#stage !== "live" || this.#socket.buffered() > limits.dropEphemeraBytes) return false;
    const { seq, epoch } = event;
    this.frame({ t: "deliver", conv, seq, epoch, prev: prevFor(event, reader), ev: viewOf(event) });
    return true;
  }

  #write(text: string): void {
    this.#socket.send(text);
    if (this.#socket.buffered() > limits.closeSlowBytes) this.close(closeCodes.slowConsumer, "too slow");
  }

  #who(): Principal {
    const principal = this.#principal;
    if (principal === undefined) throw new Error("not authenticated");
    return principal;
  }

  #session(): Address {
    const { tenant, role, user } = this.#who();
    return sessionAddress(tenant, role, user);
  }

  #request(frame: RequestFrame): void {
    switch (frame.t) {
      case "auth":
        if (this.#stage !== "new") return this.close(closeCodes.badFrame, "auth twice");
        return void this.#authenticate(frame.token, frame.device, frame.attempt, frame.cursors ?? {});
      case "ping":
      case "pong":
        if (frame.acks !== undefined) this.#ack(frame.acks);
        if (frame.t === "ping") this.frame({ t: "pong" });
        return;
      case "dack":
        return this.#ack(frame.acks);
      case "reauth":
        return void this.#reauthenticate(frame.id, frame.token);
      default:
        if (this.#stage !== "live")
          return this.frame(errorFrame("UNAUTHORIZED", "id" in frame ? frame.id : undefined));
        if (this.#rate.take(this.parts.clock.now()) > 0) {
          if ("id" in frame) this.frame(errorFrame("RATE_LIMITED", frame.id));
          return;
        }
        return void answerRequest(this, this.#who(), frame);
    }
  }

  #ack(acks: Readonly<Record<string, number>>): void {
    for (const [conv, seq] of Object.entries(acks)) this.#subscriptions.get(conv)?.ack(seq);
  }

  async #authenticate(
    token: string,
    device: string,
    attempt: number,
    cursors: Readonly<Record<string, Cursor>>,
  ): Promise<void> {
    this.#stage = "authenticating";
    const waitMs = this.parts.admit(Object.keys(cursors).length > 0);
    if (waitMs > 0) {
      this.frame(errorFrame("BUSY", undefined, "too many connections begin at once", waitMs));
      return this.close(closeCodes.overload, "overload");
    }
    const principal = this.#accept(await this.parts.verify(token));
    if (this.#isClosed()) return;
    if (principal === undefined) {
      this.frame(errorFrame("UNAUTHORIZED"));
      return this.close(closeCodes.badToken, "bad token");
    }
    this.#principal = principal;
    this.#device = device;
    this.#attempt = attempt;
    this.#stage = "attaching";
    const reply = await this.#askAttach();
    if (this.#isClosed()) return;
    if (reply?.kind === "superseded") return this.replaced();
    if (reply?.kind !== "attached") return this.#unavailable();
    const description = reply.description as SessionDescription;
    const welcome = new Welcome(this, principal, reply.gen, description, cursors);
    if (!(await welcome.gather())) return this.#unavailable();
    if (this.#isClosed()) return;
    this.#stage = "live";
    welcome.send();
    this.parts.onAttached(this.id);
  }

  #isClosed(): boolean {
    return this.#stage === "closed";
  }

  #unavailable(): void {
    this.frame(errorFrame("BUSY", undefined, "the session cannot be reached now"));
    this.close(closeCodes.unavailable, "session unavailable");
  }

  #accept(claims: Claims | undefined): Principal | undefined {
    if (claims === undefined || claims.expiresAt <= this.parts.clock.wall()) return undefined;
    this.#expiresAt = claims.expiresAt;
    return principalOf(claims);
  }

  async #reauthenticate(id: string | number, token: string): Promise<void> {
    const old = this.#principal;
    const before = this.#expiresAt;
    const fresh = this.#accept(await this.parts.verify(token));
    const same = old?.tenant === fresh?.tenant && old?.role === fresh?.role && old?.user === fresh?.user;
    if (fresh !== undefined && same && old !== undefined) return this.frame({ t: "ok", id });
    this.#expiresAt = before;
    this.frame(errorFrame("UNAUTHORIZED", id));
  }

  #askAttach(): Promise<AskReply | undefined> {
    const session = this.#session();
    const shard = shardOf(session, this.parts.shards);
    this.#sessionShard = shard;
    const to = encodeAddress(session);
    return this.parts.ask(
      {
        k: "attach",
        shard,
        session: to,
        device: this.#device,
        attempt: this.#attempt,
        conn: this.id,
        by: this.#who(),
      },
      limits.commandMs,
    );
  }
}
