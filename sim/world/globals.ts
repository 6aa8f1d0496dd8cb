/**
 * While a simulation runs, the globals that packages read at call time (nact: setImmediate, setTimeout, Math.random) are
 * those of the virtual process whose task is running. Boundary: our own code takes its clock and its chance as
 * arguments. Invariant: code that runs between two virtual tasks (a test runner, a signal) sees the real ones.
 */
import { epochMs, Process } from "./process.ts";
import type { Scheduler, Task } from "./scheduler.ts";
import { Stream } from "./chance.ts";

/** What setImmediate answers: nact asks for one per turn of an actor, so it is light. */
class Handle {
  protected readonly scheduler: Scheduler;
  protected task: Task;

  constructor(scheduler: Scheduler, task: Task) {
    this.scheduler = scheduler;
    this.task = task;
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
    this.scheduler.cancel(this.task);
  }
}

/** What setTimeout and setInterval answer. */
class Timer extends Handle {
  readonly #arm: () => Task;
  readonly #id: number;

  constructor(scheduler: Scheduler, id: number, arm: () => Task) {
    super(scheduler, arm());
    this.#arm = arm;
    this.#id = id;
  }

  refresh(): this {
    this.cancel();
    this.task = this.#arm();
    return this;
  }

  [Symbol.toPrimitive](): number {
    return this.#id;
  }
}

type Run = (...args: unknown[]) => void;

function immediate(run: Run, args: readonly unknown[]): () => void {
  return args.length === 0 ? run : () => run(...args);
}

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

  function start(delayMs: number, again: boolean, run: () => void): Timer {
    const { current } = scheduler;
    const arm = (): Task =>
      scheduler.schedule(scheduler.now + Math.max(0, delayMs || 0), current, () => {
        if (again) started.refresh();
        run();
      });
    const started = new Timer(scheduler, ++handles, arm);
    return started;
  }

  const timer =
    (again: boolean, otherwise: typeof real.setTimeout | typeof real.setInterval) =>
    (run: Run, delayMs = 0, ...args: unknown[]): unknown =>
      scheduler.running ? start(delayMs, again, () => run(...args)) : otherwise(run, delayMs, ...args);
  const clear =
    (otherwise: (handle: never) => void) =>
    (handle: unknown): void => {
      if (handle instanceof Handle) handle.cancel();
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
        ? new Handle(scheduler, scheduler.schedule(scheduler.now, scheduler.current, immediate(run, args)))
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
