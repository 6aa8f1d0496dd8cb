import { Failure } from "../../base/errors.ts";

/** Number of slots of a Redis Cluster. */
const slotCount = 16_384;

/** Every key of the store: all keys of a shard carry the hash tag of its partition, so one script reaches them all. */
export interface RedisKeys {
  readonly partitions: number;
  partitionOf(shard: number): number;
  /** The cluster slot in which a partition lies. */
  slotOf(partition: number): number;
  /** The partition that holds what belongs to no shard. */
  readonly commonPartition: number;
  /** String `epoch number under owner`: number of the last commit, the epoch under which it was made (-1: none). */
  fence(shard: number): string;
  /** List: the event with number n stands at n - 1. */
  log(shard: number, log: string): string;
  /** Hash. */
  entity(shard: number, entity: string): string;
  /** String that expires. */
  kept(shard: number, key: string): string;
  /** Sorted set of ids, all with score 0. */
  owed(shard: number): string;
  /** Hash from id to value. */
  owedValues(shard: number): string;
  /** Sorted set of ids by due time; the values lie in the hash `T`. */
  timers(shard: number): string;
  /** Set. */
  members(shard: number, set: string): string;
  /** Sorted set of nodes by the time their stamp runs out. */
  readonly stamps: string;
  /** String that says how the keys are laid out. */
  readonly layout: string;
  /** String that says by how many shards everything was put where it is. */
  readonly shards: string;
}

/**
 * @param prefix tells several installations on one Redis apart
 * @throws Failure STORE_CONFIG
 */
export function redisKeys(prefix: string, partitions: number): RedisKeys {
  if (!/^[\w.-]+$/.test(prefix) || !Number.isInteger(partitions) || partitions < 1) {
    const message = "the store's prefix must be letters, digits, and its partitions a positive integer";
    throw new Failure("STORE_CONFIG", message, { prefix, partitions });
  }
  const tags = Array.from({ length: partitions }, (_, partition) => `{${prefix}:${partition}}`);
  const slots = Array.from(
    { length: partitions },
    (_, partition) => crc16(`${prefix}:${partition}`) % slotCount,
  );
  const base = (shard: number): string => `${tags[shard % partitions] ?? ""}${shard}:`;
  return {
    partitions,
    partitionOf: (shard) => shard % partitions,
    slotOf: (partition) => slots[partition] ?? 0,
    commonPartition: 0,
    fence: (shard) => `${base(shard)}f`,
    log: (shard, log) => `${base(shard)}l:${log}`,
    entity: (shard, entity) => `${base(shard)}e:${entity}`,
    kept: (shard, key) => `${base(shard)}k:${key}`,
    owed: (shard) => `${base(shard)}o`,
    owedValues: (shard) => `${base(shard)}O`,
    timers: (shard) => `${base(shard)}t`,
    members: (shard, set) => `${base(shard)}s:${set}`,
    stamps: `${tags[0] ?? ""}stamps`,
    layout: `${tags[0] ?? ""}layout`,
    shards: `${tags[0] ?? ""}shards`,
  };
}

/** CRC-16/XMODEM of an ASCII string, as Redis Cluster hashes keys (cluster specification, appendix A). */
function crc16(text: string): number {
  let crc = 0;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i) << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc;
}
