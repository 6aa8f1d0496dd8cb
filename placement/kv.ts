/**
 * The coordination port: a small key-value bucket with compare-and-set and a watch. Placement keeps its beats and the
 * shard table here; safety does not depend on it, since the store fences.
 */

/** A value with the revision that a compare-and-set has to name. */
export interface KvEntry {
  readonly key: string;
  readonly value: string;
  /** Grows with every write to the bucket. */
  readonly revision: number;
}

/** What became of a conditional write: done, or somebody else wrote first. */
export type KvWrite = { readonly kind: "written"; readonly revision: number } | { readonly kind: "lost" };

/** A change seen by a watch; `undefined` for a value means that the key was deleted. */
export interface KvChange {
  readonly key: string;
  readonly value: string | undefined;
  readonly revision: number;
}

/** A bucket shared by all nodes of a cluster. Every wait is bounded by the adapter. */
export interface Kv {
  /** @throws Failure KV_UNAVAILABLE */
  get(key: string): Promise<KvEntry | undefined>;
  /** All entries whose key starts with the prefix. @throws Failure KV_UNAVAILABLE */
  list(prefix: string): Promise<readonly KvEntry[]>;
  /** Writes only if the key does not exist. @throws Failure KV_UNKNOWN_OUTCOME when the answer was lost: read back. */
  create(key: string, value: string): Promise<KvWrite>;
  /** Writes only over that revision. @throws Failure KV_UNKNOWN_OUTCOME when the answer was lost: read back. */
  update(key: string, value: string, revision: number): Promise<KvWrite>;
  /** Deletes whatever is there. @throws Failure KV_UNAVAILABLE */
  delete(key: string): Promise<void>;
  /**
   * Calls back for every present entry first, then for changes in their order: of several that overtake each other on one
   * key, only the last is certain. It may silently go deaf, so its user watches for an echo and watches anew.
   * @throws Failure KV_UNAVAILABLE
   */
  watch(handler: (change: KvChange) => void): Promise<KvWatch>;
  /** Whether the connection to the bucket is up. */
  connected(): boolean;
  /** Lets go of everything. */
  close(): Promise<void>;
}

/** A watch in force. */
export interface KvWatch {
  /** No change reaches the handler after this returns. */
  stop(): void;
}
