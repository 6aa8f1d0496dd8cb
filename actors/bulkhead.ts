/**
 * Bounds how much of one kind is under way towards each node at a time (the bulkhead of Nygard's "Release It!"): the rest waits
 * in one line per node, first come first served. What is under way shares the processors with all that nobody can put off,
 * so that little of it makes a storm take hardly longer and leaves room for those who talk. Boundary: it does not know the
 * work. Invariants: a node that does not answer holds up what goes there and nothing else, and what takes long, because it waits
 * for something else, holds its place up for a moment only; nothing is done twice at a time; what waits is there once.
 */
import type { Clock } from "../base/clock.ts";
import type { Routing } from "../placement/hosting.ts";

/** Who serves the shard; undefined when nobody does: the next route of the shard brings back what wants to go there. */
export function servingNode(routing: Routing, shard: number): string | undefined {
  const route = routing.route(shard);
  return route?.state === "stable" ? route.owner.node : undefined;
}

/** What a bulkhead is made of. */
export interface BulkheadParts<T> {
  readonly clock: Clock;
  /** How many are under way at most, towards that node. */
  readonly atOnce: (node: string) => number;
  /** Where it goes; undefined drops it: nobody is there for it, and whoever comes has to have it added again. */
  readonly nodeOf: (item: T) => string | undefined;
  /** Does it; never rejects, and ends within a bounded time. */
  readonly run: (item: T) => Promise<void>;
  /** It was added while it was under way, and is not any more: adds it, here or to another bulkhead. */
  readonly again: (item: T) => void;
}

/**
 * What is under way for longer waits for something else than a processor, for a shard that is not served yet or for a node that
 * does not answer, and counts no more.
 */
const patienceMs = 500;

interface Line<T> {
  readonly node: string;
  readonly waiting: Set<T>;
  underWay: number;
}

/** See the file's head. */
export class Bulkhead<T> {
  readonly #parts: BulkheadParts<T>;
  readonly #lines = new Map<string, Line<T>>();
  readonly #lineOf = new Map<T, Line<T>>();
  readonly #underWay = new Set<T>();
  /** Under way, and to be done again afterwards. */
  readonly #again = new Set<T>();

  constructor(parts: BulkheadParts<T>) {
    this.#parts = parts;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#lineOf.size;
  }

  /** It is to be done where it belongs now; if it is under way, again afterwards. */
  add(item: T): void {
    if (this.#underWay.has(item)) {
      this.#again.add(item);
      return;
    }
    const node = this.#parts.nodeOf(item);
    const line = node === undefined ? undefined : this.#line(node);
    if (line === this.#lineOf.get(item)) return;
    this.drop(item);
    if (line === undefined) return;
    line.waiting.add(item);
    this.#lineOf.set(item, line);
    this.#pump(line);
  }

  /** It need not be done any more. */
  drop(item: T): void {
    this.#again.delete(item);
    this.#lineOf.get(item)?.waiting.delete(item);
    this.#lineOf.delete(item);
  }

  #line(node: string): Line<T> {
    let line = this.#lines.get(node);
    if (line === undefined) this.#lines.set(node, (line = { node, waiting: new Set(), underWay: 0 }));
    return line;
  }

  #pump(line: Line<T>): void {
    for (const item of line.waiting) {
      if (line.underWay >= this.#parts.atOnce(line.node)) return;
      line.waiting.delete(item);
      this.#lineOf.delete(item);
      void this.#run(line, item);
    }
  }

  async #run(line: Line<T>, item: T): Promise<void> {
    const { clock, run, again } = this.#parts;
    line.underWay++;
    this.#underWay.add(item);
    let counts = true;
    const leave = (): void => {
      if (!counts) return;
      counts = false;
      line.underWay--;
      this.#pump(line);
      if (line.underWay === 0) this.#lines.delete(line.node);
    };
    const cancel = clock.after(patienceMs, leave);
    try {
      await run(item);
    } finally {
      cancel();
      this.#underWay.delete(item);
      if (this.#again.delete(item)) again(item);
      leave();
    }
  }
}
