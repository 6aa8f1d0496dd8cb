interface Entry {
  readonly due: number;
  readonly id: string;
}

/** Timers in the order they fall due: looking costs nothing per timer that is not due yet. */
export class DueIndex {
  readonly #entries: Entry[] = [];

  /** Adds one; the caller removes the same id's older entry first. */
  add(due: number, id: string): void {
    this.#entries.splice(this.#position(due, id), 0, { due, id });
  }

  /** Takes out exactly this entry, if it is there. */
  remove(due: number, id: string): void {
    const at = this.#position(due, id);
    const found = this.#entries[at];
    if (found !== undefined && found.due === due && found.id === id) this.#entries.splice(at, 1);
  }

  /** The first `limit` entries that are due at `now`, oldest first. */
  upTo(now: number, limit: number): readonly Entry[] {
    const found: Entry[] = [];
    for (const entry of this.#entries) {
      if (entry.due > now || found.length === limit) break;
      found.push(entry);
    }
    return found;
  }

  /** Where the entry stands or would stand: binary search. */
  #position(due: number, id: string): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && (entry.due < due || (entry.due === due && entry.id < id))) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
