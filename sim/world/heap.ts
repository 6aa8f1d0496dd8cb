/** Something that is due at a time; of two with the same time, the one that was asked for first goes first. */
export interface Due {
  readonly at: number;
  readonly order: number;
}

/** A binary heap: the earliest first. */
export class Heap<T extends Due> {
  #items: T[] = [];

  /** How many wait. */
  get size(): number {
    return this.#items.length;
  }

  /** The earliest; undefined when nothing waits. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Adds one. */
  push(item: T): void {
    const items = this.#items;
    let hole = items.length;
    items.push(item);
    while (hole > 0) {
      const parent = (hole - 1) >>> 1;
      const above = items[parent];
      if (above === undefined || !before(item, above)) break;
      items[hole] = above;
      hole = parent;
    }
    items[hole] = item;
  }

  /** Takes the earliest out. */
  pop(): T | undefined {
    const [first] = this.#items;
    const last = this.#items.pop();
    if (last !== undefined && this.#items.length > 0) this.#sink(0, last);
    return first;
  }

  /** Drops what the test refuses. */
  retain(keep: (item: T) => boolean): void {
    this.#items = this.#items.filter(keep);
    for (let i = (this.#items.length >>> 1) - 1; i >= 0; i--) {
      const item = this.#items[i];
      if (item !== undefined) this.#sink(i, item);
    }
  }

  #sink(from: number, item: T): void {
    const items = this.#items;
    const { length } = items;
    let hole = from;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= length) break;
      const left = items[child];
      const right = items[child + 1];
      let smaller = left;
      if (right !== undefined && left !== undefined && before(right, left)) {
        smaller = right;
        child++;
      }
      if (smaller === undefined || !before(smaller, item)) break;
      items[hole] = smaller;
      hole = child;
    }
    items[hole] = item;
  }
}

function before(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
