/**
 * A set of the store that is large from the beginning: members are numbered names, one bit each, so that a million of
 * them cost 125 KB. Invariant: it answers and changes like a set of which those names were members before the first
 * commit.
 */
import type { ShardCommit, Store } from "../../store/store.ts";

/** Where the set stands and what its members are called: the prefix, then a number. */
export interface LargeSetName {
  readonly shard: number;
  readonly set: string;
  readonly prefix: string;
}

/** Such a set. */
export class LargeSet {
  readonly #name: LargeSetName;
  readonly #from: number;
  readonly #size: number;
  readonly #bits: Uint8Array;

  /** Members with numbers from `from` to below `size` belong to it; what has no such number is the store's own affair. */
  constructor(name: LargeSetName, from: number, size: number) {
    this.#name = name;
    this.#from = from;
    this.#size = size;
    this.#bits = new Uint8Array(Math.ceil(size / 8)).fill(0xff);
  }

  /** The store with this set in it. */
  over(store: Store): Store {
    return {
      ...store,
      isMember: async (queries) => {
        const found = await store.isMember(queries);
        return queries.map(({ shard, set, member }, i) => {
          const n = shard === this.#name.shard && set === this.#name.set ? this.#numberOf(member) : undefined;
          return n === undefined ? (found[i] ?? false) : this.#has(n);
        });
      },
      commit: async (owner, commits) => {
        const verdicts = await store.commit(owner, commits);
        commits.forEach((commit, i) => {
          if (verdicts[i]?.kind === "committed") this.#apply(commit);
        });
        return verdicts;
      },
    };
  }

  #apply({ shard, writes }: ShardCommit): void {
    if (shard !== this.#name.shard) return;
    for (const write of writes) {
      if ((write.op !== "join" && write.op !== "leave") || write.set !== this.#name.set) continue;
      const n = this.#numberOf(write.member);
      if (n !== undefined) this.#put(n, write.op === "join");
    }
  }

  /** Undefined for a name that is not one of its numbered ones. */
  #numberOf(member: string): number | undefined {
    const { prefix } = this.#name;
    const n = member.startsWith(prefix) ? Number(member.slice(prefix.length)) : Number.NaN;
    return Number.isInteger(n) && n >= this.#from && n < this.#size ? n : undefined;
  }

  #has(n: number): boolean {
    return ((this.#bits[n >>> 3] ?? 0) & (1 << (n & 7))) !== 0;
  }

  #put(n: number, member: boolean): void {
    const byte = this.#bits[n >>> 3] ?? 0;
    this.#bits[n >>> 3] = member ? byte | (1 << (n & 7)) : byte & ~(1 << (n & 7));
  }
}
