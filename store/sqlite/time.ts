import type { Clock } from "../../base/clock.ts";

/**
 * The store's time: wall milliseconds that never go back, neither when the wall clock is set back nor over a restart.
 * After such a jump it goes on at the monotonic clock's pace instead of standing still until the wall has caught up.
 * @param storedMs the latest time that an earlier run wrote down
 */
export function storeTime(clock: Clock, storedMs: number): () => number {
  let last = storedMs;
  let lastNow = clock.now();
  return () => {
    const now = clock.now();
    last = Math.max(last + (now - lastNow), clock.wall());
    lastNow = now;
    return Math.floor(last);
  };
}
