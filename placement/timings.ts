/** Every time constant of placement, in milliseconds of the own monotonic clock, and the sizes of a batch. */
export interface PlacementTimings {
  /** A node renews its key this often. */
  readonly beatMs: number;
  /** A renewal that failed is tried again after this. */
  readonly beatRetryMs: number;
  /** The node is frozen when the last acknowledged renewal was sent longer ago. */
  readonly leaseMs: number;
  /** A node is dead when its key has not changed for this long. */
  readonly deathMs: number;
  /** ... or for this long, if also nobody is subscribed to its subject. */
  readonly crashMs: number;
  /** How long a probe of a subject may take, and the pause between two. */
  readonly probeMs: number;
  /** Own beats older than this in the own watch: nothing is concluded from anybody's silence. */
  readonly echoFreshMs: number;
  /** No echo for this long: watch anew. */
  readonly echoLostMs: number;
  /** The node of rank r among the living acts after r times this. */
  readonly rankStepMs: number;
  /** How often silence and deadlines are looked at. */
  readonly tickMs: number;
  /** Loads are evened out only after the membership was calm for this long ... */
  readonly quietMs: number;
  /** ... or this long while the whole cluster is young: no member has sent more beats than `youngBeats`. */
  readonly youngQuietMs: number;
  readonly youngBeats: number;
  /** For mere balance at most this share of the shards moves at a time (unless the cluster is young). */
  readonly balanceShare: number;
  /** At most this share of the shards moves away from draining nodes at a time. */
  readonly drainShare: number;
  /** How long the old owner may take to flush and let go. */
  readonly releaseMs: number;
  /** After this long a move goes on without the old owner. */
  readonly handoffMs: number;
  /** What was let go within this time goes into one write of the table. */
  readonly gatherMs: number;
  /** Nobody remembers the table: how long others are waited for before it is made from the fences. */
  readonly rebuildMs: number;
  /** First and largest pause before a failed claim is repeated (full jitter, doubling). */
  readonly gainRetryMs: number;
  readonly gainRetryCapMs: number;
  /** How long `drain` may take at most ... */
  readonly drainMs: number;
  /** ... and how long it may be frozen meanwhile: without the bucket nothing moves. */
  readonly drainFrozenMs: number;
  /** How long `stop` tries to say goodbye. */
  readonly goodbyeMs: number;
  /** The key of a dead or departed run is removed after this long without a change. */
  readonly sweepMs: number;
}

/** The values of the design. */
export const defaultTimings: PlacementTimings = {
  beatMs: 1000,
  beatRetryMs: 200,
  leaseMs: 4000,
  deathMs: 7000,
  crashMs: 2000,
  probeMs: 400,
  echoFreshMs: 2500,
  echoLostMs: 3000,
  rankStepMs: 300,
  tickMs: 200,
  quietMs: 5000,
  youngQuietMs: 300,
  youngBeats: 30,
  balanceShare: 0.1,
  drainShare: 0.05,
  releaseMs: 2000,
  handoffMs: 10_000,
  gatherMs: 15,
  rebuildMs: 7000,
  gainRetryMs: 100,
  gainRetryCapMs: 2000,
  drainMs: 20_000,
  drainFrozenMs: 3000,
  goodbyeMs: 1000,
  sweepMs: 60_000,
};
