import { hash32 } from "../base/hash.ts";

/**
 * Where shards should go, as the smallest change of where they are. Pure: the same input gives the same answer on
 * every node. Tie-break by rendezvous hashing (Thaler and Ravishankar 1998), so that a node that comes back tends to
 * get its old shards.
 */
export interface BalanceInput {
  /** By shard the node that has it or is about to get it; undefined: nobody has. */
  readonly owners: readonly (string | undefined)[];
  /** Shards that must stay where they are: already on their way. */
  readonly pinned: ReadonlySet<number>;
  /** Nodes that may get shards. */
  readonly nodes: readonly string[];
  /** Nodes that have to give all of theirs away. */
  readonly leaving: ReadonlySet<string>;
  /** How many shards may move away from leaving nodes now. */
  readonly leavingLimit: number;
  /** How many shards may move for mere balance now. */
  readonly balanceLimit: number;
}

/** One shard that changes hands, and why. */
export interface Assignment {
  readonly shard: number;
  readonly to: string;
  readonly cause: "unowned" | "leaving" | "balance";
}

/** Loads may differ from the mean by this share, or by one shard. */
const tolerance = 0.05;

/**
 * Shards without an owner go to the least loaded nodes at once; shards of leaving nodes within their limit; then, if
 * loads differ by more than 5 % and one shard, the fewest moves that bring them within. Shards of nodes that are
 * neither listed nor leaving stay alone. Empty when there is no node to give to.
 */
export function rebalance(input: BalanceInput): readonly Assignment[] {
  if (input.nodes.length === 0) return [];
  const nodes = [...new Set(input.nodes)].filter((node) => !input.leaving.has(node)).sort();
  const held = new Map<string, number[]>(nodes.map((node) => [node, []]));
  const unowned: number[] = [];
  const left: number[] = [];
  for (const [shard, owner] of input.owners.entries()) {
    if (owner === undefined) unowned.push(shard);
    else if (held.has(owner)) held.get(owner)?.push(shard);
    else if (input.leaving.has(owner) && !input.pinned.has(shard)) left.push(shard);
  }
  if (nodes.length === 0) return [];
  const assignments: Assignment[] = [];
  const give = (shard: number, cause: Assignment["cause"]): void => {
    const to = lightest(held, nodes, shard);
    held.get(to)?.push(shard);
    assignments.push({ shard, to, cause });
  };
  for (const shard of unowned) give(shard, "unowned");
  for (const shard of left.slice(0, Math.max(0, input.leavingLimit))) give(shard, "leaving");
  if (input.balanceLimit > 0) {
    const given = new Set(assignments.map(({ shard }) => shard));
    assignments.push(...even(held, nodes, new Set([...input.pinned, ...given]), input.balanceLimit));
  }
  return assignments;
}

/** The least loaded node; among equals the one that the shard's rendezvous prefers. */
function lightest(
  held: ReadonlyMap<string, readonly number[]>,
  nodes: readonly string[],
  shard: number,
): string {
  let best = nodes[0] ?? "";
  for (const node of nodes) {
    const difference = loadOf(held, node) - loadOf(held, best);
    if (difference < 0 || (difference === 0 && score(node, shard) > score(best, shard))) best = node;
  }
  return best;
}

function even(
  held: Map<string, number[]>,
  nodes: readonly string[],
  fixed: ReadonlySet<number>,
  limit: number,
): readonly Assignment[] {
  const moves: Assignment[] = [];
  const movable = new Map(nodes.map((node) => [node, (held.get(node) ?? []).filter((s) => !fixed.has(s))]));
  const loads = new Map(nodes.map((node) => [node, loadOf(held, node)]));
  const needed = Math.min(limit, movesNeeded([...loads.values()]));
  while (moves.length < needed) {
    const byLoad = [...nodes].sort((a, b) => (loads.get(b) ?? 0) - (loads.get(a) ?? 0));
    const from = byLoad.find((node) => (movable.get(node)?.length ?? 0) > 0);
    const to = byLoad.at(-1);
    if (from === undefined || to === undefined) break;
    if ((loads.get(from) ?? 0) - (loads.get(to) ?? 0) <= 1) break;
    const candidates = movable.get(from) ?? [];
    const shard = candidates.reduce((best, next) => (score(to, next) > score(to, best) ? next : best));
    candidates.splice(candidates.indexOf(shard), 1);
    loads.set(from, (loads.get(from) ?? 0) - 1);
    loads.set(to, (loads.get(to) ?? 0) + 1);
    moves.push({ shard, to, cause: "balance" });
  }
  return moves;
}

/** The fewest moves after which every load is within 5 % or one shard of the mean. */
function movesNeeded(loads: readonly number[]): number {
  const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
  const low = Math.min(Math.floor(mean), Math.ceil(mean * (1 - tolerance)));
  const high = Math.max(Math.ceil(mean), Math.floor(mean * (1 + tolerance)));
  const over = loads.reduce((sum, load) => sum + Math.max(0, load - high), 0);
  const under = loads.reduce((sum, load) => sum + Math.max(0, low - load), 0);
  return Math.max(over, under);
}

function loadOf(held: ReadonlyMap<string, readonly number[]>, node: string): number {
  return held.get(node)?.length ?? 0;
}

function score(node: string, shard: number): number {
  return hash32(`${node}#${shard}`);
}
