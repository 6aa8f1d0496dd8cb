import type { NodeRun } from "./hosting.ts";

/**
 * The value of the key `table`: who owns which shard under which epoch. Pure; the table is always seen whole.
 */

/** `moving`: the owner lets go and `to` takes over under the next epoch. */
export type ShardEntry =
  | { readonly kind: "stable"; readonly owner: NodeRun; readonly epoch: number }
  | { readonly kind: "moving"; readonly owner: NodeRun; readonly epoch: number; readonly to: NodeRun };

/** One version of the table. */
export interface ShardTable {
  /** Grows with every write, also through a loss of the bucket. */
  readonly generation: number;
  /** Drawn anew for every write: tells one's own write from somebody else's. */
  readonly writer: string;
  /** Runs declared dead, as `runKey`, the newest last; final. */
  readonly dead: readonly string[];
  /** By shard number. */
  readonly shards: readonly ShardEntry[];
}

/** How many deaths are remembered; far more than there can be zombies. */
export const rememberedDeaths = 128;

/** One run of one node as text: `node/incarnation`. */
export function runKey(run: NodeRun): string {
  return `${run.node}/${run.incarnation}`;
}

/** Whether both are the same run of the same node. */
export function sameRun(a: NodeRun, b: NodeRun): boolean {
  return a.node === b.node && a.incarnation === b.incarnation;
}

/** Whether both entries say the same. */
export function sameEntry(a: ShardEntry, b: ShardEntry): boolean {
  if (a.kind !== b.kind || a.epoch !== b.epoch || !sameRun(a.owner, b.owner)) return false;
  return a.kind !== "moving" || b.kind !== "moving" || sameRun(a.to, b.to);
}

/** The list of deaths with some more, without repeats, cut to the newest. */
export function buried(dead: readonly string[], more: readonly string[]): readonly string[] {
  const fresh = more.filter((run) => !dead.includes(run));
  return fresh.length === 0 ? dead : [...dead, ...new Set(fresh)].slice(-rememberedDeaths);
}

/**
 * What is remembered after another version was seen: per shard the higher epoch wins; at equal epochs the version of
 * the higher generation, and of equal generations the seen one (the bucket decides). Ordered so per shard, a table
 * that was lost or came back older never takes an ownership back.
 */
export function remember(known: ShardTable | undefined, seen: ShardTable): ShardTable {
  if (known === undefined || known.shards.length !== seen.shards.length) return seen;
  if (known.generation === seen.generation && known.writer === seen.writer) return known;
  const seenIsNewer = seen.generation >= known.generation;
  const [newer, older] = seenIsNewer ? [seen, known] : [known, seen];
  if (!older.shards.some((entry, shard) => entry.epoch > epochOf(newer, shard))) return newer;
  const shards = newer.shards.map((entry, shard) => {
    const other = older.shards[shard];
    return other !== undefined && other.epoch > entry.epoch ? other : entry;
  });
  return { ...newer, dead: buried(older.dead, newer.dead), shards };
}

/** Whether the bucket's version lacks something that is remembered, so that it has to be rewritten. */
export function isOutdated(stored: ShardTable, remembered: ShardTable): boolean {
  if (stored.generation < remembered.generation) return true;
  return remembered.shards.some((entry, shard) => entry.epoch > epochOf(stored, shard));
}

function epochOf(table: ShardTable, shard: number): number {
  return table.shards[shard]?.epoch ?? 0;
}
