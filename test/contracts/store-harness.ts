import type { ShardCommit, Store, Write } from "../../store/store.ts";

/** A fresh, empty store and power over its surroundings. */
export interface StoreHarness {
  readonly store: Store;
  /** Lets this much of the store's time pass. */
  pass(ms: number): Promise<void>;
  /** Runs a call whose effect happens and whose answer never arrives. */
  loseReply<T>(run: () => Promise<T>): Promise<T>;
  /** Ends the store and what was started for it. */
  close(): Promise<void>;
}

/** What the tests of a section share: the store of the running test, and one owner to write with. */
export interface StoreBench {
  readonly harness: StoreHarness;
  readonly store: Store;
  /** Claims the shard at epoch 1 for `alice` if the bench has not yet, then commits these writes as her next. */
  readonly write: (shard: number, ...writes: Write[]) => Promise<void>;
  /** Alice's next commit of the shard, not sent. */
  readonly next: (shard: number, ...writes: Write[]) => ShardCommit;
}

/** The owner that `StoreBench.write` writes as. */
export const alice = "node-a/1";
/** Another owner. */
export const bob = "node-b/1";

/** The bench of one test. */
export function benchOf(harness: StoreHarness): StoreBench {
  const { store } = harness;
  const numbers = new Map<number, number>();
  const bench: StoreBench = {
    harness,
    store,
    next(shard, ...writes) {
      const number = (numbers.get(shard) ?? 0) + 1;
      numbers.set(shard, number);
      return { shard, epoch: 1, number, writes };
    },
    async write(shard, ...writes) {
      if (!numbers.has(shard)) await store.claim(alice, [{ shard, epoch: 1 }]);
      const [verdict] = await store.commit(alice, [bench.next(shard, ...writes)]);
      if (verdict?.kind !== "committed") throw new Error(`not committed: ${JSON.stringify(verdict)}`);
    },
  };
  return bench;
}
