/**
 * While a simulation runs, the globals that packages read at call time (nact: setImmediate, setTimeout, Math.random) are
 * those of the virtual process whose task is running. Boundary: our own code takes its clock and its chance as
 * arguments. Invariant: code that runs between two virtual tasks (a test runner, a signal) sees the real ones.
 */
import { epochMs, Process } from "./process.ts";
import type { Scheduler, Task } from "./scheduler.ts";
import { Stream } from "./chance.ts";

/** What setTimeout and its kin answer. */
interface Handle {
  ref(): Handle;
  unref(): Handle;
  hasRef(): boolean;
  refresh(): Handle;
  [Symbol.toPrimitive](): number;
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
  const tasks = new WeakMap<object, () => void>();
  let handles = 0;

  const wall = (): number =>
    scheduler.current instanceof Process
      ? scheduler.current.clock.wall()
      : Math.floor(epochMs + scheduler.now);

  function start(delayMs: number, again: boolean, run: () => void): Handle {
    const id = ++handles;
    let task: Task;
    const { current } = scheduler;
    const arm = (): void => {
      task = scheduler.schedule(scheduler.now + Math.max(0, delayMs || 0), current, () => {
        if (again) arm();
        run();
      });
    };
    arm();
    const handle: Handle = {
      ref: () => handle,
      unref: () => handle,
      hasRef: () => true,
      refresh() {
        scheduler.cancel(task);
        arm();
        return handle;
      },
      [Symbol.toPrimitive]: () => id,
    };
    tasks.set(handle, () => scheduler.cancel(task));
    return handle;
  }

  const timer =
    (again: boolean, otherwise: typeof real.setTimeout | typeof real.setInterval) =>
    (run: Run, delayMs = 0, ...args: unknown[]): unknown =>
      scheduler.running ? start(delayMs, again, () => run(...args)) : otherwise(run, delayMs, ...args);
  const clear =
    (otherwise: (handle: never) => void) =>
    (handle: unknown): void => {
      const cancel = typeof handle === "object" && handle !== null ? tasks.get(handle) : undefined;
      if (cancel === undefined) otherwise(handle as never);
      else cancel();
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
      scheduler.running ? start(0, false, () => run(...args)) : real.setImmediate(run, ...args),
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
