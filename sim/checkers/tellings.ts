/**
 * What the store accepted, commit by commit, where it may forget and be told again. Role: tells what is new from what an
 * owner repeats because the store had forgotten it. Boundary: judges nothing. An owner that remembers tells the very same
 * commits again, under their old numbers and before anything else; who tells another one under such a number does not
 * know it any more, nor what followed it.
 */
import { assert } from "../../base/assert.ts";
import type { Accepted, AcceptedCommit } from "../world/store-server.ts";

/** What one entry means for those who follow the commits. */
export type Telling =
  /** The store holds these no more, the newest of each shard first. Their owners may tell them again. */
  | { readonly kind: "forgotten"; readonly commits: readonly AcceptedCommit[] }
  /** Was never told before; `lost` was forgotten and will not be told again, the newest first. */
  | { readonly kind: "first"; readonly entry: AcceptedCommit; readonly lost: readonly AcceptedCommit[] }
  /** Was forgotten, and is there again. */
  | { readonly kind: "again"; readonly entry: AcceptedCommit };

interface Shard {
  /** Commits that the store holds, and after them those that it forgot; ascending by number. */
  readonly told: AcceptedCommit[];
  /** How many of them it holds. */
  held: number;
}

/** Follows one store. Linear in what it accepted. */
export class Tellings {
  readonly #forgetful: boolean;
  readonly #shards = new Map<number, Shard>();

  /** @param forgetful whether that store ever forgets: all commits are kept then */
  constructor(forgetful: boolean) {
    this.#forgetful = forgetful;
  }

  /** Takes the next entry; undefined for a claim. */
  take(entry: Accepted): Telling | undefined {
    if (entry.kind === "claim") return undefined;
    if (entry.kind === "commit")
      return this.#forgetful ? this.#commit(entry) : { kind: "first", entry, lost: [] };
    assert(this.#forgetful, "a store forgets of which it was said that it may");
    const commits: AcceptedCommit[] = [];
    for (const [number, shard] of this.#shards) {
      const last = entry.fences.get(number)?.last ?? 0;
      while ((shard.told[shard.held - 1]?.commit.number ?? 0) > last) {
        const forgotten = shard.told[--shard.held];
        if (forgotten !== undefined) commits.push(forgotten);
      }
    }
    return { kind: "forgotten", commits };
  }

  #commit(entry: AcceptedCommit): Telling {
    const { shard: number } = entry.commit;
    let shard = this.#shards.get(number);
    if (shard === undefined) this.#shards.set(number, (shard = { told: [], held: 0 }));
    const forgotten = shard.told[shard.held];
    const again = forgotten !== undefined && isSame(forgotten, entry);
    const lost = again ? [] : shard.told.splice(shard.held).toReversed();
    shard.told[shard.held++] = entry;
    return again ? { kind: "again", entry } : { kind: "first", entry, lost };
  }
}

/** By whom, and under which epoch, may differ: whoever remembers has perhaps lost the shard and got it back. */
function isSame(one: AcceptedCommit, other: AcceptedCommit): boolean {
  return (
    one.commit.number === other.commit.number &&
    (one.commit.writes === other.commit.writes ||
      JSON.stringify(one.commit.writes) === JSON.stringify(other.commit.writes))
  );
}
