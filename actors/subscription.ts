/**
 * One followed conversation of one connection: joins the hub's listener with a pump and the frames that tell of it.
 */
import { sleep, type Clock } from "../base/clock.ts";
import { countFor, visibleTo, type Audience, type LogEvent } from "../protocol/events.ts";
import type { Cursor, Followed, Recovery, ServerFrame } from "../protocol/frames.ts";
import { visitorOf, type ConversationId } from "../protocol/ids.ts";
import type { Ack } from "./commands.ts";
import { readState } from "./conversation-reads.ts";
import { EncodedEvent } from "./encoded-event.ts";
import type { Hub, Listener } from "./hub.ts";
import { Pump, type PumpPort } from "./pump.ts";
import type { Described } from "./messages.ts";
import type { Page } from "./replays.ts";
import type { FollowedPage, FollowedTail } from "./runtime/envelope.ts";
import { cursorAt, mayFollowTheEnd, summaryOf } from "./summary.ts";

/** What a subscription does through its connection. */
export interface SubscriptionPort {
  readonly hub: Hub;
  readonly clock: Clock;
  /** Whether deliveries are taken now; if not, `resume` is called when they are again. */
  ready(): boolean;
  /** Writes a delivery, encoded already; false when the connection takes no more now. */
  deliver(text: string): boolean;
  /** Writes a frame that may be dropped, encoded already. */
  ephemeral(text: string): void;
  /** Writes any other frame. */
  frame(frame: ServerFrame): void;
  /** The device confirms nothing. */
  stuck(): void;
}

/** How a subscription begins: what to tell the client, and the start of the deliveries. */
export interface Beginning {
  readonly frame: Followed;
  readonly recovered: Recovery;
  readonly go: () => void;
}

/** Logs up to this length are delivered whole to a device that holds nothing of them. */
const wholeLogEvents = 500;
const finishMs = 2000;
const finishPollMs = 20;

/** One conversation that a connection follows. */
export class Subscription implements Listener {
  readonly conv: ConversationId;
  readonly log: string;
  readonly who: string;
  readonly reader: Audience;
  readonly after: number | undefined;
  /** Resolves once the owner has answered: true, or false when it was closed before. */
  readonly followed: Promise<boolean>;
  readonly #port: SubscriptionPort;
  readonly #user: string;
  #resolve: (followed: boolean) => void = () => {};
  #pump: Pump<EncodedEvent> | undefined;
  #answered = false;
  #closed = false;
  /** Acknowledgements of own messages that wait for what stands before them. */
  #owed: Ack[] | undefined;
  #settling = false;
  #tail: LogEvent | undefined;
  #readRecord: string | undefined;
  #described: Described | undefined;
  #first: LogEvent | undefined;
  /** What came with the follow, until deliveries begin. */
  #page: FollowedPage | undefined;

  /** @param cursor what the device holds, if it said so: what comes next is asked for with the follow */
  constructor(
    port: SubscriptionPort,
    conv: ConversationId,
    log: string,
    who: string,
    reader: Audience,
    cursor?: Cursor,
  ) {
    this.#port = port;
    this.conv = conv;
    this.log = log;
    this.who = who;
    this.#user = who.slice(2);
    this.reader = reader;
    // From the position itself, which has to be found in the log first. A group's followers share their reads.
    const shared = visitorOf(conv) === undefined;
    this.after = shared || cursor === undefined ? undefined : Math.max(0, cursor[0] - 1);
    this.followed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    port.hub.follow(log, this);
  }

  /** Whether the log is known to be empty: there is no such conversation yet. */
  get empty(): boolean {
    return this.#answered && this.#tail === undefined;
  }

  onFollowed({ who, tail, readRecord, page }: FollowedTail): void {
    const old = this.#tail;
    // Before the first answer, `old` is an event that overtook it: events may be handled before the answer is.
    const late =
      old !== undefined && (tail?.seq ?? 0) < old.seq && (!this.#answered || tail?.epoch === old.epoch);
    if (!late) this.#tail = tail;
    if (who === this.who) this.#readRecord = readRecord;
    this.#answered = true;
    this.#page = page;
    this.#resolve(true);
    this.#pump?.kick(tail);
  }

  onEvent(event: EncodedEvent): void {
    // Epochs rise along a log: the higher one is the newer, also where the store has lost what stood there.
    const { seq, epoch } = this.#tail ?? { seq: 0, epoch: 0 };
    if (event.epoch > epoch || (event.epoch === epoch && event.seq > seq)) this.#tail = event;
    this.#pump?.offer(event);
    if (this.#owed !== undefined) this.#acknowledge(this.#pump?.sent ?? Infinity);
  }

  /** Resolves when everything was pushed that the log holds now, or after a bound. */
  async finish(clock: Clock): Promise<void> {
    const page = await this.#port.hub.page(this.log, { before: Number.MAX_SAFE_INTEGER }, 1);
    const last = page?.events.at(-1);
    if (last === undefined) return;
    const deadline = clock.now() + finishMs;
    while (
      !this.#closed &&
      this.#pump !== undefined &&
      this.#pump.seen < last.seq &&
      clock.now() < deadline
    ) {
      this.#pump.kick(last);
      await sleep(clock, finishPollMs);
    }
  }

  onCast(frame: ServerFrame, audience: Audience, text: string): void {
    if (this.#pump === undefined || (audience === "staff" && this.reader !== "staff")) return;
    const own =
      frame.t === "typing" &&
      frame.user === this.#user &&
      (frame.role === "visitor") === (this.reader === "all");
    if (!own) this.#port.ephemeral(text);
  }

  /**
   * Decides where deliveries begin and describes the conversation; `go` starts them.
   * @param cursor what the device holds, if it said so
   * @returns undefined when the log cannot be read now
   */
  async begin(described: Described | undefined, cursor: Cursor | undefined): Promise<Beginning | undefined> {
    this.#described = described;
    const { hub } = this.#port;
    if (described === undefined) this.#first = (await hub.page(this.log, { after: 0 }, 1))?.events[0];
    const tail = this.#tail;
    const end = await this.#visibleEnd(tail);
    if (end === undefined) return undefined;
    const holds = cursor === undefined ? false : await this.#holds(cursor, end);
    if (holds === undefined) return undefined;
    const base = holds && cursor !== undefined ? cursor : baseOf(end);
    return {
      frame: await this.#describe(tail, end, base),
      recovered: cursor !== undefined && !holds ? "reset" : true,
      go: () => this.#start(base),
    };
  }

  /**
   * Writes the acknowledgement of the device's own message: its delivery, if the device holds what stands before it. What
   * others said just before comes in the same turn, behind the answer: the acknowledgement waits for it, or for the end
   * of the turn.
   */
  own(ack: Ack): void {
    this.#owed ??= [];
    this.#owed.push(ack);
    this.#acknowledge(this.#pump?.sent ?? Infinity);
    if (this.#owed === undefined || this.#settling) return;
    this.#settling = true;
    this.#port.clock.soon(() => {
      this.#settling = false;
      this.#acknowledge(Infinity);
    });
  }

  /** Writes the acknowledgements of what stands right behind what was pushed up to here, in their order. */
  #acknowledge(sent: number): void {
    let reached = sent;
    let ack;
    while ((ack = this.#owed?.[0]) !== undefined && ack.prev <= reached) {
      this.#owed?.shift();
      this.#pump?.own(ack.seq, ack.epoch, ack.prev);
      this.#port.frame(ack);
      reached = Math.max(reached, this.#pump?.sent ?? 0);
    }
    if (ack === undefined) this.#owed = undefined;
  }

  /** The device holds everything up to here. */
  ack(seq: number): void {
    this.#pump?.ack(seq);
  }

  /** Deliveries are taken again. */
  resume(): void {
    this.#pump?.resume();
  }

  /** Whether its deliveries need no looking after now. */
  get settled(): boolean {
    return this.#pump?.settled ?? true;
  }

  /** Every few seconds. */
  sweep(): void {
    this.#pump?.sweep();
  }

  /** Stops everything. */
  close(): void {
    this.#closed = true;
    this.#acknowledge(Infinity);
    this.#pump?.close();
    this.#resolve(false);
    this.#port.hub.unfollow(this.log, this);
  }

  #start(base: Cursor): void {
    if (this.#closed) return;
    const { hub } = this.#port;
    const port: PumpPort<EncodedEvent> = {
      ready: () => this.#port.ready(),
      push: (event) => this.#port.deliver(event.frame(this.conv, this.reader)),
      read: (after) => this.#held(after) ?? hub.read(this.log, after),
      reset: () => this.#reset(),
      giveUp: () => this.#port.stuck(),
    };
    this.#pump = new Pump(port, this.reader, base);
    this.#pump.kick(this.#tail);
    // It was good for the first read, if there was one.
    this.#page = undefined;
  }

  /** The page that came with the follow, as long as it is what a read would bring. */
  #held(after: number): Promise<Page> | undefined {
    const page = this.#page;
    if (page?.after !== after || page.end < (this.#tail?.seq ?? 0)) return undefined;
    return Promise.resolve({ events: page.events.map((event) => new EncodedEvent(event)), end: page.end });
  }

  /**
   * The cursor did not match the log: the device forgets what it holds and begins anew. Where the log ends is read: what was
   * heard of it may be what the store has lost.
   */
  async #reset(): Promise<Cursor | undefined> {
    const page = await this.#port.hub.page(this.log, { before: Number.MAX_SAFE_INTEGER }, 1);
    if (page === undefined) return undefined;
    const tail = page.events.at(-1);
    const end = await this.#visibleEnd(tail);
    if (end === undefined) return undefined;
    const base = baseOf(end);
    const description = await this.#describe(tail, end, base);
    if (this.#closed) return undefined;
    this.#tail = tail;
    this.#port.frame({ t: "conv", recovered: "reset", ...description });
    return base;
  }

  async #describe(tail: LogEvent | undefined, end: Cursor, base: Cursor): Promise<Followed> {
    const count = tail === undefined ? 0 : countFor(tail, this.reader);
    // The session knows whether it has ended; without it the log tells.
    const told = this.#described === undefined ? await this.#telling(tail) : tail;
    return {
      ...summaryOf(this.conv, this.#described, this.#first, told),
      tail: end,
      base,
      ...readState(this.#readRecord, count),
    };
  }

  /** The last event that tells whether the conversation has ended, as far as one page reaches. */
  async #telling(tail: LogEvent | undefined): Promise<LogEvent | undefined> {
    if (tail === undefined || !mayFollowTheEnd(tail)) return tail;
    const page = await this.#port.hub.page(this.log, { before: tail.seq }, tellingEvents);
    return page?.events.findLast((event) => !mayFollowTheEnd(event)) ?? tail;
  }

  /** Whether the cursor stands in the log. What is not beyond its end is left to the pump, which reads there anyway. */
  async #holds(cursor: Cursor, end: Cursor): Promise<boolean | undefined> {
    const [seq, epoch] = cursor;
    if (seq < end[0] || (seq === end[0] && epoch === end[1])) return true;
    // The answer about the end may have been late: only the log itself takes a position back.
    const page = await this.#port.hub.page(this.log, { after: seq - 1 }, 1);
    if (page === undefined) return undefined;
    const [found] = page.events;
    return found?.seq === seq && found.epoch === epoch && visibleTo(found, this.reader);
  }

  /** The last event that this reader may see; undefined when it cannot be read. */
  async #visibleEnd(tail: LogEvent | undefined): Promise<Cursor | undefined> {
    if (tail === undefined || visibleTo(tail, this.reader)) return cursorAt(tail);
    if (tail.prevAll === 0) return start;
    const page = await this.#port.hub.page(this.log, { before: tail.prevAll + 1 }, 1);
    return page === undefined ? undefined : cursorAt(page.events.at(-1));
  }
}

const start: Cursor = [0, 0];
/** Notes and recalls behind the end of a conversation that are looked through. */
const tellingEvents = 64;

function baseOf(end: Cursor): Cursor {
  return end[0] <= wholeLogEvents ? start : end;
}
