/**
 * One pump per (connection, conversation): moves a log to one device in order. Role: pushes an event whose `prev` is what
 * was sent last; anything else makes it read the log from there. This is replay, retry, gap repair and live delivery in
 * one. Boundary: the hub reads; the connection writes frames. Invariants: MonotonicDelivery, NoSkip, OffsetAgreement: a
 * position whose epoch is not that of what comes next is looked up in the log before anything follows it.
 */
import { prevFor, visibleTo, type Audience, type LogEvent } from "../protocol/events.ts";
import type { Cursor } from "../protocol/frames.ts";
import { limits } from "../protocol/limits.ts";

/** What a pump acts through. */
export interface PumpPort<Event extends LogEvent> {
  /** Whether the connection takes deliveries now; when it does again, it calls `resume`. */
  ready(): boolean;
  /** Writes one delivery; false when the connection takes no more now. */
  push(event: Event): boolean;
  /** Events after a number, ascending, of any audience; `end` is the log's last number. */
  read(after: number): Promise<{ readonly events: readonly Event[]; readonly end: number } | undefined>;
  /**
   * The cursor does not match the log, which ends at `end`: tells the client to start anew, and answers from where;
   * undefined when that cannot be found out now.
   */
  reset(end: number): Promise<Cursor | undefined>;
  /** The device has confirmed nothing for too long, or the log has a hole. */
  giveUp(): void;
}

const stallsMax = 3;

/** Delivers one conversation to one connection. */
export class Pump<Event extends LogEvent> {
  readonly reader: Audience;
  readonly #port: PumpPort<Event>;
  /** The last event that was pushed, as this reader sees the log. */
  #sent: Cursor;
  /** The last event that was pushed or is not for this reader: where reading goes on. */
  #seen: Cursor;
  /** Positions that have to be found in the log before anything is pushed, ascending. */
  #doubts: Cursor[];
  /** The last event that the device has confirmed. */
  #acked: Cursor;
  /** Pushed but not confirmed, ascending; after a rewind also what lies beyond `sent`. */
  #unacked: Cursor[] = [];
  /** How many of them are not beyond `sent`. */
  #flying = 0;
  #reading = false;
  #wanted = false;
  #closed = false;
  #stalls = 0;
  #quietSweeps = 0;

  constructor(port: PumpPort<Event>, reader: Audience, from: Cursor) {
    this.#port = port;
    this.reader = reader;
    this.#sent = from;
    this.#acked = from;
    this.#seen = from;
    this.#doubts = from[0] === 0 ? [] : [from];
  }

  /** Everything up to here was pushed. */
  get sent(): number {
    return this.#sent[0];
  }

  /** Everything up to here was pushed or is not for this reader. */
  get seen(): number {
    return this.#seen[0];
  }

  /** Whether nothing is on its way, to be read or unconfirmed: no sweep is needed until it asks whether it may push. */
  get settled(): boolean {
    return this.#closed || (this.#unacked.length === 0 && !this.#wanted && !this.#reading);
  }

  /** Ends it: nothing is pushed any more. */
  close(): void {
    this.#closed = true;
  }

  /**
   * The log reached at least to this event (or was empty) when the owner was asked. The answer may be late, and of an
   * earlier owner: it raises doubts, but only the log itself settles them.
   */
  kick(tail: LogEvent | undefined): void {
    if (this.#closed) return;
    const [sent, epoch] = this.#sent;
    const end = tail?.seq ?? 0;
    this.#distrust(tail?.epoch);
    if (tail?.epoch !== epoch || end < sent) this.#doubt();
    else if (visibleTo(tail, this.reader)) {
      if (end === sent && this.#doubts.length === 1 && this.#doubts[0]?.[0] === sent) this.#doubts = [];
    } else if (end === sent) {
      this.#doubt();
    } else if (this.#doubts.length === 0 && tail.prevAll === sent && end > this.#seen[0]) {
      this.#seen = [end, epoch];
    }
    if (end > this.#seen[0] || this.#doubts.length > 0) this.#catchUp();
  }

  /** A committed event of the log. */
  offer(event: Event): void {
    const { seq, epoch } = event;
    if (this.#closed || seq <= this.#seen[0]) return;
    this.#distrust(epoch);
    if (epoch !== this.#sent[1]) this.#doubt();
    if (this.#reading || this.#doubts.length > 0) return this.#catchUp();
    if (!visibleTo(event, this.reader)) {
      if (seq === this.#seen[0] + 1) this.#seen = [seq, epoch];
    } else if (this.#follows(event) && this.#free()) this.#push(event);
    else this.#catchUp();
  }

  /** The device's own command was acknowledged: where `prev` is its position, that is the delivery. */
  own(seq: number, epoch: number, prev: number): void {
    if (this.#closed || seq === 0 || prev !== this.#sent[0]) return;
    if (epoch !== this.#sent[1]) this.#doubt();
    this.#advance(seq, epoch);
    if (this.#doubts.length === 0) return;
    this.#doubts.push(this.#sent);
    this.#catchUp();
  }

  /** The device holds everything up to here. What was never pushed cannot be held. */
  ack(seq: number): void {
    const highest = this.#unacked.at(-1);
    if (highest === undefined || seq > highest[0]) return;
    const done = this.#unacked.findLastIndex(([pushed]) => pushed <= seq) + 1;
    if (done === 0) return;
    this.#acked = this.#unacked[done - 1] ?? this.#acked;
    this.#unacked = this.#unacked.slice(done);
    this.#quietSweeps = 0;
    this.#stalls = 0;
    // A confirmation that crossed with a rewind: what it confirms need not be pushed again.
    if (this.#acked[0] > this.#sent[0]) {
      this.#sent = this.#acked;
      if (this.#acked[0] > this.#seen[0]) this.#seen = this.#acked;
    }
    this.#flying = this.#unacked.findLastIndex(([pushed]) => pushed <= this.#sent[0]) + 1;
    this.resume();
  }

  /** The connection takes deliveries again. */
  resume(): void {
    if (this.#wanted && this.#free()) this.#catchUp();
  }

  /** Every few seconds: a failed read is tried again; what stays unconfirmed is pushed again, and then given up. */
  sweep(): void {
    if (this.#closed || !this.#port.ready()) return;
    this.resume();
    if (this.#unacked.length === 0 || ++this.#quietSweeps < 4 * 2 ** this.#stalls) return;
    this.#quietSweeps = 0;
    if (++this.#stalls > stallsMax) return this.#port.giveUp();
    this.#sent = this.#acked;
    this.#seen = this.#acked;
    this.#flying = 0;
    // The device may hold more than it confirmed: that has to be in the log still, or it starts anew.
    const highest = this.#unacked.at(-1);
    if (highest !== undefined && this.#doubts.length === 0) this.#doubts.push(highest);
    this.#catchUp();
  }

  #full(): boolean {
    return this.#flying >= limits.maxUnackedEvents;
  }

  #free(): boolean {
    return !this.#full() && this.#port.ready();
  }

  #follows(event: LogEvent): boolean {
    return prevFor(event, this.reader) === this.#sent[0];
  }

  /** What was passed over as not for this reader may be among what the log lost before this epoch. */
  #distrust(epoch: number | undefined): void {
    if (epoch !== this.#seen[1]) this.#seen = this.#sent;
  }

  /** Between two epochs a log may have lost its end and grown anew: the position has to be found in it first. */
  #doubt(): void {
    if (this.#doubts.length === 0 && this.#sent[0] > 0) this.#doubts.push(this.#sent);
  }

  #push(event: Event): boolean {
    if (!this.#port.push(event)) {
      this.#wanted = true;
      return false;
    }
    this.#advance(event.seq, event.epoch);
    return true;
  }

  #advance(seq: number, epoch: number): void {
    this.#sent = [seq, epoch];
    if (seq > this.#seen[0]) this.#seen = this.#sent;
    this.#flying++;
    if (seq > (this.#unacked.at(-1)?.[0] ?? 0)) this.#unacked.push(this.#sent);
  }

  /** Reads until nothing is missing or no more is taken; asked for while it reads, it looks again. */
  #catchUp(): void {
    this.#wanted = true;
    if (this.#reading || this.#closed) return;
    this.#reading = true;
    void this.#readOn();
  }

  async #readOn(): Promise<void> {
    while (this.#wanted && !this.#closed && this.#free()) {
      this.#wanted = false;
      const [doubt] = this.#doubts;
      const after = doubt === undefined ? this.#seen[0] : doubt[0] - 1;
      const page = await this.#port.read(after);
      if (this.#closed) break;
      if (page === undefined || !(await this.#take(page, after, doubt))) {
        this.#wanted = true;
        break;
      }
    }
    this.#reading = false;
  }

  /** False when it has to be tried later. */
  async #take(
    page: { readonly events: readonly Event[]; readonly end: number },
    after: number,
    doubt: Cursor | undefined,
  ): Promise<boolean> {
    let anchored = false;
    if (doubt !== undefined && this.#doubts[0] === doubt) {
      if (!this.#found(doubt, page.events[0])) return this.#startOver(page.end);
      this.#doubts.shift();
      this.#seen = this.#sent;
      anchored = doubt[0] === this.#sent[0];
      if (!anchored) {
        this.#wanted = true;
        return true;
      }
    }
    if (this.#doubts.length > 0 || !this.#pushPage(page.events, after, anchored)) this.#wanted = true;
    else if (page.events.length > 0 && this.#seen[0] < page.end) this.#wanted = true;
    return true;
  }

  async #startOver(end: number): Promise<boolean> {
    const base = await this.#port.reset(end);
    if (base === undefined) return false;
    this.#sent = base;
    this.#acked = base;
    this.#seen = base;
    this.#unacked = [];
    this.#flying = 0;
    this.#doubts = [];
    this.#wanted = true;
    return true;
  }

  /**
   * True when the whole page was taken. Epochs only rise along a log: an event of the position's own epoch proves that
   * the position is in the log still; before one of another epoch, the page itself has to show it.
   */
  #pushPage(events: readonly Event[], after: number, anchored: boolean): boolean {
    for (const event of events) {
      if (event.seq <= this.#seen[0]) continue;
      if (!visibleTo(event, this.reader)) {
        this.#seen = [event.seq, event.epoch];
        continue;
      }
      if (!this.#free()) return false;
      const follows = this.#follows(event);
      if (!follows && after > this.#sent[0]) {
        // What was passed over before this page may be gone from the log: it is read from what was pushed.
        this.#seen = this.#sent;
        return false;
      }
      if (!anchored && this.#sent[0] > 0 && (!follows || event.epoch !== this.#sent[1])) {
        this.#doubts.push(this.#sent);
        return false;
      }
      if (!follows) {
        this.#closed = true;
        this.#port.giveUp();
        return true;
      }
      if (!this.#push(event)) return false;
      anchored = true;
    }
    return true;
  }

  #found([seq, epoch]: Cursor, first: LogEvent | undefined): boolean {
    return first !== undefined && first.seq === seq && first.epoch === epoch && visibleTo(first, this.reader);
  }
}
