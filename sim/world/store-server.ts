/**
 * The simulated store's server side: the in-memory store, the masters that share its shards, and a record of what it
 * accepted. A failover puts a lagging replica in a master's place: what had not reached it is forgotten, and its run has
 * another id.
 */
import { assert } from "../../base/assert.ts";
import type { Clock } from "../../base/clock.ts";
import { memoryStore, type MemoryStore } from "../../store/memory.ts";
import type { Owner, ShardCommit, Store, Stored, Write } from "../../store/store.ts";
import type { Process } from "./process.ts";
import { StoreMaster } from "./store-master.ts";

/** A shard that was taken over. */
export interface AcceptedClaim {
  readonly kind: "claim";
  readonly at: number;
  readonly owner: Owner;
  readonly shard: number;
  readonly epoch: number;
}

/** A commit that was applied. */
export interface AcceptedCommit {
  readonly kind: "commit";
  readonly at: number;
  readonly owner: Owner;
  readonly commit: ShardCommit;
}

/** A replica took over, without the last entries. */
export interface Forgot {
  readonly kind: "forgot";
  readonly at: number;
  readonly entries: number;
  /** Under which epoch, and by whom, each shard's last entry that it has was written, and its last commit; 0 for none. */
  readonly fences: ReadonlyMap<
    number,
    { readonly epoch: number; readonly owner: Owner; readonly last: number }
  >;
}

/** What the store accepted, and when it forgot the last of it. */
export type Accepted = AcceptedClaim | AcceptedCommit | Forgot;

/** Hears of everything that a store accepts, in order. */
export type OnAccepted = (entry: Accepted) => void;

/** Hears of every write of the commits that a store accepts, and of its shard. */
export type OnWritten = (write: Write, shard: number) => void;

/** The store of one world. */
export class StoreServer {
  readonly masters: readonly StoreMaster[];
  readonly #clock: Clock;
  readonly #listeners: OnAccepted[] = [];
  #memory: MemoryStore;
  /** The same, furnished. */
  #primary: Store;
  /** Adds to a new store what nobody ever wrote into it. */
  #furnish: (store: Store) => Store = (store) => store;
  /** What the present store is made of; undefined if it never forgets. */
  #effective: (AcceptedClaim | AcceptedCommit)[] | undefined;
  /** The last commit of each shard. */
  readonly #last = new Map<number, { readonly number: number; readonly epoch: number }>();

  /**
   * @param processes one for each master
   * @param forgetful whether replicas may take over: only then it keeps every commit, which is what a long run's memory
   * would mostly be made of
   */
  constructor(processes: readonly Process[], forgetful: boolean) {
    const [first] = processes;
    assert(first !== undefined, "a store has a master");
    this.masters = processes.map((process, i) => new StoreMaster(`m${i + 1}`, process));
    this.#clock = first.clock;
    this.#memory = memoryStore(first.clock);
    this.#primary = this.#memory;
    this.#effective = forgetful ? [] : undefined;
  }

  /** Whether a replica may take over. */
  get forgetful(): boolean {
    return this.#effective !== undefined;
  }

  /** What answers now. */
  get primary(): Store {
    return this.#primary;
  }

  /** The master that answers for a shard. */
  masterOf(shard: number): StoreMaster {
    const master = this.masters[shard % this.masters.length];
    assert(master !== undefined, "shards are whole numbers, from 0 on");
    return master;
  }

  /** When a timer is due that the store has just told of. */
  dueAt(timer: Stored): number {
    return this.#memory.dueAt(timer) ?? 0;
  }

  /** The masters that a fault means: `store` is all of them. */
  mastersAt(target: string): readonly StoreMaster[] {
    return target === "store" ? this.masters : this.masters.filter(({ name }) => name === target);
  }

  /** Tells of everything that is accepted from now on. */
  onAccepted(listener: OnAccepted): void {
    this.#listeners.push(listener);
  }

  /** The same, of the writes alone. */
  onWritten(listener: OnWritten): void {
    this.onAccepted((entry) => {
      if (entry.kind === "commit")
        for (const write of entry.commit.writes) listener(write, entry.commit.shard);
    });
  }

  /** Lets the store, and each replica that follows it, be seen through that. */
  furnish(wrap: (store: Store) => Store): void {
    const before = this.#furnish;
    this.#furnish = (store) => wrap(before(store));
    this.#primary = wrap(this.#primary);
  }

  /** Takes in what an owner of the past left of one shard, as its first commit. */
  async inherit(owner: Owner, commit: ShardCommit): Promise<void> {
    const at = this.#clock.now();
    const { shard, epoch } = commit;
    await this.#primary.claim(owner, [{ shard, epoch }]);
    const [verdict] = await this.#primary.commit(owner, [commit]);
    assert(verdict?.kind === "committed", `nobody else has written shard ${shard}`);
    this.note({ kind: "claim", at, owner, shard, epoch });
    this.note({ kind: "commit", at, owner, commit });
  }

  /** Notes what was accepted; a commit that was only repeated counts once. */
  note(entry: AcceptedClaim | AcceptedCommit): void {
    if (entry.kind === "commit") {
      const { shard, number, epoch } = entry.commit;
      const last = this.#last.get(shard);
      if (last !== undefined && number <= last.number && epoch >= last.epoch) return;
      this.#last.set(shard, { number, epoch });
    }
    this.#effective?.push(entry);
    this.#tell(entry);
  }

  /**
   * Replicas take over from these masters; what happened at them within the last `lagMs` is forgotten. Resolves within one
   * task.
   * @param remembers whether that owner still holds the shard: where memory and store are both lost nothing is promised,
   * so what only the store knows had reached the replica
   */
  async failOver(
    masters: readonly StoreMaster[],
    lagMs: number,
    remembers: (shard: number, owner: Owner) => boolean,
  ): Promise<void> {
    const effective = this.#effective;
    assert(effective !== undefined, "only a forgetful store fails over");
    const now = this.#clock.now();
    const horizon = now - lagMs;
    const safe = new Set<number>();
    for (const entry of effective) {
      if (entry.at <= horizon) continue;
      const shard = shardOf(entry);
      if (!masters.includes(this.masterOf(shard)) || !remembers(shard, entry.owner)) safe.add(shard);
    }
    const kept = effective.filter((entry) => entry.at <= horizon || safe.has(shardOf(entry)));
    const entries = effective.length - kept.length;
    const time = { at: 0 };
    const clock: Clock = {
      ...this.#clock,
      now: () => (time.at === Infinity ? this.#clock.now() : time.at),
    };
    const memory = memoryStore(clock);
    const replica = this.#furnish(memory);
    for (const entry of kept) {
      time.at = entry.at;
      if (entry.kind === "claim") await replica.claim(entry.owner, [entry]);
      else await replica.commit(entry.owner, [entry.commit]);
    }
    time.at = Infinity;
    this.#last.clear();
    for (const entry of kept) if (entry.kind === "commit") this.#last.set(entry.commit.shard, entry.commit);
    this.#effective = kept;
    this.#memory = memory;
    this.#primary = replica;
    for (const master of masters) master.replaced();
    const fences = new Map<number, { epoch: number; owner: Owner; last: number }>();
    for (const entry of kept) {
      const { epoch } = entry.kind === "claim" ? entry : entry.commit;
      const shard = shardOf(entry);
      fences.set(shard, { epoch, owner: entry.owner, last: this.#last.get(shard)?.number ?? 0 });
    }
    this.#tell({ kind: "forgot", at: now, entries, fences });
  }

  #tell(entry: Accepted): void {
    for (const listener of this.#listeners) listener(entry);
  }
}

function shardOf(entry: AcceptedClaim | AcceptedCommit): number {
  return entry.kind === "claim" ? entry.shard : entry.commit.shard;
}
