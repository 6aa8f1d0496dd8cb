/** Takes back a timer; calling it again, or after it ran, does nothing. */
export type Cancel = () => void;

/**
 * The only source of time. A simulated node gets one on a virtual clock with its own skew.
 */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary start: only differences on the same node mean anything. */
  now(): number;
  /** Milliseconds since 1970, for people to read. Never the ground of a decision. */
  wall(): number;
  /** Runs once, `delayMs` later. */
  after(delayMs: number, run: () => void): Cancel;
  /** Runs again and again, `periodMs` apart. */
  every(periodMs: number, run: () => void): Cancel;
  /** Runs when the current turn of the event loop has done its input and output. */
  soon(run: () => void): void;
}

/** The clock of a real process. */
export function systemClock(): Clock {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    every(periodMs, run) {
      const timer = setInterval(run, periodMs);
      return () => clearInterval(timer);
    },
    soon: (run) => void setImmediate(run),
  };
}

/** Resolves after `delayMs` of the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}

/**
 * Settles like `work`, or resolves to `undefined` when `boundMs` passed first; `work` itself goes on.
 * Every wait on something remote goes through a bound like this.
 */
export function within<T>(clock: Clock, boundMs: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(boundMs, () => resolve(undefined));
    work.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
