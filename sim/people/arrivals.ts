import type { Settings } from "../settings.ts";
import type { Stream } from "../world/chance.ts";

/**
 * When each user comes, in milliseconds after the first may: evenly within `arriveSeconds`, or with a surge until the end
 * of the chaos, so many times as densely while the surge lasts.
 */
export function arrivalTimes(
  { users, arriveSeconds, seconds, surge, surgeAt, surgeFor }: Settings,
  chance: Stream,
): number[] {
  if (surge <= 1) return Array.from({ length: users }, () => chance.next() * arriveSeconds * 1000);
  const from = arriveSeconds + Math.min(surgeAt, seconds);
  const lasts = Math.min(surgeFor, arriveSeconds + seconds - from);
  const mass = arriveSeconds + seconds + (surge - 1) * lasts;
  return Array.from({ length: users }, () => {
    const lot = chance.next() * mass;
    if (lot < from) return lot * 1000;
    if (lot < from + lasts * surge) return (from + (lot - from) / surge) * 1000;
    return (lot - (surge - 1) * lasts) * 1000;
  });
}
