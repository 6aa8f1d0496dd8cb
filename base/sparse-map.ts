/**
 * A map that weighs next to nothing while it is empty, where a Map takes some 200 bytes: for what hundreds of thousands
 * of owners have and few of them use.
 */
export class SparseMap<Key, Value> {
  #entries: Map<Key, Value> | undefined;

  /** How many it holds. */
  get size(): number {
    return this.#entries?.size ?? 0;
  }

  has(key: Key): boolean {
    return this.#entries?.has(key) ?? false;
  }

  get(key: Key): Value | undefined {
    return this.#entries?.get(key);
  }

  set(key: Key, value: Value): void {
    this.#entries ??= new Map();
    this.#entries.set(key, value);
  }

  /** False when it was not there. */
  delete(key: Key): boolean {
    const deleted = this.#entries?.delete(key) ?? false;
    if (deleted && this.#entries?.size === 0) this.#entries = undefined;
    return deleted;
  }

  clear(): void {
    this.#entries = undefined;
  }

  /** Keys and values in the order in which they were set. */
  entries(): Iterable<[Key, Value]> {
    return this.#entries ?? [];
  }

  /** Values in the order in which they were set. */
  values(): Iterable<Value> {
    return this.#entries?.values() ?? [];
  }
}
