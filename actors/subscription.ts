/**
 * One followed conversation of one connection: joins the hub's listener with a pump and the frames that tell of it.
 */
import { countFor, visibleTo, type Audience, type LogEvent } from "../protocol/events.ts";
import type { Cursor, Followed, Recovery, ServerFrame } from "../protocol/frames.ts";
import type { ConversationId } from "../protocol/ids.ts";
import { readState } from "./conversation-reads.ts";
import type { Hub, Listener } from "./hub.ts";
import { Pump, type PumpPort } from "./pump.ts";
import type { FollowedTail } from "./runtime/envelope.ts";
import { cursorAt, summaryOf, type Described } from "./summary.ts";

/** What a subscription does through its connection. */
export interface SubscriptionPort {
  readonly hub: Hub;
  /** Writes a frame that counts; false when the connection takes no more now. */
  deliver(conv: ConversationId, event: LogEvent, reader: Audience): boolean;
  /** Writes a frame that may be dropped. */
  ephemeral(frame: ServerFrame): void;
  /** Writes any other frame. */
  frame(frame: ServerFrame): void;
  /** The device confirms nothing. */
  stuck(): void;
}

/** Logs up to this length are delivered whole to a device that holds nothing of them. */
const wholeLogEvents = 500;

/** One conversation that a connection follows. */
export class Subscription implements Listener {
  readonly conv: ConversationId;
  readonly log: string;
  readonly who: string;
  readonly reader: Audience;
  /** Resolves with the log's end once the owner has answered; undefined when it was closed before. */
  readonly followed: Promise<FollowedTail | undefined>;
  readonly #port: SubscriptionPort;
  readonly #user: string;
  #resolve: (tail: FollowedTail | undefined) => void = () => {};
  #pump: Pump | undefined;
  #latest: FollowedTail | undefined;

  constructor(port: SubscriptionPort, conv: ConversationId, log: string, who: string, reader: Audience) {
    this.#port = port;
    this.conv = conv;
    this.log = log;
    this.who = who;
    this.#user = who.slice(2);
    this.reader = reader;
    this.followed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    port.hub.follow(log, this);
  }

  onFollowed(followed: FollowedTail): void {
    this.#latest = followed;
    this.#resolve(followed);
    this.#pump?.kick(followed.tail);
  }

  onEvent(event: LogEvent): void {
    if (this.#pump !== undefined) return this.#pump.offer(event);
    const latest = this.#latest;
    if (latest !== undefined && event.seq > (latest.tail?.seq ?? 0))
      this.#latest = { ...latest, tail: event };
  }

  onCast(frame: ServerFrame, audience: Audience): void {
    if (audience === "staff" && this.reader !== "staff") return;
    if (
      frame.t === "typing" &&
      frame.user === this.#user &&
      (frame.role === "visitor") === (this.reader === "all")
    )
      return;
    this.#port.ephemeral(frame);
  }

  /**
   * Decides where deliveries begin and describes the conversation; `go` starts them.
   * @param cursor what the device holds, if it said so
   * @param fromStart a conversation that has just begun: deliver all of it
   */
  async begin(
    followed: FollowedTail,
    described: Described | undefined,
    cursor: Cursor | undefined,
    fromStart: boolean,
  ): Promise<{ frame: Followed; recovered: Recovery; go: () => void }> {
    const tail = await this.#visibleTail(followed.tail);
    const end = cursorAt(tail);
    const beyond =
      cursor !== undefined && (cursor[0] > end[0] || (cursor[0] === end[0] && cursor[1] !== end[1]));
    const recovered: Recovery = beyond ? "reset" : true;
    const whole = fromStart || end[0] <= wholeLogEvents;
    const base: Cursor = cursor !== undefined && !beyond ? cursor : whole ? [0, 0] : end;
    const first = described === undefined ? (await this.#port.hub.read(this.log, 0))?.events[0] : undefined;
    return {
      frame: {
        ...summaryOf(this.conv, described, first, followed.tail),
        tail: end,
        base,
        ...this.#readState(followed, tail),
      },
      recovered,
      go: () => this.#start(base),
    };
  }

  /** The device's own command was acknowledged at this number. */
  own(seq: number, epoch: number, prev: number): void {
    this.#pump?.own(seq, epoch, prev);
  }

  /** The device holds everything up to here. */
  ack(seq: number): void {
    this.#pump?.ack(seq);
  }

  /** Every few seconds. */
  sweep(): void {
    this.#pump?.sweep();
  }

  /** Stops everything. */
  close(): void {
    this.#pump?.close();
    this.#resolve(undefined);
    this.#port.hub.unfollow(this.log, this);
  }

  #start(base: Cursor): void {
    const port: PumpPort = {
      push: (event) => this.#port.deliver(this.conv, event, this.reader),
      read: (after) => this.#port.hub.read(this.log, after),
      reset: () => void this.#announceReset(),
      giveUp: () => this.#port.stuck(),
    };
    this.#pump = new Pump(port, this.reader, base);
    this.#pump.kick(this.#latest?.tail);
  }

  /** The cursor did not match the log: the device forgets what it holds and gets everything anew. */
  #announceReset(): void {
    const tail = this.#latest?.tail;
    this.#port.frame({
      t: "conv",
      recovered: "reset",
      ...summaryOf(this.conv, undefined, undefined, tail),
      tail:
        this.reader === "staff" || tail === undefined || visibleTo(tail, this.reader)
          ? cursorAt(tail)
          : [tail.prevAll, 0],
      base: [0, 0],
      ...this.#readState(this.#latest, tail),
    });
  }

  #readState(
    followed: FollowedTail | undefined,
    tail: LogEvent | undefined,
  ): { read: number; unread: number } {
    return readState(followed?.readRecord, tail === undefined ? 0 : countFor(tail, this.reader));
  }

  /** The last event that this reader may see. */
  async #visibleTail(tail: LogEvent | undefined): Promise<LogEvent | undefined> {
    if (tail === undefined || visibleTo(tail, this.reader)) return tail;
    if (tail.prevAll === 0) return undefined;
    const page = await this.#port.hub.page(this.log, { before: tail.prevAll + 1 }, 1);
    return page?.events.at(-1);
  }
}
