import type { Item } from "../protocol/frames.ts";

/** One event of a conversation as the application sees it. */
export interface ConversationEvent extends Item {
  readonly conv: string;
}

/**
 * The last events of one conversation, in order and without a hole, at most `capacity` of them. Older ones can be put
 * in front as long as there is room; newer ones push the oldest out.
 */
export class LogView {
  readonly #capacity: number;
  #events: ConversationEvent[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The events held, oldest first. */
  get events(): readonly ConversationEvent[] {
    return this.#events;
  }

  /** Adds the newest event. */
  append(event: ConversationEvent): void {
    this.#events.push(event);
    if (this.#events.length > this.#capacity + this.#capacity / 4)
      this.#events = this.#events.slice(this.#events.length - this.#capacity);
  }

  /** Puts older events in front; returns those that were new and joined without a hole. */
  prepend(events: readonly ConversationEvent[]): readonly ConversationEvent[] {
    const first = this.#events[0];
    const older = first ? events.filter((event) => event.seq < first.seq) : events;
    if (first && older.at(-1)?.seq !== first.prev) return [];
    const room = Math.max(0, this.#capacity - this.#events.length);
    const taken = room === 0 ? [] : older.slice(-room);
    this.#events = [...taken, ...this.#events];
    return taken;
  }

  /** Forgets everything. */
  clear(): void {
    this.#events = [];
  }
}
