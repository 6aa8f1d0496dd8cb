/**
 * How far this client has read, until the server knows.
 *
 * Role: keeps the highest number of each conversation, and says which go now. Boundary: pure; it is told the time and what
 * the server knows. Invariants: a mark that the server does not know goes on the present connection, sooner or later; a
 * log that is replayed causes a few marks, not one for each event (StormBounded).
 */

/** One mark as it goes to the server. */
export interface ReadMark {
  readonly conv: string;
  readonly seq: number;
}

/** Time between two batches of marks. */
const everyMs = 500;

/** The read marks of one client. */
export class ReadMarks {
  readonly #wanted = new Map<string, number>();
  /** What the server said, or was sent on the present connection. */
  readonly #known = new Map<string, number>();
  /** Conversations whose mark has to go. */
  readonly #due = new Set<string>();
  #nextAt = 0;

  /** Everything up to `seq` was read; false when that is nothing new. */
  note({ conv, seq }: ReadMark): boolean {
    if (seq <= (this.#wanted.get(conv) ?? 0)) return false;
    this.#wanted.set(conv, seq);
    if (seq > (this.#known.get(conv) ?? 0)) this.#due.add(conv);
    return true;
  }

  /** The server says how far this user has read. */
  known({ conv, seq }: ReadMark): void {
    this.#known.set(conv, Math.max(seq, this.#known.get(conv) ?? 0));
    if (seq >= (this.#wanted.get(conv) ?? 0)) this.#due.delete(conv);
  }

  /** A conversation is not followed any more, or its log is another one. */
  forget(conv: string): void {
    this.#wanted.delete(conv);
    this.#known.delete(conv);
    this.#due.delete(conv);
  }

  /** The connection is gone: what was sent on it may be lost. */
  disconnected(): void {
    this.#known.clear();
    this.#nextAt = 0;
    for (const conv of this.#wanted.keys()) this.#due.add(conv);
  }

  /** Marks to send now, at most `room` of them. */
  due(nowMs: number, room: number): ReadMark[] {
    if (nowMs < this.#nextAt || this.#due.size === 0 || room === 0) return [];
    this.#nextAt = nowMs + everyMs;
    return [...this.#due].slice(0, room).map((conv) => {
      const seq = this.#wanted.get(conv) ?? 0;
      this.#due.delete(conv);
      this.#known.set(conv, seq);
      return { conv, seq };
    });
  }

  /** When `due` may have more to say; undefined when the server knows everything. */
  nextDueAt(): number | undefined {
    return this.#due.size === 0 ? undefined : this.#nextAt;
  }
}
