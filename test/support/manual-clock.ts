import type { Cancel, Clock } from "../../base/clock.ts";

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves time on and runs what falls due, in order. */
  advance(ms: number): void;
  /** Sets the wall time alone, as an operator or NTP would. */
  setWall(ms: number): void;
}

interface Waiting {
  at: number;
  readonly periodMs: number | undefined;
  readonly run: () => void;
}

/** Starts at monotonic 0 and at the given wall time. */
export function manualClock(wallMs = 1_700_000_000_000): ManualClock {
  let now = 0;
  let wallOffset = wallMs;
  const waiting = new Set<Waiting>();
  const add = (timer: Waiting): Cancel => {
    waiting.add(timer);
    return () => void waiting.delete(timer);
  };
  return {
    now: () => now,
    wall: () => now + wallOffset,
    after: (delayMs, run) => add({ at: now + delayMs, periodMs: undefined, run }),
    every: (periodMs, run) => add({ at: now + periodMs, periodMs, run }),
    soon: (run) => void setImmediate(run),
    setWall: (ms) => void (wallOffset = ms - now),
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = [...waiting].sort((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > end) break;
        now = Math.max(now, next.at);
        if (next.periodMs === undefined) waiting.delete(next);
        else next.at += next.periodMs;
        next.run();
      }
      now = end;
    },
  };
}
