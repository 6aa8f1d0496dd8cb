/** One direction of a conversation as the generator counts it: what was sent, and what arrived in which order. */
export class Tally {
  sent = 0;
  acked = 0;
  /** Everything below this number has arrived, except what is missing. */
  expected = 0;
  duplicated = 0;
  disordered = 0;
  readonly #missing = new Set<number>();
  readonly #sentAt = new Float64Array(remembered);

  /** Messages that arrived. */
  get heard(): number {
    return this.expected - this.#missing.size;
  }

  /** Messages that are neither acknowledged nor delivered, whichever is more. */
  get open(): number {
    return this.sent - Math.min(this.acked, this.heard);
  }

  /** The number of the next message, which is sent now or was due at that time. */
  next(at: number): number {
    this.#sentAt[this.sent % remembered] = at;
    return this.sent++;
  }

  /** Notes message k. Milliseconds since it was sent; undefined when it had arrived before. */
  arrive(k: number, now: number): number | undefined {
    if (k < this.expected) {
      if (!this.#missing.delete(k)) {
        this.duplicated++;
        return undefined;
      }
      this.disordered++;
    } else {
      for (let skipped = this.expected; skipped < k; skipped++) this.#missing.add(skipped);
      this.expected = k + 1;
    }
    return now - (this.#sentAt[k % remembered] ?? now);
  }
}

const remembered = 1024;
