/**
 * The encoded `deliver` frame of each event, made once per event and audience however many local connections follow the
 * log: in a group of thousands encoding it for each costs more than everything else.
 */
import { prevFor, type Audience, type LogEvent } from "../protocol/events.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import type { ConversationId } from "../protocol/ids.ts";
import { viewOf } from "./server-frames.ts";

interface Texts {
  /** By `prev`, which is all that audiences see differently. */
  readonly prev: number;
  readonly text: string;
  other?: Texts;
}

/** The deliveries of one node; a text lives as long as its event. */
export class Deliveries {
  readonly #texts = new WeakMap<LogEvent, Texts>();

  /** The frame that brings this event of this conversation to a reader of that audience. */
  text(conv: ConversationId, event: LogEvent, reader: Audience): string {
    const prev = prevFor(event, reader);
    const known = this.#texts.get(event);
    if (known?.prev === prev) return known.text;
    if (known?.other?.prev === prev) return known.other.text;
    const { seq, epoch } = event;
    const frame: ServerFrame = { t: "deliver", conv, seq, epoch, prev, ev: viewOf(event) };
    const made: Texts = { prev, text: JSON.stringify(frame) };
    if (known === undefined) this.#texts.set(event, made);
    else known.other = made;
    return made.text;
  }
}
