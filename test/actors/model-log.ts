import { prevFor, visibleTo, type Audience, type LogEvent } from "../../protocol/events.ts";
import type { Cursor } from "../../protocol/frames.ts";

/** A log as the store keeps it, that a test writes at will; it can also forget. */
export interface ModelLog {
  readonly events: LogEvent[];
  readonly end: LogEvent | undefined;
  append(aud?: Audience): LogEvent;
  /** Forgets what stands after a number and goes on under the next epoch. */
  forgetAfter(seq: number): void;
  /** What a reader of that audience sees after a number. */
  visible(reader: Audience, after?: number): Cursor[];
}

/** An empty log under epoch 1. */
export function modelLog(): ModelLog {
  const events: LogEvent[] = [];
  let epoch = 1;
  return {
    events,
    get end() {
      return events.at(-1);
    },
    append(aud = "all") {
      const last = events.at(-1);
      const prevAll = last === undefined ? 0 : last.aud === "all" ? last.seq : last.prevAll;
      const event: LogEvent = {
        seq: events.length + 1,
        epoch,
        aud,
        prevAll,
        countAll: (last?.countAll ?? 0) + (aud === "all" ? 1 : 0),
        countStaff: events.length + 1,
        ts: 0,
        by: { role: "agent", id: "amy" },
        body: { kind: aud === "all" ? "message" : "note", body: { kind: "text", text: `${events.length}` } },
      };
      events.push(event);
      return event;
    },
    forgetAfter(seq) {
      events.length = Math.min(seq, events.length);
      epoch++;
    },
    visible: (reader, after = 0) =>
      events
        .filter((event) => event.seq > after && visibleTo(event, reader))
        .map((event): Cursor => [event.seq, event.epoch]),
  };
}

/** A device as the protocol page tells it: accepts what follows its position, drops repeats, counts gaps. */
export interface ModelDevice {
  readonly held: Cursor[];
  readonly position: number;
  readonly gaps: string[];
  take(event: LogEvent, reader: Audience): void;
  /** An acknowledged own send. */
  own(seq: number, epoch: number, prev: number): void;
  reset(base: Cursor): void;
}

/** A device that holds everything up to a cursor. */
export function modelDevice(from: Cursor): ModelDevice {
  let position = from[0];
  const held: Cursor[] = [];
  const gaps: string[] = [];
  const accept = (seq: number, epoch: number): void => {
    held.push([seq, epoch]);
    position = seq;
  };
  return {
    held,
    gaps,
    get position() {
      return position;
    },
    take(event, reader) {
      if (event.seq <= position) return;
      const prev = prevFor(event, reader);
      if (prev !== position) gaps.push(`${event.seq} after ${prev} came to a device at ${position}`);
      else accept(event.seq, event.epoch);
    },
    own(seq, epoch, prev) {
      if (prev === position) accept(seq, epoch);
    },
    reset(base) {
      held.length = 0;
      position = base[0];
    },
  };
}
