/**
 * What things cost a node's processor, in milliseconds. Without such a model storms prove nothing: queues would never
 * form. The figures are those of one core of the machine in bench/RESULTS.md's class; ratios matter, not absolutes.
 */
export interface Costs {
  /** A frame from a client: reading, parsing, checking, the actor that handles it. */
  readonly frameInMs: number;
  /** A frame to a client. */
  readonly frameOutMs: number;
  /** A new connection: upgrade, handshake. */
  readonly acceptMs: number;
  /** Verifying a token. */
  readonly verifyMs: number;
  /** A batch of envelopes from or to another node, and each kilobyte of it. */
  readonly batchMs: number;
  readonly kilobyteMs: number;
  /** An answer of the store, for the node. */
  readonly answerMs: number;
  /** A call and each write of it, for the store. */
  readonly storeCallMs: number;
  readonly storeWriteMs: number;
  /** Making one call's writes durable, for the store. */
  readonly storeSyncMs: number;
}

/** Nothing costs anything. */
export const freeCosts: Costs = {
  frameInMs: 0,
  frameOutMs: 0,
  acceptMs: 0,
  verifyMs: 0,
  batchMs: 0,
  kilobyteMs: 0,
  answerMs: 0,
  storeCallMs: 0,
  storeWriteMs: 0,
  storeSyncMs: 0,
};

/**
 * About 24,000 deliveries a second and core, 4,000 new connections a second and node (facts of 2 cores, Node 24: 7-9 k
 * bare accepts/s, 25 k messages/s over three nodes with 8.9 CPU seconds in 8), 60,000 commits/s of one Redis.
 */
export const usualCosts: Costs = {
  frameInMs: 0.02,
  frameOutMs: 0.008,
  acceptMs: 0.12,
  verifyMs: 0.06,
  batchMs: 0.015,
  kilobyteMs: 0.008,
  answerMs: 0.01,
  storeCallMs: 0.012,
  storeWriteMs: 0.002,
  storeSyncMs: 0,
};
