/**
 * What placement asks of whoever hosts the shards (actors/runtime). Placement decides and sends nothing; the host
 * claims, loads, flushes and serves.
 */

/** `serving`: claimed and loaded. `fenced`: the store holds a higher fence, the next table must go above it. */
export type GainOutcome = { readonly kind: "serving" } | { readonly kind: "fenced"; readonly epoch: number };

/** A node in one run of its process. */
export interface NodeRun {
  readonly node: string;
  readonly incarnation: string;
}

/** The host of a node's shards. Every call is idempotent. */
export interface Hosting {
  /**
   * The table gives this node the shard under this epoch: claim, load, serve. Called again with the same epoch after a
   * thaw, to repeat the claim. Rejects when the store is away; placement then asks again.
   */
  gain(shard: number, epoch: number): Promise<GainOutcome>;
  /** The shard is moving away: take no more, flush what is in flight, let go. Resolves then, or after `boundMs`. */
  release(shard: number, boundMs: number): Promise<void>;
  /** The shard is not ours any more: stop at once, flush nothing. */
  lose(shard: number): void;
}

/** Where a shard's messages go. `moving`: its owner takes no more, messages wait for the next owner. */
export interface Route {
  readonly owner: NodeRun;
  readonly epoch: number;
  readonly state: "stable" | "moving";
}

/** What the runtime reads from placement. */
export interface Routing {
  /** Number of shards, fixed when the cluster was created. */
  readonly shards: number;
  /** This node in this run. */
  readonly self: NodeRun;
  /** Where the shard's messages go now; undefined while nobody owns it. */
  route(shard: number): Route | undefined;
  /** Another node said who owns it; a higher epoch than the known one is believed at once. */
  correct(shard: number, owner: NodeRun, epoch: number): void;
  /**
   * The host gave the shard up under this epoch, since the store lost commits of it: the table must give it a higher
   * epoch, to this node again or to another.
   */
  abandon(shard: number, epoch: number): void;
  /** Calls back with the shards whose route changed. */
  onRoutes(handler: (shards: readonly number[]) => void): void;
  /** Whether durable outputs are held back, of this shard, or of all: tested at every output, not a timer. */
  frozen(shard?: number): boolean;
  /**
   * Calls back when the node thaws: its lease is renewed, its table is fresh, its claims are repeated. Again for a shard
   * whose claim the store answers only later, which is frozen until then.
   */
  onThaw(handler: () => void): void;
  /** The runs that are up or draining, by node id. */
  members(): ReadonlyMap<string, Member>;
  /** Whether the run is known to be over for good; time has to tell where nobody knows. */
  over?(run: NodeRun): boolean;
  /** Calls back when a run was declared dead, is gone, or a new one appeared. */
  onMembers(handler: () => void): void;
}

/** One node as its key describes it. */
export interface Member extends NodeRun {
  readonly version: string;
  readonly state: "up" | "draining";
  /** Where its clients connect, for `/v1/locate` and `drain`; empty if only a gateway is known. */
  readonly url: string;
  readonly zone: string;
  readonly lane: string;
  readonly capacity: number;
}
