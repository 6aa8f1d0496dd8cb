/**
 * One pump per (connection, conversation): moves a log to one device in order. Role: pushes an event whose `prev` is what
 * was sent last; anything else makes it read the log from there. This is replay, retry, gap repair and live delivery in
 * one. Boundary: the hub reads; the connection writes frames. Invariants: MonotonicDelivery, NoSkip.
 */
import { prevFor, visibleTo, type Audience, type LogEvent } from "../protocol/events.ts";
import type { Cursor } from "../protocol/frames.ts";
import { limits } from "../protocol/limits.ts";

/** What a pump acts through. */
export interface PumpPort {
  /** Writes one delivery; false when the connection takes no more now. */
  push(event: LogEvent): boolean;
  /** Events after a number, ascending, of any audience; `end` is the log's last number. */
  read(after: number): Promise<{ readonly events: readonly LogEvent[]; readonly end: number } | undefined>;
  /** The cursor does not match the log: the client starts anew from [0, 0]. */
  reset(): void;
  /** The device has confirmed nothing for too long. */
  giveUp(): void;
}

const stallsMax = 3;

/** Delivers one conversation to one connection. */
export class Pump {
  readonly reader: Audience;
  readonly #port: PumpPort;
  /** Everything up to here was pushed, as this reader sees the log. */
  #sent: number;
  /** Everything up to here was pushed or is not for this reader: where reading goes on. */
  #seen: number;
  /** Epoch of the event at `sent`. */
  #epoch: number;
  /** A position that has to be found in the log before anything is pushed; undefined when there is no doubt. */
  #check: Cursor | undefined;
  #acked: number;
  /** Pushed but not confirmed, ascending. */
  #unacked: number[] = [];
  #reading = false;
  #wanted = false;
  #closed = false;
  #stalls = 0;
  #quietSweeps = 0;

  constructor(port: PumpPort, reader: Audience, from: Cursor) {
    this.#port = port;
    this.reader = reader;
    this.#sent = from[0];
    this.#seen = from[0];
    this.#acked = from[0];
    this.#epoch = from[1];
    this.#check = from[0] === 0 ? undefined : from;
  }

  /** Everything up to here was pushed. */
  get sent(): number {
    return this.#sent;
  }

  /** Ends it: nothing is pushed any more. */
  close(): void {
    this.#closed = true;
  }

  /** The log reached at least to this event (or was empty) when the owner was asked. */
  kick(tail: LogEvent | undefined): void {
    const end = tail?.seq ?? 0;
    if (this.#check !== undefined && tail?.seq === this.#sent) {
      if (tail.epoch !== this.#epoch) this.#startOver();
      this.#check = undefined;
    }
    // An answer of an earlier owner may be late; a log that is shorter now has lost events: the store knows.
    if (this.#sent > end) this.#check ??= [this.#sent, this.#epoch];
    if (end > this.#seen || this.#check !== undefined) this.#catchUp();
  }

  /** A committed event of the log. */
  offer(event: LogEvent): void {
    if (this.#closed || event.seq <= this.#seen || !visibleTo(event, this.reader)) return;
    if (
      this.#reading ||
      this.#check !== undefined ||
      prevFor(event, this.reader) !== this.#sent ||
      this.#full()
    ) {
      return this.#catchUp();
    }
    this.#push(event);
  }

  /** The device's own command was acknowledged: where `prev` is its position, that is the delivery. */
  own(seq: number, epoch: number, prev: number): void {
    if (this.#closed || seq === 0 || prev !== this.#sent) return;
    this.#sent = seq;
    this.#seen = seq;
    this.#epoch = epoch;
    this.#unacked.push(seq);
  }

  /** The device holds everything up to here. */
  ack(seq: number): void {
    if (seq <= this.#acked || seq > this.#sent) return;
    this.#acked = seq;
    this.#quietSweeps = 0;
    this.#stalls = 0;
    let done = 0;
    while (done < this.#unacked.length && (this.#unacked[done] ?? 0) <= seq) done++;
    this.#unacked.splice(0, done);
    if (this.#wanted && !this.#full()) this.#catchUp();
  }

  /** Every few seconds: a failed read is tried again; what stays unconfirmed is pushed again, and then given up. */
  sweep(): void {
    if (this.#closed) return;
    if (this.#wanted && !this.#full()) this.#catchUp();
    if (this.#unacked.length === 0 || ++this.#quietSweeps < 4 * 2 ** this.#stalls) return;
    this.#quietSweeps = 0;
    if (++this.#stalls > stallsMax) return this.#port.giveUp();
    this.#sent = this.#acked;
    this.#seen = this.#acked;
    this.#unacked = [];
    this.#catchUp();
  }

  #full(): boolean {
    return this.#unacked.length >= limits.maxUnackedEvents;
  }

  #push(event: LogEvent): boolean {
    if (!this.#port.push(event)) {
      this.#wanted = true;
      return false;
    }
    this.#sent = event.seq;
    this.#seen = event.seq;
    this.#epoch = event.epoch;
    this.#unacked.push(event.seq);
    return true;
  }

  #startOver(): void {
    this.#sent = 0;
    this.#seen = 0;
    this.#acked = 0;
    this.#unacked = [];
    this.#check = undefined;
    this.#port.reset();
  }

  /** Reads until nothing is missing or the window is full; asked for while it reads, it looks again. */
  #catchUp(): void {
    this.#wanted = true;
    if (this.#reading || this.#closed) return;
    this.#reading = true;
    void this.#readOn();
  }

  async #readOn(): Promise<void> {
    while (this.#wanted && !this.#closed && !this.#full()) {
      this.#wanted = false;
      const check = this.#check;
      const page = await this.#port.read(check === undefined ? this.#seen : check[0] - 1);
      if (page === undefined) this.#wanted = true;
      if (page === undefined || this.#closed) break;
      if (check !== undefined && !matches(check, page.events[0])) {
        this.#startOver();
        this.#wanted = true;
        continue;
      }
      this.#check = undefined;
      if (!this.#pushPage(page.events)) this.#wanted = true;
      else if (page.events.length > 0 && this.#seen < page.end) this.#wanted = true;
    }
    this.#reading = false;
  }

  /** True when the whole page was taken. */
  #pushPage(events: readonly LogEvent[]): boolean {
    for (const event of events) {
      if (event.seq <= this.#seen) continue;
      if (!visibleTo(event, this.reader)) this.#seen = event.seq;
      else if (this.#full() || !this.#push(event)) return false;
    }
    return true;
  }
}

function matches([seq, epoch]: Cursor, first: LogEvent | undefined): boolean {
  return first !== undefined && first.seq === seq && first.epoch === epoch;
}
