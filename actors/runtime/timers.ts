/**
 * Which durable timers of a shard are being handled. A timer is removed by the commit that handles it; until a poll that
 * began after that commit, an earlier poll's late answer may still name it. Invariant: TimerOnce.
 */
export class Firing {
  readonly #firing = new Set<string>();
  readonly #done = new Set<string>();

  /** A timer is due; false when it is in hand already. */
  begin(id: string): boolean {
    if (this.#firing.has(id)) return false;
    this.#firing.add(id);
    return true;
  }

  /** It could not be handed over; the next poll brings it again. */
  abandon(id: string): void {
    this.#firing.delete(id);
  }

  /** The commit that handled it is durable. */
  done(id: string): void {
    this.#done.add(id);
  }

  /** A poll begins: what was done before it cannot be in its answer, unless armed anew. */
  pollBegins(): void {
    for (const id of this.#done) this.#firing.delete(id);
    this.#done.clear();
  }
}
