/**
 * The numbered commands of one producer on one target, in the order in which they were given.
 *
 * Role: numbers, window, and what may be sent now. Boundary: pure; `outbox.ts` owns the lanes and reads the answers.
 * Invariants: numbers of a producer are never reused (NoDupEffect); a command is sent only when all before it are in
 * flight or answered, and `after` names the last one that was not given up (SenderFIFO); at most 32 in flight.
 */
import { limits } from "../protocol/limits.ts";
import type { CommandFrame } from "../protocol/frames.ts";

type WithoutNumbers<Frame> = Frame extends unknown ? Omit<Frame, "p" | "n" | "after"> : never;
/** A command before it has a number. */
export type CommandBody = WithoutNumbers<CommandFrame>;

/** One unanswered command. */
export interface Entry {
  readonly key: number;
  readonly body: CommandBody;
  /** The conversation's position at that time: its effect stands after this number. */
  readonly since: number;
  n: number;
  state: "unsent" | "sent" | "accepted" | "refused";
  sentAt: number;
  /** Times it was sent on the present connection. */
  sends: number;
  /** Wall time at which it was first sent under its producer, which decides how long that is trusted. */
  firstSentWall: number | undefined;
}

/** The commands of one producer and target. */
export class Lane {
  readonly target: string;
  /** What it was taken over from; undefined for commands that were given to this load of the SDK. */
  readonly adopted: string | undefined;
  producer: string;
  entries: Entry[] = [];
  window: number = limits.maxInFlight;
  /** Nothing is sent before this time: the server asked to wait. */
  holdUntil = 0;
  /** Refusals in a row that asked to wait or to resend; they double the wait. */
  setbacks = 0;
  /** The producer is in doubt: nothing is sent until the log was read. */
  syncing = false;
  syncAsked = false;
  /** How many commands of all lanes had been sent when one of this was last. */
  served = 0;
  /** Wall time of the last sign that the server knows the producer. */
  provenAtWall: number;
  #next = 1;
  /** The last number that left the lane and was not given up. */
  #accepted = 0;

  constructor(target: string, producer: string, wallMs: number, adopted?: string) {
    this.target = target;
    this.adopted = adopted;
    this.producer = producer;
    this.provenAtWall = wallMs;
  }

  /** Goes on where another load of the SDK ended: its numbers stay, and `after` is the last one that it had let go. */
  takeOver(entries: readonly Entry[], after: number): void {
    this.entries = [...entries];
    this.#accepted = after;
    this.#next = (entries.at(-1)?.n ?? after) + 1;
  }

  /** Puts a command behind the others and numbers it. */
  add(entry: Omit<Entry, "n">): void {
    this.entries.push({ ...entry, n: this.#next });
    this.#next += 1;
  }

  /** The entry of that number, if it is unanswered. */
  find(n: number): Entry | undefined {
    return this.entries.find((entry) => entry.n === n && isOpen(entry));
  }

  /** `after` of an entry: the last number before it that was not refused. */
  afterOf(entry: Entry): number {
    let after = this.#accepted;
    for (const earlier of this.entries) {
      if (earlier === entry) break;
      if (earlier.state !== "refused") after = earlier.n;
    }
    return after;
  }

  /** The entries that may be sent now, in order. */
  sendable(nowMs: number): Entry[] {
    if (this.syncing || nowMs < this.holdUntil) return [];
    return this.entries.slice(0, this.window).filter((entry) => entry.state === "unsent");
  }

  /** Marks an answer and lets go of what is answered at the head. */
  settle(entry: Entry, state: "accepted" | "refused"): void {
    entry.state = state;
    for (let head = this.entries[0]; head !== undefined && !isOpen(head); head = this.entries[0]) {
      if (head.state === "accepted") this.#accepted = head.n;
      this.entries.shift();
    }
  }

  /** The server's last number is lower than the one that was let go: later commands follow that one. */
  insistOn(last: number): void {
    this.#accepted = Math.min(this.#accepted, last);
  }

  /** Lets all unanswered entries from that number on be sent again. */
  rewind(from: number): void {
    for (const entry of this.entries) {
      if (entry.n >= from && entry.state === "sent") entry.state = "unsent";
    }
  }

  /** Goes on under a new producer: what is unanswered is numbered from 1 and stays in order. */
  renumber(producer: string, wallMs: number): void {
    this.producer = producer;
    this.provenAtWall = wallMs;
    this.entries = this.entries.filter(isOpen);
    this.#accepted = 0;
    this.#next = 1;
    for (const entry of this.entries) {
      Object.assign(entry, { n: this.#next, state: "unsent", firstSentWall: undefined, sends: 0 });
      this.#next += 1;
    }
    this.syncing = false;
    this.syncAsked = false;
    this.setbacks = 0;
    this.holdUntil = 0;
  }

  /** Whether some command may have taken effect so long ago that the server no longer knows its producer. */
  isDoubtful(wallMs: number): boolean {
    const possiblySent = this.entries.slice(0, limits.maxInFlight);
    return possiblySent.some((entry) => wallMs - (entry.firstSentWall ?? wallMs) >= limits.producerTrustMs);
  }
}

/** Whether an entry still waits for its answer. */
export function isOpen(entry: Entry): boolean {
  return entry.state === "unsent" || entry.state === "sent";
}
