import type { Cancel, Clock } from "../../base/clock.ts";

/** Time that passes only when a test says so, shared by any number of clocks. */
export interface VirtualTime {
  /** A clock on this time; it can be paused alone, like a process that was stopped. */
  clock(): VirtualClock;
  /** Lets time pass; between any two events all promises settle. */
  advance(ms: number): Promise<void>;
  /** Lets time pass until the condition holds. @throws Error when it does not within `withinMs` */
  until(condition: () => boolean, withinMs: number, what?: string): Promise<void>;
  /** Milliseconds since the start. */
  now(): number;
}

/** One process's clock on a virtual time. */
export interface VirtualClock extends Clock {
  /** Nothing that waits on this clock runs, though its time goes on (SIGSTOP). */
  pause(): void;
  /** All that was due meanwhile runs, late. */
  resume(): void;
  /** Nothing that waits on this clock ever runs again (a crash). */
  kill(): void;
}

interface Waiting {
  at: number;
  order: number;
  readonly owner: object;
  readonly periodMs: number | undefined;
  readonly run: () => void;
}

const stepMs = 5;
/** Promise chains are a few dozen links at most; macrotasks are free in between. */
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Starts at 0. Events of the same time run in the order in which they were asked for. */
export function virtualTime(): VirtualTime {
  let now = 0;
  let order = 0;
  const waiting = new Set<Waiting>();
  const held = new Set<object>();

  function nextDue(end: number): Waiting | undefined {
    let next: Waiting | undefined;
    for (const timer of waiting) {
      if (timer.at > end || held.has(timer.owner)) continue;
      const earlier =
        next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order);
      if (earlier) next = timer;
    }
    return next;
  }

  async function runTo(end: number): Promise<void> {
    await settle();
    for (;;) {
      const next = nextDue(end);
      if (next === undefined) break;
      now = Math.max(now, next.at);
      waiting.delete(next);
      if (next.periodMs !== undefined) {
        next.at = now + next.periodMs;
        next.order = ++order;
        waiting.add(next);
      }
      next.run();
      await Promise.resolve();
      if (nextDue(now) === undefined) await settle();
    }
    now = end;
  }

  function add(owner: object, delayMs: number, periodMs: number | undefined, run: () => void): Cancel {
    let cancelled = false;
    const guarded = (): void => {
      if (!cancelled) run();
    };
    const at = now + Math.max(0, delayMs);
    const timer: Waiting = { at, order: ++order, owner, periodMs, run: guarded };
    waiting.add(timer);
    return () => {
      cancelled = true;
      waiting.delete(timer);
    };
  }

  return {
    now: () => now,
    advance: (ms) => runTo(now + ms),
    async until(condition, withinMs, what = "a condition") {
      const end = now + withinMs;
      await runTo(now);
      while (!condition()) {
        if (now >= end) throw new Error(`${what} did not come true within ${withinMs} virtual ms`);
        await runTo(Math.min(end, now + stepMs));
      }
    },
    clock() {
      const owner = {};
      let dead = false;
      return {
        now: () => now,
        wall: () => 1_700_000_000_000 + now,
        after: (delayMs, run) => add(owner, delayMs, undefined, run),
        every: (periodMs, run) => add(owner, periodMs, periodMs, run),
        soon: (run) => void add(owner, 0, undefined, run),
        pause: () => void held.add(owner),
        resume: () => void (dead || held.delete(owner)),
        kill() {
          dead = true;
          held.add(owner);
        },
      };
    },
  };
}
