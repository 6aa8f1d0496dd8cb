/**
 * While a simulation runs, the globals that packages read at call time (nact: setImmediate, setTimeout, Math.random) are
 * those of the virtual process whose task is running. Boundary: our own code takes its clock and its chance as
 * arguments. Invariant: code that runs between two virtual tasks (a test runner, a signal) sees the real ones.
 */
import { epochMs, Process } from "./process.ts";
import type { Scheduler, Task } from "./scheduler.ts";
import { Stream } from "./chance.ts";

/** What setTimeout and its kin answer. */
class Handle {
  readonly #scheduler: Scheduler;
  readonly #arm: () => Task;
  readonly #id: number;
  #task: Task;

  constructor(scheduler: Scheduler, id: number, arm: (handle: Handle) => Task) {
    this.#scheduler = scheduler;
    this.#id = id;
    this.#arm = () => arm(this);
    this.#task = this.#arm();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  refresh(): this {
    this.cancel();
    this.#task = this.#arm();
    return this;
  }

  cancel(): void {
    this.#scheduler.cancel(this.#task);
  }

  [Symbol.toPrimitive](): number {
    return this.#id;
  }
}

/** What setImmediate answers: nact asks for one per turn of an actor, so it is light. */
class Immediate {
  readonly #scheduler: Scheduler;
  readonly #task: Task;

  constructor(scheduler: Scheduler, run: () => void) {
    this.#scheduler = scheduler;
    this.#task = scheduler.schedule(scheduler.now, scheduler.current, run);
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  cancel(): void {
    this.#scheduler.cancel(this.#task);
  }
}

type Run = (...args: unknown[]) => void;

/** Replaces them; the answer puts the real ones back. */
export function replaceGlobals(scheduler: Scheduler, seed: number): () => void {
  const real = {
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    setImmediate: globalThis.setImmediate,
    clearTimeout: globalThis.clearTimeout,
    clearInterval: globalThis.clearInterval,
    clearImmediate: globalThis.clearImmediate,
    Date: globalThis.Date,
  };
  const realRandom = Math.random;
  const realNow = performance.now;
  const chance = new Stream(seed, "globals");
  let handles = 0;

  const wall = (): number =>
    scheduler.current instanceof Process
      ? scheduler.current.clock.wall()
      : Math.floor(epochMs + scheduler.now);

  function start(delayMs: number, again: boolean, run: () => void): Handle {
    const { current } = scheduler;
    const arm = (handle: Handle): Task =>
      scheduler.schedule(scheduler.now + Math.max(0, delayMs || 0), current, () => {
        if (again) handle.refresh();
        run();
      });
    return new Handle(scheduler, ++handles, arm);
  }

  const timer =
    (again: boolean, otherwise: typeof real.setTimeout | typeof real.setInterval) =>
    (run: Run, delayMs = 0, ...args: unknown[]): unknown =>
      scheduler.running ? start(delayMs, again, () => run(...args)) : otherwise(run, delayMs, ...args);
  const clear =
    (otherwise: (handle: never) => void) =>
    (handle: unknown): void => {
      if (handle instanceof Handle || handle instanceof Immediate) handle.cancel();
      else otherwise(handle as never);
    };

  class VirtualDate extends real.Date {
    constructor(...args: unknown[]) {
      if (args.length > 0 || !scheduler.running) super(...(args as []));
      else super(wall());
    }
    static override now(): number {
      return scheduler.running ? wall() : real.Date.now();
    }
  }

  Object.assign(globalThis, {
    setTimeout: timer(false, real.setTimeout),
    setInterval: timer(true, real.setInterval),
    setImmediate: (run: Run, ...args: unknown[]): unknown =>
      scheduler.running
        ? new Immediate(scheduler, args.length === 0 ? run : () => run(...args))
        : real.setImmediate(run, ...args),
    clearTimeout: clear(real.clearTimeout),
    clearInterval: clear(real.clearInterval),
    clearImmediate: clear(real.clearImmediate),
    Date: VirtualDate,
  });
  Math.random = () => (scheduler.running ? chance.next() : realRandom());
  performance.now = () => (scheduler.running ? scheduler.now : realNow.call(performance));
  return () => {
    Object.assign(globalThis, real);
    Math.random = realRandom;
    performance.now = realNow;
  };
}
