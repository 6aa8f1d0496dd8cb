/** Fewer than this would make a shard slow that alone has many. */
const smallestShare = 64;

/**
 * How many due timers of one shard are looked at when `limit` timers of `shards` shards are wanted. A store that
 * looked at `limit` of each would fetch and sort hundreds for every one that it hands over.
 */
export function dueShare(limit: number, shards: number): number {
  return Math.min(limit, Math.max(smallestShare, Math.ceil(limit / shards)));
}
