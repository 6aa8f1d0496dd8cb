/**
 * The store port: durable truth behind a fence. Everything belongs to a shard; a shard is written only by the owner
 * that claimed it last, in numbered commits. Guarantees FenceMonotone and EpochOwnerUnique are decided here.
 */

/** Who writes: `node/incarnation`. */
export type Owner = string;

/**
 * One change inside a commit. Strings are opaque to the store. `entity`, `log` and `set` are names that are unique in
 * their shard; ids of obligations and timers too.
 */
export type Write =
  /** Appends to a log; `seq` is exactly one above its end. */
  | { readonly op: "append"; readonly log: string; readonly seq: number; readonly event: string }
  /** One field of an entity's record; all fields are loaded together. */
  | { readonly op: "set"; readonly entity: string; readonly field: string; readonly value: string }
  | { readonly op: "unset"; readonly entity: string; readonly field: string }
  /** A record of its own that expires: producer rows, idempotency keys. */
  | { readonly op: "keep"; readonly key: string; readonly value: string; readonly ttlMs: number }
  /** Adds to the end of such a record, which expires when it would have; writes nothing where there is none. */
  | { readonly op: "extend"; readonly key: string; readonly value: string }
  /** An unconfirmed tell, owed until settled. */
  | { readonly op: "owe"; readonly id: string; readonly value: string }
  | { readonly op: "settle"; readonly id: string }
  /** A durable timer, due `delayMs` after the commit by the store's time; arming again replaces it. */
  | { readonly op: "arm"; readonly id: string; readonly delayMs: number; readonly value: string }
  | { readonly op: "disarm"; readonly id: string }
  /** Membership in a large set. */
  | { readonly op: "join"; readonly set: string; readonly member: string }
  | { readonly op: "leave"; readonly set: string; readonly member: string };

/** The changes of one shard that stand or fall together. */
export interface ShardCommit {
  readonly shard: number;
  readonly epoch: number;
  /** One above the last commit of this shard, through all epochs. */
  readonly number: number;
  readonly writes: readonly Write[];
}

/**
 * `committed`: durable (also when this number was already stored by the same owner and epoch: a repeat).
 * `fenced`: another owner or epoch holds the shard, or nobody claimed it; nothing was written.
 * `stale`: a lower number than the last; nothing was written. `ahead`: a higher one than last + 1, the store forgot;
 * nothing was written. `last` is the last commit number that the store holds.
 */
export type Verdict =
  | { readonly kind: "committed" }
  | { readonly kind: "fenced"; readonly epoch: number; readonly owner: Owner }
  | { readonly kind: "stale"; readonly last: number }
  | { readonly kind: "ahead"; readonly last: number };

/** `claimed` with the last commit number that the shard holds, or refused with the fence that stands. */
export type ClaimResult =
  | { readonly kind: "claimed"; readonly last: number }
  | { readonly kind: "fenced"; readonly epoch: number; readonly owner: Owner };

/** A shard's fence as the store holds it. */
export interface Fence {
  readonly shard: number;
  readonly epoch: number;
  readonly owner: Owner;
  readonly last: number;
}

/** A part of a log: numbers above `after` going up, or below `before` going down (the answer is always ascending). */
export interface LogQuery {
  readonly shard: number;
  readonly log: string;
  readonly after?: number;
  readonly before?: number;
  /** Events at most. */
  readonly limit: number;
  /** Bytes of their UTF-8 at most, though one event where there is any: those next to `after`, or to `before`. */
  readonly bytes?: number;
}

/** Events in ascending order, and the number of the log's last event (0 when empty). */
export interface LogSlice {
  readonly events: readonly { readonly seq: number; readonly event: string }[];
  readonly end: number;
}

/** An obligation or a timer as it was stored. */
export interface Stored {
  readonly shard: number;
  readonly id: string;
  readonly value: string;
}

/**
 * Durable truth. Every call is bounded by the adapter. Nothing is ever retried inside: a commit whose answer was lost
 * throws STORE_UNKNOWN_OUTCOME and the owner asks again with the same number.
 * All methods throw Failure STORE_UNAVAILABLE when the store cannot be reached or is loading. Where that goes for a part of
 * it only, `claim`, `readLogs`, `tails`, `load`, `kept` and `isMember` throw PartialAnswer, with the answers of the others.
 */
export interface Store {
  /**
   * Takes shards over: succeeds for a higher epoch than the fence's, or for the same epoch and the same owner.
   * Results stand in the order of the claims.
   */
  claim(owner: Owner, claims: readonly { shard: number; epoch: number }[]): Promise<readonly ClaimResult[]>;
  /**
   * Applies each shard's commit wholly or not at all; at most one commit per shard in one call. Verdicts stand in the
   * order of the commits. @throws Failure STORE_UNKNOWN_OUTCOME; as a PartialAnswer where only a part of the store failed,
   * with the verdicts of the others
   */
  commit(owner: Owner, commits: readonly ShardCommit[]): Promise<readonly Verdict[]>;
  /** The fences that exist, for all shards below `shards`. */
  fences(shards: number): Promise<readonly Fence[]>;
  /** Parts of logs, in the order of the queries. */
  readLogs(queries: readonly LogQuery[]): Promise<readonly LogSlice[]>;
  /** The last event of each log, undefined where it is empty. */
  tails(logs: readonly { shard: number; log: string }[]): Promise<readonly (string | undefined)[]>;
  /** All fields of each entity. */
  load(
    entities: readonly { shard: number; entity: string }[],
  ): Promise<readonly Readonly<Record<string, string>>[]>;
  /** Expiring records, undefined where there is none. */
  kept(keys: readonly { shard: number; key: string }[]): Promise<readonly (string | undefined)[]>;
  /** Obligations of a shard in the order of their ids as strings, after the given id (undefined: all). */
  obligations(shard: number, limit: number, after?: string): Promise<readonly Stored[]>;
  /**
   * Timers of these shards that are due by the store's time, at most `limit` in all, and of one shard not more than
   * its share (due-share.ts): those of it that are due longest. Shards in a part of the store that is away are left out.
   */
  due(shards: readonly number[], limit: number): Promise<readonly Stored[]>;
  /** Whether each is a member. */
  isMember(queries: readonly { shard: number; set: string; member: string }[]): Promise<readonly boolean[]>;
  /** Notes that this node has heard from NATS just now; forgotten after `ttlMs`. */
  stamp(node: string, ttlMs: number): Promise<void>;
  /** The nodes whose stamps have not run out. */
  stamped(): Promise<readonly string[]>;
  /** Names the run of the store: when it changes, the store may have forgotten. */
  runId(): Promise<string>;
  /** Share of its memory bound that is used, 0 to 1; 0 where there is no bound. */
  fullness(): Promise<number>;
  /** Whether the connection is up. */
  connected(): boolean;
  /** Calls back on every change of `connected()`. */
  onStatus(handler: (connected: boolean) => void): void;
  /** Lets go of everything. */
  close(): Promise<void>;
}
