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
   * Takes a token: 0 when there was one, otherwise the milliseconds until there is.
   * @param keep tokens that have to stay
   */
  take(now: number, keep = 0): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (this.#tokens >= 1 + keep) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil((1 + keep - this.#tokens) / this.#perMs);
  }
}
