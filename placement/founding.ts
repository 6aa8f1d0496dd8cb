import type { NodeRun } from "./hosting.ts";
import { rebalance } from "./rebalance.ts";
import { runKey, type ShardEntry } from "./shard-table.ts";

/** A shard's fence as the store holds it. */
export interface KnownFence extends NodeRun {
  readonly shard: number;
  readonly epoch: number;
}

/** What a table is made of when nobody remembers one. */
export interface FoundingInput {
  readonly shards: number;
  /** None in a new cluster. */
  readonly fences: readonly KnownFence[];
  /** Runs that are there: they keep the shards that they have fenced. */
  readonly present: readonly NodeRun[];
  /** Runs that may be given shards; at least one. */
  readonly takers: readonly NodeRun[];
}

/**
 * A first table, or one in place of a table that nobody remembers: owners that are there keep their shards under the
 * same epoch, all others get theirs above the fence (FenceMonotone).
 */
export function foundTable(input: FoundingInput): readonly ShardEntry[] {
  const fences = new Map(input.fences.map((fence) => [fence.shard, fence]));
  const present = new Set(input.present.map(runKey));
  const kept = (shard: number): KnownFence | undefined => {
    const fence = fences.get(shard);
    return fence !== undefined && present.has(runKey(fence)) ? fence : undefined;
  };
  const shards = Array.from({ length: input.shards }, (_, shard) => shard);
  const takers = new Map(input.takers.map((run) => [run.node, run]));
  const assigned = new Map(
    rebalance({
      owners: shards.map((shard) => kept(shard)?.node),
      pinned: new Set(),
      nodes: [...takers.keys()],
      leaving: new Set(),
      leavingLimit: 0,
      balanceLimit: 0,
    }).map(({ shard, to }) => [shard, takers.get(to)]),
  );
  return shards.map((shard): ShardEntry => {
    const keeper = kept(shard);
    const run = keeper ?? assigned.get(shard);
    if (run === undefined) throw new RangeError("a table needs at least one taker");
    const epoch = keeper?.epoch ?? (fences.get(shard)?.epoch ?? 0) + 1;
    return { kind: "stable", owner: { node: run.node, incarnation: run.incarnation }, epoch };
  });
}
