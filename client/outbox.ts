/**
 * Commands from when the application gives them until the server has answered.
 *
 * Role: numbering, window, resending, and reading of answers, for all targets. Boundary: pure; it is told the time
 * and which frames came, and says which frames go. Invariants: a command leaves the outbox only with its answer, or
 * when its effect was found in the log (NoLostAck); a repeat has the same number, and a new producer only ever gets
 * what the log was seen not to hold (NoDupEffect); order per target is the order of `add` (SenderFIFO); what waits is
 * bounded, and goes no faster than the server takes it, each target in turn (StormBounded). Each target has a producer
 * of its own, because the `ack` of an `open` names the conversation that it made: numbers of one producer on two targets
 * could be mistaken for each other.
 */
import { limits } from "../protocol/limits.ts";
import { isOpen, Lane, type CommandBody, type Entry } from "./lane.ts";
import { Pace } from "./pace.ts";
import { retryOf } from "./refusal.ts";
import type { Code } from "../protocol/codes.ts";
import type { CommandFrame, ServerFrame } from "../protocol/frames.ts";

/** What a command brought about. */
export interface Receipt {
  /** The target, or the conversation that `open` made or found; absent for `status`. */
  readonly conv?: string;
  /** Number and epoch of the event it appended; 0 when it appended none. */
  readonly seq: number;
  readonly epoch: number;
  readonly prev: number;
  /** Wall time of the server. */
  readonly ts: number;
}

/** The end of one command. */
export type Settled =
  | {
      readonly kind: "accepted";
      readonly key: number;
      readonly body: CommandBody;
      readonly p: string;
      readonly n: number;
      readonly receipt: Receipt;
    }
  | {
      readonly kind: "refused";
      readonly key: number;
      readonly code: Code;
      /** What the server says beyond the code. */
      readonly msg: string | undefined;
    };

/** A producer in doubt: read the target's log after `after` and report what carries `producer`. */
export interface SyncWanted {
  readonly target: string;
  readonly producer: string;
  readonly after: number;
}

/** Target of the commands that concern one's own session rather than a conversation. */
export const sessionTarget = "";
/** Commands that may wait per target. */
const maxQueued = 4096;

const resendMs = 10_000;
const maxSends = 3;
const maxSetbackMs = 10_000;
const maxLanes = 1024;

/** The unanswered messages of one producer, as they are kept for the next load of the SDK. */
export interface Unsent {
  readonly target: string;
  readonly producer: string;
  /** The last number before them that was not given up. */
  readonly after: number;
  /** Wall time before which none of them was sent: the server knows the producer for a day after. */
  readonly at: number;
  readonly entries: readonly { readonly n: number; readonly since: number; readonly body: CommandBody }[];
}

/** Where a command is numbered: its conversation, or one's own session. */
function targetOf(body: CommandBody): string {
  return "conv" in body ? body.conv : sessionTarget;
}

function isSaid(body: CommandBody): boolean {
  return body.t === "send" || body.t === "note";
}

/** All unanswered commands of one client. */
export class Outbox {
  readonly #newProducer: () => string;
  readonly #random: () => number;
  readonly #lanes = new Map<string, Lane>();
  readonly #pace = new Pace();
  #maxInFlight: number = limits.maxInFlight;
  #nextKey = 1;
  /** Commands sent so far. */
  #served = 0;
  #changes = 0;

  constructor(newProducer: () => string, random: () => number) {
    this.#newProducer = newProducer;
    this.#random = random;
  }

  /** Takes a command; the key stands for it in `Settled`. Undefined when too many wait already. */
  add(body: CommandBody, since: number, wallMs: number): number | undefined {
    const lane = this.#laneFor(targetOf(body), wallMs);
    if (lane.entries.length >= maxQueued) return undefined;
    if (lane.entries.length === 0 && wallMs - lane.provenAtWall >= limits.producerTrustMs)
      lane.renumber(this.#newProducer(), wallMs);
    const key = this.#nextKey;
    this.#nextKey += 1;
    const fresh = { state: "unsent", sentAt: 0, sends: 0, firstSentWall: undefined } as const;
    lane.add({ key, body, since, ...fresh });
    this.#changes++;
    return key;
  }

  /** Grows whenever `unsent` may say something else. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * The messages without an answer, per producer. What else somebody did is not among them: to close or to hand over a
   * conversation is meant for the moment.
   * @param adopted of those that `adopt` took under that name; without it of all that were given to this load
   */
  unsent(wallMs: number, adopted?: string): Unsent[] {
    return [...this.#lanes.values()].flatMap((lane) => {
      const said = lane.entries.filter((entry) => isOpen(entry) && isSaid(entry.body));
      const [first] = said;
      if (first === undefined || lane.adopted !== adopted) return [];
      const { target, producer } = lane;
      const at = Math.min(...said.map(({ firstSentWall = wallMs }) => firstSentWall));
      const entries = said.map(({ n, since, body }) => ({ n, since, body }));
      return [{ target, producer, after: lane.afterOf(first), at, entries }];
    });
  }

  /**
   * Goes on with what another load has left, under its producers and numbers: what had its effect already is a repeat.
   * @param name what these are called in `unsent`
   */
  adopt(name: string, left: readonly Unsent[]): void {
    for (const { target, producer, after, at, entries } of left) {
      const lane = new Lane(target, producer, at, name);
      const fresh = { state: "unsent", sentAt: 0, sends: 0, firstSentWall: at } as const;
      lane.takeOver(
        entries.map((entry) => ({ ...entry, ...fresh, key: this.#nextKey++ })),
        after,
      );
      this.#lanes.set(`${name} ${producer}`, lane);
    }
    this.#changes++;
  }

  /** A connection begins: what the server allows in flight per producer, and a second, as `welcome` says. */
  allow(maxInFlight: number, perSecond: number, nowMs: number): void {
    this.#maxInFlight = Math.max(1, Math.min(limits.maxInFlight, maxInFlight));
    this.#pace.begin(perSecond, nowMs);
  }

  /** How many frames that the server counts may go now. */
  room(nowMs: number): number {
    return this.#pace.room(nowMs);
  }

  /** When the next of them may go. */
  roomAt(): number {
    return this.#pace.nextAt();
  }

  /** A frame of another kind went that the server counts as well. */
  went(nowMs: number): void {
    this.#pace.spend(1, nowMs);
  }

  /** Frames to send now, in order, and logs to read because a producer is in doubt. */
  due(nowMs: number, wallMs: number): { frames: CommandFrame[]; syncs: SyncWanted[] } {
    const ready: { lane: Lane; entry: Entry; turn: number }[] = [];
    const syncs: SyncWanted[] = [];
    for (const lane of this.#lanes.values()) {
      if (!lane.syncing && lane.isDoubtful(wallMs)) lane.syncing = true;
      if (lane.syncing && !lane.syncAsked) {
        lane.syncAsked = true;
        const after = Math.min(...lane.entries.map((entry) => entry.since));
        syncs.push({
          target: lane.target,
          producer: lane.producer,
          after: Number.isFinite(after) ? after : 0,
        });
      }
      lane.window = Math.min(lane.window, this.#maxInFlight);
      ready.push(...lane.sendable(nowMs).map((entry, turn) => ({ lane, entry, turn })));
    }
    const room = this.#pace.room(nowMs);
    if (ready.length > room) ready.sort((a, b) => a.turn - b.turn || a.lane.served - b.lane.served);
    const going = ready.slice(0, room);
    this.#pace.spend(going.length, nowMs);
    const frames = going.map(({ lane, entry }) => {
      entry.firstSentWall ??= wallMs;
      lane.served = ++this.#served;
      Object.assign(entry, { state: "sent", sentAt: nowMs, sends: entry.sends + 1 });
      return frameOf(lane, entry);
    });
    return { frames, syncs };
  }

  /** When `due` may have more to say without any answer coming first; undefined when it waits for answers only. */
  nextDueAt(): number | undefined {
    const times = [...this.#lanes.values()]
      .filter((lane) => !lane.syncing && lane.entries.slice(0, lane.window).some((e) => e.state === "unsent"))
      .map((lane) => Math.max(lane.holdUntil, this.#pace.nextAt()));
    const sent = this.oldestSentAt();
    if (sent !== undefined) times.push(sent + resendMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** When the oldest command in flight was sent. */
  oldestSentAt(): number | undefined {
    let oldest: number | undefined;
    for (const lane of this.#lanes.values())
      for (const entry of lane.entries.slice(0, limits.maxInFlight))
        if (entry.state === "sent") oldest = Math.min(oldest ?? entry.sentAt, entry.sentAt);
    return oldest;
  }

  /**
   * Lets commands be sent again whose answer is overdue on a living connection. True when that was tried often enough
   * and the connection should be given up.
   */
  expire(nowMs: number): boolean {
    let hopeless = false;
    for (const lane of this.#lanes.values()) {
      const late = lane.entries.find((entry) => entry.state === "sent" && nowMs - entry.sentAt >= resendMs);
      if (!late) continue;
      hopeless ||= late.sends >= maxSends;
      lane.rewind(late.n);
    }
    return hopeless;
  }

  /** Reads an `ack`; undefined when it answers nothing that is still open. */
  ack(frame: Extract<ServerFrame, { t: "ack" }>, wallMs: number): Settled | undefined {
    const lane = this.#laneOf(frame.p);
    const entry = lane?.find(frame.n);
    if (!lane || !entry) return undefined;
    lane.settle(entry, "accepted");
    this.#changes++;
    lane.provenAtWall = wallMs;
    lane.setbacks = 0;
    lane.window = Math.min(this.#maxInFlight, lane.window * 2);
    const { conv, seq, epoch, prev, ts } = frame;
    const receipt = { ...(conv === undefined ? {} : { conv }), seq, epoch, prev, ts };
    return { kind: "accepted", key: entry.key, body: entry.body, p: frame.p, n: frame.n, receipt };
  }

  /** Reads a `nack`; a command that is finally refused is returned, all others wait for their next turn. */
  nack(frame: Extract<ServerFrame, { t: "nack" }>, nowMs: number): Settled | undefined {
    const lane = this.#laneOf(frame.p);
    const entry = lane?.find(frame.n);
    if (!lane || !entry) return undefined;
    switch (retryOf(frame)) {
      case "never":
        lane.settle(entry, "refused");
        this.#changes++;
        return { kind: "refused", key: entry.key, code: frame.code, msg: frame.msg };
      case "same":
        if (frame.code === "RATE_LIMITED") this.#pace.refused(frame.waitMs ?? 0, nowMs);
        if (entry.state === "sent") this.#setBack(lane, entry.n, nowMs, frame.waitMs);
        return undefined;
      case "from-last":
        if (entry.state === "sent") this.#resendFrom(lane, entry, frame.last ?? 0, nowMs);
        return undefined;
      case "sync":
        this.#doubt(lane, entry, nowMs);
        return undefined;
    }
  }

  /** The connection is gone: whatever is unanswered is sent again on the next one. */
  disconnected(): void {
    for (const lane of this.#lanes.values()) {
      lane.rewind(0);
      lane.holdUntil = 0;
      lane.syncAsked = false;
      for (const entry of lane.entries) entry.sends = 0;
    }
  }

  /**
   * The log of a producer in doubt was read up to its end: `found` has the receipts of its commands by number. They
   * are settled, the rest goes on under a new producer.
   */
  synced(wanted: SyncWanted, found: ReadonlyMap<number, Receipt>, wallMs: number): Settled[] {
    const lane = this.#laneOf(wanted.producer);
    if (!lane?.syncing) return [];
    const settled: Settled[] = [];
    for (const entry of lane.entries.filter(isOpen)) {
      const receipt = found.get(entry.n);
      if (!receipt) continue;
      settled.push({
        kind: "accepted",
        key: entry.key,
        body: entry.body,
        p: lane.producer,
        n: entry.n,
        receipt,
      });
      lane.settle(entry, "accepted");
    }
    lane.renumber(this.#newProducer(), wallMs);
    this.#changes++;
    return settled;
  }

  /** Commands without an answer. */
  get size(): number {
    let size = 0;
    for (const lane of this.#lanes.values()) size += lane.entries.filter(isOpen).length;
    return size;
  }

  #setBack(lane: Lane, from: number, nowMs: number, waitMs?: number): void {
    lane.window = 1;
    lane.rewind(from);
    const span = Math.min(maxSetbackMs, 100 * 2 ** Math.min(lane.setbacks, 10));
    lane.setbacks += 1;
    const jitter = this.#random() * span;
    lane.holdUntil = nowMs + (waitMs === undefined ? jitter : waitMs + Math.min(jitter, waitMs / 4));
  }

  /**
   * `GAP`: the server has `last`; what stands behind it goes again. At the head, where all before is answered, the
   * server may not have counted a refused number, or have lost one: the head then no longer insists on it.
   */
  #resendFrom(lane: Lane, entry: Entry, last: number, nowMs: number): void {
    if (entry.n <= last) return;
    lane.window = 1;
    lane.rewind(last + 1);
    if (lane.entries.find(isOpen) !== entry) return;
    lane.insistOn(last);
    this.#setBack(lane, last + 1, nowMs);
  }

  /**
   * `PRODUCER_UNKNOWN`: if nothing was ever acknowledged, its first command only has not arrived yet; renumbering
   * would then give that command two effects. Otherwise the log must tell.
   */
  #doubt(lane: Lane, entry: Entry, nowMs: number): void {
    const head = lane.entries.find(isOpen);
    if (head && lane.afterOf(head) === 0) {
      if (entry.state === "sent") this.#resendFrom(lane, entry, 0, nowMs);
      return;
    }
    lane.syncing = true;
    lane.rewind(0);
  }

  #laneOf(producer: string): Lane | undefined {
    for (const lane of this.#lanes.values()) if (lane.producer === producer) return lane;
    return undefined;
  }

  #laneFor(target: string, wallMs: number): Lane {
    const known = this.#lanes.get(target);
    if (known) return known;
    if (this.#lanes.size >= maxLanes) {
      for (const [name, lane] of this.#lanes) if (lane.entries.length === 0) this.#lanes.delete(name);
    }
    const lane = new Lane(target, this.#newProducer(), wallMs);
    this.#lanes.set(target, lane);
    return lane;
  }
}

function frameOf(lane: Lane, entry: Entry): CommandFrame {
  const numbers = { p: lane.producer, n: entry.n, after: lane.afterOf(entry) };
  return { ...entry.body, ...numbers };
}
