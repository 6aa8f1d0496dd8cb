/**
 * One client's connection: the record that a bucket's proxy actor holds for it. Role: authenticates, attaches the device
 * to its session, turns frames into asks of actors and answers into frames. Boundary: it decides nothing that must
 * last; sessions and conversations do. Invariants: nothing is served before the token is verified and the session is
 * attached; what the session says meanwhile is kept until then; a command is answered at most once and within its bound
 * (StormBounded); outgoing bytes are bounded.
 */
import { closeCodes } from "../protocol/codes.ts";
import { present } from "../base/assert.ts";
import { SparseMap } from "../base/sparse-map.ts";
import type { Cursor, RequestFrame, ServerFrame } from "../protocol/frames.ts";
import type { ConversationId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { ClientPort, ConnectionParts } from "./client-port.ts";
import { Commands, type Ack, type CommandsPort } from "./commands.ts";
import { Deadlines } from "./deadlines.ts";
import { lostCode, type ConnectionEvent, type DetachCause } from "./connection-log.ts";
import { Held } from "./held.ts";
import type { Parsed } from "./inbound.ts";
import type { Described, Principal, SessionDescription } from "./messages.ts";
import { passOf } from "./principal.ts";
import { RateLimit } from "./rate-limit.ts";
import { ReadMarks } from "./read-marks.ts";
import { answerRequest } from "./requests.ts";
import { errorFrame } from "./server-frames.ts";
import { SessionLink } from "./session-link.ts";
import type { Socket } from "./socket.ts";
import { Subscriptions, type SubscriptionsPort } from "./subscriptions.ts";
import type { Swept } from "./sweep-wheel.ts";
import { takeTyping } from "./typing-pace.ts";
import { Welcome } from "./welcome.ts";

/** `attaching` from when the token came. */
type Stage = "new" | "attaching" | "live" | "closed";

/** All frames of one connection together, heartbeats and acknowledgements too: no client of ours comes near. */
const framesPerSecond = 500;
const framesBurst = 2000;
const pong = JSON.stringify({ t: "pong" } satisfies ServerFrame);
/** What a session may say before the connection is served; more than it can in the time for that. */
const earlyMax = 1024;

/** One connection. */
export class Connection implements ClientPort, CommandsPort, SubscriptionsPort, Swept {
  /** Its id on this node, never used twice. */
  readonly id: number;
  readonly parts: ConnectionParts;
  readonly subscriptions: Subscriptions;
  readonly #socket: Socket;
  readonly rate: RateLimit;
  readonly #frames: RateLimit;
  readonly #reads: ReadMarks;
  readonly #commands: Commands;
  readonly #typed = new SparseMap<ConversationId, number>();
  /** What the session says belongs behind its description: an answer is taken in later than what is told. */
  readonly #early = new Held(earlyMax);
  readonly #deadlines: Deadlines;
  #stage: Stage = "new";
  /** Once it has authenticated. */
  #link: SessionLink | undefined;
  /** What its client holds, while it waits for its turn to attach. */
  #cursors: Readonly<Record<string, Cursor>> | undefined;
  #stirred = false;

  constructor(parts: ConnectionParts, id: number, socket: Socket) {
    this.parts = parts;
    this.id = id;
    this.#socket = socket;
    const now = parts.clock.now();
    const { perSecond, burst } = parts.rate;
    this.#deadlines = new Deadlines(now);
    this.rate = new RateLimit(perSecond, burst, now);
    this.#frames = new RateLimit(
      Math.max(framesPerSecond, 4 * perSecond),
      Math.max(framesBurst, 4 * burst),
      now,
    );
    this.#reads = new ReadMarks(parts);
    this.#commands = new Commands(this);
    this.subscriptions = new Subscriptions(this);
  }

  /** The first frame: the server speaks first. */
  greet(): void {
    const { heartbeatMs: hb, authMs, maxFrameBytes: maxFrame } = limits;
    this.frame({ t: "hello", node: this.parts.node, hb, authMs, maxFrame });
  }

  /** Whether it is still there. */
  get open(): boolean {
    return this.#stage !== "closed";
  }

  /** Whether its client is served. */
  get live(): boolean {
    return this.#stage === "live";
  }

  /** The shard of its session; -1 before the attach. */
  get sessionShard(): number {
    return this.#link?.shard ?? -1;
  }

  /** Takes a ping that carries nothing. */
  heartbeat(): void {
    if (this.#heard()) this.#write(pong);
  }

  /** Takes one frame. */
  receive(parsed: Parsed): void {
    if (!this.#heard()) return;
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
        if (this.#stage === "live") return this.#commands.take(this.who(), parsed);
        this.frame(errorFrame("UNAUTHORIZED"));
        return this.close(closeCodes.badFrame, "command before welcome");
    }
  }

  /** False when that was one frame too many. */
  #heard(): boolean {
    if (!this.open) return false;
    const now = this.parts.clock.now();
    this.#deadlines.heard(now);
    if (this.#frames.take(now) > 0) this.close(closeCodes.rate, "too many frames");
    return this.open;
  }

  /** The socket is gone; `code` says how (RFC 6455, section 7.4). */
  closed(code?: number): void {
    this.#end(code ?? lostCode, code === undefined || code === lostCode ? "lost" : "client");
  }

  #end(code: number, cause: DetachCause): void {
    if (!this.open) return;
    if (this.#stage === "live") {
      this.#reads.flush(this.who());
      const drained = this.#deadlines.leaving || code === closeCodes.drain;
      this.#tell({ event: "detach", code, cause: drained ? "drain" : cause });
    }
    this.#stage = "closed";
    this.subscriptions.close();
    this.#link?.detach();
    this.parts.onClosed(this.id);
  }

  /** Closes it with a code that says what to do. */
  close(code: number, reason: string): void {
    if (!this.open) return;
    this.#socket.close(code, reason);
    this.#end(code, "server");
  }

  /** Asks the client to move, and closes after `afterMs` if it has not; asked again, the sooner one holds. */
  drain(afterMs: number): void {
    if (!this.#deadlines.leave(this.parts.clock.now() + afterMs + 1000)) return;
    this.#stir();
    const url = this.parts.urlElsewhere();
    this.frame({ t: "drain", afterMs: Math.round(afterMs), ...(url === undefined ? {} : { url }) });
  }

  /** Time in which nothing could be heard, since this process did not run or did not read, is not the client's. */
  forgive(ms: number): void {
    this.#deadlines.forgive(ms);
  }

  /**
   * Deadlines, heartbeats, tokens, read marks; `pumps`: also what stays unconfirmed. Answers after how many milliseconds
   * the next deadline may come, if nothing happens.
   */
  sweep(now: number, pumps: boolean): number {
    if (this.#stage === "closed") return Infinity;
    const { inMs, code, reason } = this.#deadlines.next(this.#stage, now, this.parts.clock.wall());
    if (inMs < 0) {
      this.close(code, reason);
      return Infinity;
    }
    if (this.#stage === "live") this.#reads.flush(this.who());
    if (pumps) this.subscriptions.sweep();
    return inMs;
  }

  rest(): boolean {
    this.#stirred = this.#deadlines.leaving || !this.#reads.told || !this.subscriptions.settled;
    return !this.#stirred;
  }

  #stir(): void {
    if (this.#stirred || !this.open) return;
    this.#stirred = true;
    this.parts.onStirred(this.id);
  }

  /** Another connection of this device was attached. */
  replaced(): void {
    this.close(closeCodes.replaced, "replaced by a newer connection");
  }

  /** The session begins to follow a conversation that has just begun. */
  enter(conv: ConversationId, described?: Described): void {
    if (this.open) this.#early.add(() => void this.subscriptions.enter(conv, described));
  }

  /** The session follows a conversation no more. */
  exit(conv: string): void {
    if (this.open) this.#early.add(() => void this.subscriptions.exit(conv));
  }

  /** Something of the session that may be dropped. */
  push(frame: ServerFrame): void {
    if (this.open) this.#early.add(() => this.ephemeral(JSON.stringify(frame)));
  }

  /** Attaches, for the first time or after the session's shard has moved. False when it has to be tried again later. */
  async attach(): Promise<boolean> {
    if (this.live) return this.#reattach();
    if (this.open) await this.#begin();
    return true;
  }

  async #reattach(): Promise<boolean> {
    this.#early.hold();
    try {
      const reply = await this.#linked().attach();
      if (!this.open) return true;
      if (reply?.kind === "superseded") this.replaced();
      if (reply?.kind !== "attached") return false;
      return await this.subscriptions.catchUp(reply.description as SessionDescription);
    } finally {
      this.#early.release();
    }
  }

  /** After deliveries were not taken: true when they are again, or never will be. */
  unblock(): boolean {
    if (!this.open) return true;
    if (this.#socket.buffered() > limits.dropEphemeraBytes / 2) return false;
    this.subscriptions.resume();
    return true;
  }

  /** Writes a frame. */
  frame(frame: ServerFrame): void {
    this.#write(JSON.stringify(frame));
  }

  own(conv: ConversationId, ack: Ack): void {
    this.#stir();
    this.subscriptions.own(conv, ack);
  }

  /** Notes the highest number that was read; written to the conversation by the next sweep. */
  noteRead(conv: ConversationId, seq: number): void {
    this.#stir();
    this.#reads.note(conv, seq);
  }

  /** Whether typing may be told now. */
  mayType(conv: ConversationId): boolean {
    return takeTyping(this.#typed, conv, this.parts.clock.now());
  }

  /** Whether deliveries are taken now; if not, it is looked at again until they are. */
  ready(): boolean {
    this.#stir();
    if (this.#stage !== "live") return false;
    if (this.#socket.buffered() <= limits.dropEphemeraBytes) return true;
    this.parts.onBlocked(this.id);
    return false;
  }

  /** Pumps ask whether it is ready before. */
  deliver(text: string): boolean {
    if (this.#stage !== "live") return false;
    this.#write(text);
    return true;
  }

  /** Writes what may be dropped, and is when the client does not keep up. */
  ephemeral(text: string): void {
    if (this.#socket.buffered() < limits.dropEphemeraBytes) this.#write(text);
  }

  #write(text: string): void {
    if (!this.open) return;
    this.#socket.send(text);
    if (this.#socket.buffered() > limits.closeSlowBytes) this.close(closeCodes.slowConsumer, "too slow");
  }

  /** Whose connection it is, once that is known. */
  who(): Principal {
    return this.#linked().principal;
  }

  #linked(): SessionLink {
    return present(this.#link, "not authenticated");
  }

  #request(frame: RequestFrame): void {
    switch (frame.t) {
      case "auth":
        if (this.#stage !== "new") return this.close(closeCodes.badFrame, "auth twice");
        return void this.#authenticate(frame.token, frame.device, frame.attempt, frame.cursors ?? {});
      case "ping":
      case "pong":
        if (frame.acks !== undefined) this.subscriptions.ack(frame.acks);
        if (frame.t === "ping") this.#write(pong);
        return;
      case "dack":
        return this.subscriptions.ack(frame.acks);
      default:
        if (this.#stage !== "live")
          return this.frame(errorFrame("UNAUTHORIZED", "id" in frame ? frame.id : undefined));
        // Deliveries that the client does not want would otherwise go on until it is closed for not confirming them.
        if (frame.t === "unfollow") return void this.subscriptions.end(frame.conv);
        if (this.rate.take(this.parts.clock.now()) > 0) {
          if ("id" in frame) this.frame(errorFrame("RATE_LIMITED", frame.id));
          return;
        }
        if (frame.t === "reauth") return void this.#reauthenticate(frame.id, frame.token);
        return void answerRequest(this, this.who(), frame);
    }
  }

  async #authenticate(
    token: string,
    device: string,
    attempt: number,
    cursors: Readonly<Record<string, Cursor>>,
  ): Promise<void> {
    this.#stage = "attaching";
    const pass = passOf(await this.parts.verify(token), this.parts.clock.wall());
    if (!this.open) return;
    if (pass === undefined) {
      this.frame(errorFrame("UNAUTHORIZED"));
      return this.close(closeCodes.badToken, "bad token");
    }
    const waitMs = this.parts.admit(Object.keys(cursors).length > 0);
    if (waitMs > 0) {
      this.frame(errorFrame("BUSY", undefined, "too many connections begin at once", waitMs));
      return this.close(closeCodes.overload, "overload");
    }
    this.#link = new SessionLink(this.parts, pass.principal, { conn: this.id, device, attempt });
    this.#deadlines.expiresAt = pass.expiresAt;
    this.#cursors = cursors;
    this.parts.onAttaching(this.id);
  }

  async #begin(): Promise<void> {
    const cursors = this.#cursors ?? {};
    this.#cursors = undefined;
    const welcome = Welcome.begin(this, this.who(), cursors);
    const reply = await this.#linked().attach();
    if (!this.open) return;
    if (reply?.kind === "superseded") return this.replaced();
    if (reply?.kind !== "attached") return this.#unavailable();
    const description = reply.description as SessionDescription;
    if (!(await welcome.gather(reply.gen, description))) return this.#unavailable();
    if (!this.open) return;
    this.#stage = "live";
    welcome.send();
    const tookMs = Math.round(this.parts.clock.now() - this.#deadlines.openedAt);
    this.#tell({ event: Object.keys(cursors).length > 0 ? "resume" : "attach", tookMs });
    this.#early.release();
  }

  #tell(what: ConnectionEvent["what"]): void {
    this.parts.connectionLog?.note({ ...this.who(), device: this.#linked().device, what });
  }

  #unavailable(): void {
    this.frame(errorFrame("BUSY", undefined, "the session cannot be reached now"));
    this.close(closeCodes.unavailable, "session unavailable");
  }

  /** Somebody else's token changes nothing, nor does one that ends sooner than another that came meanwhile. */
  async #reauthenticate(id: string | number, token: string): Promise<void> {
    const old = this.who();
    const pass = passOf(await this.parts.verify(token), this.parts.clock.wall());
    const fresh = pass?.principal;
    const same = old.tenant === fresh?.tenant && old.role === fresh.role && old.user === fresh.user;
    if (pass === undefined || !same) return this.frame(errorFrame("UNAUTHORIZED", id));
    this.#deadlines.expiresAt = Math.max(this.#deadlines.expiresAt, pass.expiresAt);
    this.frame({ t: "ok", id });
  }
}
