import { SparseMap } from "../../base/sparse-map.ts";

interface Entry<Value> {
  value: Value;
  number: number;
}

/**
 * What an actor has loaded or written beside its record, by key. Bounded: what is durable can be loaded again, so the
 * oldest of that goes when there is too much; what no commit holds yet stays.
 */
export class Cache<Value> {
  readonly #entries = new SparseMap<string, Entry<Value>>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  /** @param number the commit that makes it durable; 0 for what was loaded */
  set(key: string, value: Value, number: number): void {
    const entry = this.#entries.get(key);
    // What may have to go soon goes in the order in which it was used; before that, order is not worth its price.
    const crowded = this.#entries.size > this.#max / 2;
    if (entry !== undefined && !crowded) {
      entry.value = value;
      entry.number = number;
      return;
    }
    this.#entries.delete(key);
    this.#entries.set(key, { value, number });
  }

  /** Gets down to half of the bound once it is passed, as far as commits up to `committed` allow. */
  trim(committed: number): void {
    if (this.#entries.size <= this.#max) return;
    for (const [key, { number }] of this.#entries.entries()) {
      if (this.#entries.size <= this.#max / 2) return;
      if (number <= committed) this.#entries.delete(key);
    }
  }
}
