/**
 * How long a person has waited: a clock of one device that runs only while somebody looks at the page and the device has
 * a network. Role: what a wait lasted as its person saw it. Boundary: who looks away and who loses the network is habits.ts.
 * Invariant: it stands still from when somebody looks away until somebody looks again, and time before that still counts.
 */

/** The attention that one device gets. */
export class Attention {
  readonly #now: () => number;
  #shown = true;
  #connected = true;
  #sum = 0;
  #since: number;

  /** @param now milliseconds of the world */
  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  /** Whether somebody could see now that nothing happens. */
  get paid(): boolean {
    return this.#shown && this.#connected;
  }

  /** Milliseconds of attention so far; a wait is the difference of two of these. */
  get elapsedMs(): number {
    return this.paid ? this.#sum + this.#now() - this.#since : this.#sum;
  }

  /** Somebody looks at the page from now on, or nobody does. */
  show(shown: boolean): void {
    this.#settle();
    this.#shown = shown;
  }

  /** There is a network from now on, or none. */
  connect(connected: boolean): void {
    this.#settle();
    this.#connected = connected;
  }

  #settle(): void {
    this.#sum = this.elapsedMs;
    this.#since = this.#now();
  }
}
