/** How long somebody will have to wait: for people to read, never the ground of a decision. */

/** One accept: how long it took, from which place in the queue. */
export interface Wait {
  readonly waitedMs: number;
  readonly place: number;
}

const kept = 20;
const fading = 0.85;

/** Adds an accept to the last ones. */
export function learn(waits: readonly Wait[], wait: Wait): readonly Wait[] {
  return [...waits.slice(1 - kept), wait];
}

/**
 * Seconds until it is this one's turn; null when there is no data. The last accepts, the latest weighing most, tell the
 * time per place; times the place at the coming, minus the time waited, but at least what those still ahead will take
 * (Rocket.Chat's hardly moves with the position, since it uses a constant).
 */
export function estimateSec(
  waits: readonly Wait[],
  one: { readonly place: number; readonly position: number; readonly waitedMs: number },
): number | null {
  if (waits.length === 0) return null;
  let time = 0;
  let weight = 0;
  for (const [at, { waitedMs, place }] of waits.entries()) {
    const share = fading ** (waits.length - 1 - at);
    time += (share * waitedMs) / place;
    weight += share;
  }
  const perPlace = time / weight;
  const left = Math.max(perPlace * one.place - one.waitedMs, perPlace * (one.position - 1));
  return Math.round(Math.max(0, left) / 1000);
}
