/**
 * An event that stays encoded from its owner to the sockets. Role: its head in the open, for pumps and hubs; what readers
 * get (`ev`) as the JSON that the owner wrote once: it is stored, sent between nodes and put into frames as it is, and
 * parsed only where somebody looks inside. Boundary: knows the layout of stored events and `deliver` frames, nothing else.
 */
import type { Audience, Author, EventBody, EventView, LogEvent } from "../protocol/events.ts";
import { prevFor } from "../protocol/events.ts";
import type { ConversationId } from "../protocol/ids.ts";
import { viewOf } from "./server-frames.ts";

/** What travels between nodes: the head's fields, and the encoded `EventView`. */
export type WireEvent = readonly [
  seq: number,
  epoch: number,
  aud: Audience,
  prevAll: number,
  countAll: number,
  countStaff: number,
  view: string,
];

/** Encodes an event, once. */
export function wireOf(event: LogEvent): WireEvent {
  const { seq, epoch, aud, prevAll, countAll, countStaff } = event;
  return [seq, epoch, aud, prevAll, countAll, countStaff, JSON.stringify(viewOf(event))];
}

/** The stored form: a JSON object whose head comes first, so that it is read without parsing the rest. */
export function storedForm([seq, epoch, aud, prevAll, countAll, countStaff, view]: WireEvent): string {
  const head = `{"seq":${seq},"epoch":${epoch},"aud":"${aud}","prevAll":${prevAll}`;
  return `${head},"countAll":${countAll},"countStaff":${countStaff},${view.slice(1)}`;
}

const storedHead =
  /^\{"seq":(\d+),"epoch":(\d+),"aud":"(all|staff)","prevAll":(\d+),"countAll":(\d+),"countStaff":(\d+),/;

/** The event of which this is the stored form. @throws SyntaxError when it is none */
export function fromStored(text: string): EncodedEvent {
  return new EncodedEvent(wireFromStored(text));
}

/** The same as it travels. @throws SyntaxError when it is none */
export function wireFromStored(text: string): WireEvent {
  const head = storedHead.exec(text);
  if (head === null) return wireOf(JSON.parse(text) as LogEvent);
  const [all, seq, epoch, aud, prevAll, countAll, countStaff] = head;
  const view = `{${text.slice(all.length)}`;
  const audience = aud === "staff" ? "staff" : "all";
  return [Number(seq), Number(epoch), audience, Number(prevAll), Number(countAll), Number(countStaff), view];
}

/** An event whose inside is parsed when somebody looks at it. */
export class EncodedEvent implements LogEvent {
  readonly seq: number;
  readonly epoch: number;
  readonly aud: Audience;
  readonly prevAll: number;
  readonly countAll: number;
  readonly countStaff: number;
  readonly #encoded: string;
  #view: EventView | undefined;
  /** Its `deliver` frame by `prev`, which is all that audiences see differently. */
  #frame = "";
  #framePrev = -1;

  constructor([seq, epoch, aud, prevAll, countAll, countStaff, view]: WireEvent) {
    this.seq = seq;
    this.epoch = epoch;
    this.aud = aud;
    this.prevAll = prevAll;
    this.countAll = countAll;
    this.countStaff = countStaff;
    this.#encoded = view;
  }

  get ts(): number {
    return this.#inside.ts;
  }

  get by(): Author {
    return this.#inside.by;
  }

  get p(): string | undefined {
    return this.#inside.p;
  }

  get n(): number | undefined {
    return this.#inside.n;
  }

  get body(): EventBody {
    return this.#inside.body;
  }

  get #inside(): EventView {
    return (this.#view ??= JSON.parse(this.#encoded) as EventView);
  }

  /**
   * The frame that brings it to a reader of that audience. Made once however many local connections follow the log: in a
   * group of thousands encoding it for each costs more than everything else.
   */
  frame(conv: ConversationId, reader: Audience): string {
    const prev = prevFor(this, reader);
    if (this.#framePrev !== prev) {
      this.#framePrev = prev;
      const { seq, epoch } = this;
      const head = `{"t":"deliver","conv":"${conv}","seq":${seq},"epoch":${epoch},"prev":${prev}`;
      this.#frame = `${head},"ev":${this.#encoded}}`;
    }
    return this.#frame;
  }

  /** As any other event is written. */
  toJSON(): LogEvent {
    const { seq, epoch, aud, prevAll, countAll, countStaff } = this;
    return { seq, epoch, aud, prevAll, countAll, countStaff, ...this.#inside };
  }
}
