import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/errors.ts";
import type { Kv, KvChange, KvEntry, KvWatch, KvWrite } from "./kv.ts";

/**
 * A coordination bucket in this process: for a node on its own, and for tests with several nodes.
 *
 * Boundary: every answer and every change arrives on `clock.soon`, in the order of the writes; nothing runs inside
 * the call.
 */
export interface MemoryBucket {
  /** Everything in it, by key. */
  dump(): readonly KvEntry[];
  /**
   * Makes the bucket what it was when it was dumped (or empty), revisions included, as when NATS comes back with an
   * older store: no watch hears of it, and all watches go deaf.
   */
  restore(entries: readonly KvEntry[]): void;
}

interface Shared extends MemoryBucket {
  readonly entries: Map<string, KvEntry>;
  revision: number;
  readonly watches: Set<(change: KvChange) => void>;
}

/** An empty bucket to be shared by several nodes' `memoryKv`. */
export function memoryBucket(): MemoryBucket {
  return sharedBucket();
}

/** One node's access to a bucket, by default to one of its own. */
export function memoryKv(clock: Clock, bucket: MemoryBucket = memoryBucket()): Kv {
  const shared = bucket as Shared;
  const own = new Set<(change: KvChange) => void>();
  let open = true;

  function soon<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      clock.soon(() => {
        if (open) resolve(run());
        else reject(new Failure("KV_UNAVAILABLE", "the bucket is closed"));
      });
    });
  }

  function put(key: string, value: string): KvWrite {
    const revision = ++shared.revision;
    shared.entries.set(key, { key, value, revision });
    tell({ key, value, revision });
    return { kind: "written", revision };
  }

  function tell(change: KvChange): void {
    for (const watch of shared.watches) watch(change);
  }

  return {
    connected: () => open,
    get: (key) => soon(() => shared.entries.get(key)),
    list: (prefix) => soon(() => listed(shared, prefix)),
    create: (key, value) => soon(() => (shared.entries.has(key) ? { kind: "lost" } : put(key, value))),
    update: (key, value, revision) =>
      soon(() => (shared.entries.get(key)?.revision === revision ? put(key, value) : { kind: "lost" })),
    delete: (key) =>
      soon(() => {
        if (!shared.entries.delete(key)) return;
        tell({ key, value: undefined, revision: ++shared.revision });
      }),
    watch: (handler) =>
      soon((): KvWatch => {
        let watching = true;
        const deliver = (change: KvChange): void =>
          clock.soon(() => {
            if (watching && open) handler(change);
          });
        for (const entry of listed(shared, "")) deliver(entry);
        shared.watches.add(deliver);
        own.add(deliver);
        return {
          stop() {
            watching = false;
            shared.watches.delete(deliver);
            own.delete(deliver);
          },
        };
      }),
    async close() {
      open = false;
      for (const watch of own) shared.watches.delete(watch);
    },
  };
}

function listed(shared: Shared, prefix: string): readonly KvEntry[] {
  const found = [...shared.entries.values()].filter((entry) => entry.key.startsWith(prefix));
  return found.sort((a, b) => a.revision - b.revision);
}

function sharedBucket(): Shared {
  return {
    entries: new Map(),
    revision: 0,
    watches: new Set(),
    dump() {
      return listed(this, "");
    },
    restore(entries) {
      this.entries.clear();
      this.watches.clear();
      this.revision = entries.reduce((highest, entry) => Math.max(highest, entry.revision), 0);
      for (const entry of entries) this.entries.set(entry.key, entry);
    },
  };
}
