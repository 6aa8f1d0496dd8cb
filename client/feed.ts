/**
 * The followed conversations as the application sees them.
 *
 * Role: turns welcome, conv, deliver, ack and left into one gapless stream of events per conversation, keeps the last
 * of them in memory, and repairs gaps. Boundary: positions are judged in `cursors.ts`; frames go out through `Host`.
 * Invariants: each event is emitted exactly once and in order between resets (MonotonicDelivery, NoSkip); an
 * acknowledged own message is emitted before its promise resolves (ReadYourWrites).
 */
import { isContent, type Author, type EventBody } from "../protocol/events.ts";
import { limits } from "../protocol/limits.ts";
import { faultOfConversation } from "./check.ts";
import { Cursors, type Repair } from "./cursors.ts";
import { LogView, type ConversationEvent } from "./log-view.ts";
import { Refusal } from "./refusal.ts";
import type { Role } from "../protocol/ids.ts";
import type { Cursor, Followed, Item, Recovery, ServerFrame } from "../protocol/frames.ts";
import type { Settled } from "./outbox.ts";
import type { ClientEvents } from "./client-events.ts";
import type { Answer, QuestionBody } from "./requests.ts";

/** What the feed needs from its client. */
export interface FeedHost {
  emit<Name extends keyof ClientEvents>(name: Name, payload: ClientEvents[Name]): void;
  /** Asks the server on behalf of the SDK itself; rejected when the connection goes. */
  ask(question: QuestionBody, lasting: boolean): Promise<Answer>;
  /** Runs later, unless the client stops. */
  after(delayMs: number, run: () => void): void;
  /** Gives the connection up, to come back with backoff. */
  giveUp(reason: string): void;
}

type Welcome = Extract<ServerFrame, { t: "welcome" }>;
type ConvFrame = Extract<ServerFrame, { t: "conv" }>;

/** Who this client is, as `welcome` says. */
export interface Identity {
  readonly session: string;
  readonly user: string;
  readonly role: string;
  readonly gen: number;
}

/** Time within which an acknowledged event is delivered. */
const overdueMs = 5_000;
const goneCodes: ReadonlySet<string> = new Set(["FORBIDDEN", "NOT_FOUND"]);

/** All followed conversations of one client. */
export class Feed {
  readonly #host: FeedHost;
  readonly #capacity: number;
  readonly #cursors = new Cursors();
  readonly #views = new Map<string, LogView>();
  readonly #followed = new Map<string, Followed>();
  #identity: Identity | undefined;
  #recovered: Record<string, Recovery> = {};
  #described = new Map<string, Followed>();

  constructor(host: FeedHost, capacity: number) {
    this.#host = host;
    this.#capacity = capacity;
  }

  /** The conversations, with read marks and unread counts kept current. */
  get conversations(): readonly Followed[] {
    return [...this.#followed.values()];
  }

  /** The positions, for `auth` and for acknowledgements. */
  get cursors(): Cursors {
    return this.#cursors;
  }

  /** Who this client is; undefined before the first welcome. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** The last events of a conversation, oldest first. */
  history(conv: string): readonly ConversationEvent[] {
    return this.#views.get(conv)?.events ?? [];
  }

  /** The connection is gone. */
  disconnected(): void {
    this.#cursors.disconnected();
    this.#recovered = {};
    this.#described.clear();
  }

  /** Takes one page of `welcome`; true with the last one. */
  welcome(frame: Welcome): boolean {
    const { session, user, role, gen } = frame;
    this.#identity = { session, user, role, gen };
    Object.assign(this.#recovered, frame.recovered);
    for (const followed of frame.convs) {
      this.#described.set(followed.conv, followed);
      const recovery = this.#recovered[followed.conv];
      if (recovery !== undefined || this.#cursors.get(followed.conv) === undefined)
        this.#enter(followed, recovery ?? true);
    }
    if (frame.more) return false;
    this.#concludeWelcome();
    return true;
  }

  /** Takes a `conv` frame: a conversation was announced, or is the answer to `follow`. */
  announced(frame: ConvFrame): void {
    const { t: _t, id: _id, recovered, ...followed } = frame;
    this.#cursors.repaired(frame.conv);
    this.#enter(followed, recovered);
  }

  /** Takes a `deliver` frame. */
  deliver(conv: string, item: Item, bytes: number): void {
    const verdict = this.#cursors.take(conv, item, bytes);
    if (verdict.kind === "accepted") this.#accept(conv, item);
    else if (verdict.kind === "gap") this.#repair(conv, verdict.repair);
  }

  /**
   * An own command was acknowledged; where its `prev` is the position, that is the delivery of a `send`. What is to be
   * delivered otherwise and does not come is missing.
   */
  acknowledged(settled: Extract<Settled, { kind: "accepted" }>): void {
    const { body, receipt, p, n } = settled;
    const identity = this.#identity;
    if (receipt.seq === 0 || !("conv" in body) || !identity) return;
    const isDelivery = this.#cursors.get(body.conv)?.[0] === receipt.prev;
    if (!isDelivery || body.t !== "send") return this.#await(body.conv, receipt.seq);
    const by: Author = { role: identity.role as Role, id: identity.user };
    const said: EventBody = { kind: "message", body: body.body };
    const { seq, epoch, prev, ts } = receipt;
    this.deliver(body.conv, { seq, epoch, prev, ev: { ts, by, p, n, body: said } }, 0);
  }

  /** This client no longer belongs to a conversation, or does not follow it any more. */
  leave(conv: string, tell: boolean): void {
    this.#cursors.drop(conv);
    this.#views.delete(conv);
    const known = this.#followed.delete(conv);
    if (tell && known) this.#host.emit("left", { conv });
  }

  /** This client has read up to there. */
  markRead(conv: string, seq: number): void {
    const followed = this.#followed.get(conv);
    if (followed && seq > followed.read) this.#markRead(followed, seq);
  }

  /** Takes a `read` frame: somebody has read up to there. */
  read(frame: Extract<ServerFrame, { t: "read" }>): void {
    const own = frame.user === this.#identity?.user && frame.role === this.#identity.role;
    if (own) this.markRead(frame.conv, frame.seq);
    const { conv, user, role, seq } = frame;
    this.#host.emit("read", { conv, user, role, seq });
  }

  /** Fetches up to `limit` events before those held and puts them in front; returns the new ones. */
  async backfill(conv: string, limit: number): Promise<readonly ConversationEvent[]> {
    const fault = faultOfConversation(conv);
    if (fault !== undefined) throw new Refusal("INVALID", fault);
    const view = this.#view(conv);
    const first = view.events[0]?.seq ?? (this.#cursors.get(conv)?.[0] ?? 0) + 1;
    if (first <= 1) return [];
    const question = {
      t: "sync",
      conv,
      before: first,
      limit: Math.min(limit, limits.maxPageEvents),
    } as const;
    const answer = await this.#host.ask(question, true);
    if (answer.t !== "page") return [];
    const events = [...answer.items].sort((a, b) => a.seq - b.seq).map((item) => ({ ...item, conv }));
    const taken = this.#views.get(conv) === view ? view.prepend(events) : [];
    if (taken.length > 0) this.#host.emit("history", { conv, events: taken });
    return taken;
  }

  #await(conv: string, seq: number): void {
    const isMissing = (): boolean => (this.#cursors.get(conv)?.[0] ?? seq) < seq;
    if (!isMissing()) return;
    this.#host.after(overdueMs, () => {
      const repair = isMissing() ? this.#cursors.missing(conv) : undefined;
      if (repair) this.#repair(conv, repair);
    });
  }

  #concludeWelcome(): void {
    const convs = [...this.#described.values()];
    for (const followed of convs) {
      if (this.#recovered[followed.conv] === undefined && this.#cursors.get(followed.conv))
        this.#reconcile(followed);
    }
    for (const conv of Object.keys(this.#cursors.all())) {
      if (this.#described.has(conv)) continue;
      const recovery = this.#recovered[conv];
      if (recovery === "left") this.leave(conv, true);
      else if (recovery === undefined) this.#follow(conv, this.#cursors.get(conv));
      else if (recovery === "reset") this.#follow(conv, undefined);
    }
    this.#described = new Map();
    this.#recovered = {};
    const identity = this.#identity;
    if (identity) this.#host.emit("welcome", { ...identity, convs });
  }

  /** A conversation of which the server does not say what became of our cursor. */
  #reconcile(followed: Followed): void {
    const [seq, epoch] = this.#cursors.get(followed.conv) ?? [0, 0];
    const same = followed.base[0] === seq && (followed.base[1] === epoch || seq === 0);
    this.#enter(followed, same ? true : "reset");
  }

  #enter(followed: Followed, recovery: Recovery): void {
    const { conv } = followed;
    if (recovery === "left") return this.leave(conv, true);
    const known = this.#followed.has(conv) && this.#cursors.get(conv) !== undefined;
    this.#followed.set(conv, followed);
    if (!known) {
      this.#cursors.set(conv, followed.base);
      this.#host.emit("conversation", followed);
      return;
    }
    const [position] = this.#cursors.get(conv) ?? [0, 0];
    if (recovery === "reset") return this.#restart(conv, followed.base);
    const repair = followed.base[0] > position ? this.#cursors.missing(conv) : undefined;
    if (repair) this.#repair(conv, repair);
  }

  #restart(conv: string, base: Cursor): void {
    const held = this.history(conv).length;
    this.#cursors.set(conv, base);
    this.#views.delete(conv);
    this.#host.emit("reset", { conv });
    if (held > 0) this.#inBackground(this.backfill(conv, held));
  }

  #accept(conv: string, item: Item): void {
    const event: ConversationEvent = { ...item, conv };
    this.#view(conv).append(event);
    const followed = this.#followed.get(conv);
    if (followed) this.#followed.set(conv, this.#advance(followed, item));
    this.#host.emit("event", event);
    if (item.ev.body.kind === "message") this.#host.emit("message", event);
  }

  #advance(followed: Followed, item: Item): Followed {
    const tail: Cursor = [Math.max(followed.tail[0], item.seq), item.epoch];
    const open = item.ev.body.kind === "closed" ? false : followed.open;
    const alreadyCounted = item.seq <= followed.tail[0];
    if (!isContent(item.ev.body.kind) || alreadyCounted) return { ...followed, tail, open };
    if (!this.#isOwn(item.ev.by)) return { ...followed, tail, open, unread: followed.unread + 1 };
    return { ...followed, tail, open, read: followed.unread === 0 ? item.seq : followed.read };
  }

  /** Counts the unread again after an own read mark, as far as the view reaches. */
  #markRead(followed: Followed, seq: number): void {
    const after = this.history(followed.conv).filter((event) => event.seq > seq);
    const foreign = after.filter(({ ev }) => isContent(ev.body.kind) && !this.#isOwn(ev.by));
    this.#followed.set(followed.conv, { ...followed, read: seq, unread: foreign.length });
  }

  /** A visitor and an agent may have one and the same id. */
  #isOwn(by: Author): boolean {
    return by.id === this.#identity?.user && by.role === this.#identity.role;
  }

  #repair(conv: string, repair: Repair): void {
    switch (repair) {
      case "follow":
        return this.#follow(conv, this.#cursors.get(conv));
      case "sync":
        return this.#inBackground(this.#readOn(conv));
      case "restart":
        this.#views.delete(conv);
        this.#host.emit("reset", { conv });
        this.#followed.delete(conv);
        return this.#follow(conv, undefined);
      case "reconnect":
        return this.#host.giveUp("a gap that nothing repairs");
    }
  }

  /** Reads the log from the position to its end, then follows on from there. */
  async #readOn(conv: string): Promise<void> {
    for (;;) {
      const [after] = this.#cursors.get(conv) ?? [0, 0];
      const answer = await this.#host.ask({ t: "sync", conv, after, limit: limits.maxPageEvents }, false);
      if (answer.t !== "page") return;
      for (const item of answer.items) {
        if (this.#cursors.take(conv, item, 0).kind === "accepted") this.#accept(conv, item);
      }
      const [reached] = this.#cursors.get(conv) ?? [0, 0];
      if (!answer.more || reached === after) break;
    }
    this.#follow(conv, this.#cursors.get(conv));
  }

  /** Follows from a cursor, or from the present end; the answer comes as a `conv` frame to `announced`. */
  #follow(conv: string, cursor: Cursor | undefined): void {
    const question = { t: "follow", conv, ...(cursor ? { cursor: [cursor[0], cursor[1]] } : {}) } as const;
    const answered = this.#host.ask(question as QuestionBody, false).catch((error: unknown) => {
      if (!(error instanceof Refusal) || !goneCodes.has(error.code)) throw error;
      this.leave(conv, true);
    });
    this.#inBackground(answered);
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (error instanceof Refusal && (error.code === "DISCONNECTED" || error.code === "STOPPED")) return;
      this.#host.emit("error", error instanceof Error ? error : new Error(String(error)));
    });
  }

  #view(conv: string): LogView {
    const view = this.#views.get(conv) ?? new LogView(this.#capacity);
    this.#views.set(conv, view);
    return view;
  }
}
