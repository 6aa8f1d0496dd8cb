import type { NodeRun } from "./hosting.ts";
import { rebalance } from "./rebalance.ts";
import { runKey, sameEntry, sameRun, type ShardEntry, type ShardTable } from "./shard-table.ts";

/**
 * The next table, given what is known now. Pure and idempotent: whoever computes it from the same facts gets the same,
 * and computing it again from the result changes nothing.
 */
export interface PlanInput {
  readonly table: ShardTable;
  readonly self: NodeRun;
  /** Runs to be declared dead now. */
  readonly departed: readonly NodeRun[];
  /** Members that are not silent and not draining: they may be given shards. */
  readonly takers: readonly NodeRun[];
  /** Members that are draining, silent or not. */
  readonly draining: readonly NodeRun[];
  /** Own moving shards that have been let go. */
  readonly released: ReadonlySet<number>;
  /** Own shards whose claim met a higher fence, with its epoch. */
  readonly fenced: ReadonlyMap<number, number>;
  /** Moving shards whose old owner has had its time. */
  readonly overdue: ReadonlySet<number>;
  /** How many shards may move for mere balance now. */
  readonly balanceLimit: number;
  /** How many shards may be on their way from draining nodes at a time. */
  readonly drainLimit: number;
}

/** The shards of the next table, and what was done. */
export interface Plan {
  readonly shards: readonly ShardEntry[];
  readonly started: number;
  readonly finished: number;
  readonly forced: number;
  readonly taken: number;
}

interface Counts {
  finished: number;
  forced: number;
}

/** Undefined when nothing is to be done. */
export function planTable(input: PlanInput): Plan | undefined {
  const gone = new Set([...input.table.dead, ...input.departed.map(runKey)]);
  const counts: Counts = { finished: 0, forced: 0 };
  const settled = input.table.shards.map((entry, shard) => settle(input, gone, entry, shard, counts));
  const takers = byNode(input.takers.filter((run) => !gone.has(runKey(run))));
  const draining = byNode(input.draining.filter((run) => !gone.has(runKey(run))));
  const fallback = takers.size > 0 ? takers : draining;
  const onTheWay = settled.filter((entry) => entry?.kind === "moving");
  const leavingNow = onTheWay.filter((entry) => entry !== undefined && isOf(draining, entry.owner)).length;
  const assignments = rebalance({
    owners: settled.map((entry) => (entry === undefined ? undefined : holderOf(entry).node)),
    pinned: new Set(settled.flatMap((entry, shard) => (entry?.kind === "moving" ? [shard] : []))),
    nodes: [...fallback.keys()],
    leaving: takers.size > 0 ? new Set(draining.keys()) : new Set(),
    leavingLimit: input.drainLimit - leavingNow,
    balanceLimit: onTheWay.length === 0 && takers.size > 0 ? input.balanceLimit : 0,
  });
  const next = settled.map((entry, shard) => entry ?? before(input.table, shard));
  let started = 0;
  let taken = 0;
  for (const { shard, to } of assignments) {
    const run = fallback.get(to);
    const old = before(input.table, shard);
    const now = settled[shard];
    if (run === undefined) continue;
    if (now === undefined) {
      next[shard] = { kind: "stable", owner: run, epoch: old.epoch + 1 };
      taken += 1;
    } else if (now.kind === "stable") {
      next[shard] = { kind: "moving", owner: now.owner, epoch: now.epoch, to: run };
      started += 1;
    }
  }
  if (next.every((entry, shard) => sameEntry(entry, before(input.table, shard)))) return undefined;
  return { shards: next, started, taken, ...counts };
}

/** What follows for one shard without asking where it should be; undefined: it needs a new owner. */
function settle(
  input: PlanInput,
  gone: ReadonlySet<string>,
  entry: ShardEntry,
  shard: number,
  counts: Counts,
): ShardEntry | undefined {
  const ownerGone = gone.has(runKey(entry.owner));
  const mine = sameRun(entry.owner, input.self);
  if (entry.kind === "stable") {
    const fence = mine ? input.fenced.get(shard) : undefined;
    if (ownerGone) return undefined;
    if (fence === undefined || fence < entry.epoch) return entry;
    return { kind: "stable", owner: entry.owner, epoch: fence + 1 };
  }
  const targetGone = gone.has(runKey(entry.to));
  const letGo = ownerGone || (mine && input.released.has(shard));
  if (letGo || input.overdue.has(shard)) {
    if (targetGone) return undefined;
    if (letGo && !ownerGone) counts.finished += 1;
    else counts.forced += 1;
    return { kind: "stable", owner: entry.to, epoch: entry.epoch + 1 };
  }
  if (targetGone) return { kind: "stable", owner: entry.owner, epoch: entry.epoch + 1 };
  return entry;
}

function holderOf(entry: ShardEntry): NodeRun {
  return entry.kind === "moving" ? entry.to : entry.owner;
}

function before(table: ShardTable, shard: number): ShardEntry {
  const entry = table.shards[shard];
  if (entry === undefined) throw new RangeError(`no shard ${shard}`);
  return entry;
}

function byNode(runs: readonly NodeRun[]): ReadonlyMap<string, NodeRun> {
  return new Map(runs.map((run) => [run.node, { node: run.node, incarnation: run.incarnation }]));
}

function isOf(runs: ReadonlyMap<string, NodeRun>, run: NodeRun): boolean {
  const known = runs.get(run.node);
  return known !== undefined && sameRun(known, run);
}
