/** A token bucket: `perSecond` in the long run, `burst` at once. */
export class RateLimit {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, burst: number, now: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /**
   * Takes tokens: 0 when there were enough, otherwise the milliseconds until there are.
   * @param cost how many; no more than the burst
   * @param keep tokens that have to stay
   */
  take(now: number, cost = 1, keep = 0): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#tokens >= cost + keep) {
      this.#tokens -= cost;
      return 0;
    }
    return Math.ceil((cost + keep - this.#tokens) / this.#perMs);
  }
}
