/** What must not be done before something else was taken in: kept in order up to a bound, and done when it was. */
export class Held {
  readonly #most: number;
  #waiting: (() => void)[] | undefined = [];

  /** @param most beyond so many, what comes is dropped */
  constructor(most: number) {
    this.#most = most;
  }

  /** From now on everything is kept. */
  hold(): void {
    this.#waiting ??= [];
  }

  /** Does what was kept, and from now on everything at once. */
  release(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const run of waiting) run();
  }

  /** Does it now, or when the time has come. */
  add(run: () => void): void {
    if (this.#waiting === undefined) run();
    else if (this.#waiting.length < this.#most) this.#waiting.push(run);
  }
}
