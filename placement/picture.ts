import type { Coordinator } from "./coordinator.ts";
import type { Counts } from "./counts.ts";
import type { Holdings } from "./holdings.ts";
import type { Member, NodeRun } from "./hosting.ts";
import type { Lease } from "./lease.ts";
import type { Membership } from "./membership.ts";
import type { Routes } from "./routes.ts";
import { runKey } from "./shard-table.ts";
import type { TableCell } from "./table-cell.ts";

/** Placement as one node sees it, for `/admin/placement`. Ages in milliseconds of that node's clock. */
export interface PlacementPicture {
  readonly self: NodeRun;
  /** Why this node takes part no more, if it does not. */
  readonly problem: string | undefined;
  readonly ready: boolean;
  readonly frozen: boolean;
  readonly draining: boolean;
  /** Since the last acknowledged renewal was sent; undefined before the first. */
  readonly leaseAgeMs: number | undefined;
  /** Whether own beats come back, so that silence of others means something. */
  readonly seeing: boolean;
  readonly members: readonly (Member & { readonly silentMs: number })[];
  readonly generation: number;
  /** Whether the bucket holds what this node remembers. */
  readonly tableCurrent: boolean;
  readonly dead: readonly string[];
  readonly shards: readonly ShardPicture[];
  readonly counters: Readonly<Record<string, number>>;
}

/** One shard in the table and, if it is ours, here. */
export interface ShardPicture {
  readonly shard: number;
  readonly owner: string;
  readonly epoch: number;
  readonly state: string;
  /** How long it has been moving, or in its present local phase. */
  readonly ageMs: number | undefined;
  readonly local: string | undefined;
  /** The epoch that messages are routed under, where it is another one than the table's. */
  readonly routedEpoch: number | undefined;
}

/** What a picture is drawn from. */
export interface PictureInput extends Pick<
  PlacementPicture,
  "self" | "problem" | "ready" | "frozen" | "draining"
> {
  readonly lease: Lease;
  readonly membership: Membership;
  readonly cell: TableCell;
  readonly holdings: Holdings;
  readonly coordinator: Coordinator;
  readonly routes: Routes;
  readonly counts: Counts;
}

/** Draws it; costs something per shard, so only when somebody looks. */
export function drawPicture(input: PictureInput): PlacementPicture {
  const { lease, membership, cell, holdings, coordinator, routes, counts } = input;
  const table = cell.remembered;
  const shards = (table?.shards ?? []).map((entry, shard): ShardPicture => {
    const local = holdings.phase(shard);
    const routed = routes.route(shard)?.epoch;
    return {
      shard,
      owner: runKey(entry.owner),
      epoch: entry.epoch,
      state: entry.kind === "moving" ? `moving to ${runKey(entry.to)}` : "stable",
      ageMs: coordinator.movingForMs(shard) ?? local?.ageMs,
      local: local?.phase,
      routedEpoch: routed === entry.epoch ? undefined : routed,
    };
  });
  return {
    self: input.self,
    problem: input.problem,
    ready: input.ready,
    frozen: input.frozen,
    draining: input.draining,
    leaseAgeMs: Number.isFinite(lease.ageMs()) ? lease.ageMs() : undefined,
    seeing: membership.seeing(),
    members: [...membership.members().values()].map((member) => ({
      ...member,
      silentMs: membership.silenceOf(member.node) ?? 0,
    })),
    generation: table?.generation ?? 0,
    tableCurrent: cell.current,
    dead: table?.dead ?? [],
    shards,
    counters: { ...counts.all(), fencedGains: holdings.count().fencedGains },
  };
}
