/**
 * What is due, the earliest first. Role: a heap for the near future alone; what is further off waits unsorted with others
 * of its span of time, since most of it is taken back before its time comes. Invariant: everything that is due before
 * `horizon` is in the heap, so that tasks leave in the order of (time, asked for) whatever span they came from.
 */
import { Heap, type Due } from "./heap.ts";

const spanMs = 32;

/** A span of time: `at` is its number. */
interface Span<T> extends Due {
  readonly items: T[];
}

/** Tasks in the order of their time. */
export class Agenda<T extends Due & { readonly live: boolean }> {
  readonly #near = new Heap<T>();
  readonly #spans = new Heap<Span<T>>();
  readonly #byNumber = new Map<number, T[]>();
  #horizon = 0;
  #size = 0;

  /** How many wait, those among them that were taken back. */
  get size(): number {
    return this.#size;
  }

  /** Adds one. */
  push(item: T): void {
    this.#size++;
    if (item.at < this.#horizon) return this.#near.push(item);
    const number = Math.floor(item.at / spanMs);
    const items = this.#byNumber.get(number);
    if (items !== undefined) return void items.push(item);
    const span = { at: number, order: 0, items: [item] };
    this.#byNumber.set(number, span.items);
    this.#spans.push(span);
  }

  /** Takes the earliest out; of those that were taken back, only what came near is seen. */
  pop(): T | undefined {
    while (this.#near.size === 0) {
      const span = this.#spans.pop();
      if (span === undefined) return undefined;
      this.#byNumber.delete(span.at);
      this.#horizon = (span.at + 1) * spanMs;
      for (const item of span.items) if (item.live) this.#near.push(item);
      this.#size -= span.items.length - this.#near.size;
    }
    this.#size--;
    return this.#near.pop();
  }

  /** Forgets those that were taken back. */
  compact(): void {
    this.#near.retain(({ live }) => live);
    this.#size = this.#near.size;
    for (const items of this.#byNumber.values()) {
      const kept = items.filter(({ live }) => live);
      items.length = 0;
      for (const item of kept) items.push(item);
      this.#size += kept.length;
    }
  }
}
