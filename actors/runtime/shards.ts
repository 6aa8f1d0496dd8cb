/**
 * The shards of one node, as placement gives and takes them. Role: claims, loads what is owed, hosts; flushes and ends.
 * Boundary: placement decides, the shard's host serves. Invariants: a shard is served only after its claim succeeded
 * (EpochOwnerUnique); an epoch is hosted once in a run, since a commit that is still on its way could meet the numbers,
 * and ids the ids, of a second host; whatever overtakes a gain ends it.
 */
import { sleep, type Clock } from "../../base/clock.ts";
import { Failure } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Counter } from "../../base/metrics.ts";
import type { GainOutcome, Hosting, Routing } from "../../placement/hosting.ts";
import type { ClaimResult, Owner, Store } from "../../store/store.ts";
import type { Committer } from "./commits.ts";
import type { HostParts } from "./host-parts.ts";
import type { Batch } from "./lane.ts";
import { ShardHost } from "./shard-host.ts";

/** What a node's shards are made of. */
export interface ShardsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly routing: Routing;
  readonly store: Store;
  readonly committer: Committer;
  readonly owner: () => Owner;
  readonly claim: (claim: { shard: number; epoch: number }) => Promise<ClaimResult>;
  /** What every host gets. */
  readonly host: () => HostParts;
  readonly fenced: Counter;
}

interface Gaining {
  readonly epoch: number;
  readonly outcome: Promise<GainOutcome>;
}

const obligationPage = 1000;
const quietPollMs = 5;

/** See the file's head. */
export class Shards implements Hosting {
  readonly #parts: ShardsParts;
  readonly #hosts = new Map<number, ShardHost>();
  readonly #releasing = new Set<ShardHost>();
  readonly #gaining = new Map<number, Gaining>();
  /** The highest epoch under which each shard was hosted and is not any more. */
  readonly #burnt = new Map<number, number>();
  /** What is remembered of the commits of shards that were given up, by the epoch given up. */
  readonly #rings = new Map<number, { readonly epoch: number; readonly ring: readonly Batch[] }>();
  #fenced = 0;

  constructor(parts: ShardsParts) {
    this.#parts = parts;
  }

  /** The hosts by shard, also those being released. */
  get hosts(): ReadonlyMap<number, ShardHost> {
    return this.#hosts;
  }

  /** How many hosts were ended by a higher fence. */
  get fenced(): number {
    return this.#fenced;
  }

  /** The host that takes messages for the shard. */
  serving(shard: number): ShardHost | undefined {
    const host = this.#hosts.get(shard);
    return host === undefined || this.#releasing.has(host) ? undefined : host;
  }

  gain(shard: number, epoch: number): Promise<GainOutcome> {
    const running = this.#gaining.get(shard);
    if (running?.epoch === epoch) return running.outcome;
    const current = (): boolean => this.#gaining.get(shard) === gaining;
    const outcome = this.#gain(shard, epoch, current).finally(() => {
      if (current()) this.#gaining.delete(shard);
    });
    const gaining: Gaining = { epoch, outcome };
    this.#gaining.set(shard, gaining);
    return outcome;
  }

  async release(shard: number, boundMs: number): Promise<void> {
    this.#gaining.delete(shard);
    const host = this.#hosts.get(shard);
    if (host === undefined) return;
    const { clock } = this.#parts;
    this.#releasing.add(host);
    const deadline = clock.now() + boundMs;
    while (this.#releasing.has(host) && !host.quiet && clock.now() < deadline)
      await sleep(clock, quietPollMs);
    if (this.#releasing.has(host)) this.#end(host);
  }

  lose(shard: number): void {
    this.#gaining.delete(shard);
    const host = this.#hosts.get(shard);
    if (host !== undefined) this.#end(host);
  }

  /** Ends everything at once. */
  stop(): void {
    this.#gaining.clear();
    for (const host of this.#hosts.values()) this.#end(host);
  }

  /** The store holds another fence: this host can write no more. */
  fencedOut(host: ShardHost, epoch: number, name: Owner): void {
    this.#fenced++;
    this.#parts.fenced.add();
    this.#parts.log.warn("fenced out", { shard: host.shard, epoch: host.epoch, fence: epoch, owner: name });
    this.#end(host);
    const slash = name.lastIndexOf("/");
    const owner = { node: name.slice(0, slash), incarnation: name.slice(slash + 1) };
    if (epoch > host.epoch) this.#parts.routing.correct(host.shard, owner, epoch);
    else this.#parts.routing.abandon(host.shard, host.epoch);
  }

  /**
   * What this host holds is not what the store holds: the shard comes back under a higher epoch.
   * @param ring what is still remembered of its commits: the store may forget them once more before it is back
   */
  abandon(host: ShardHost, ring: readonly Batch[]): void {
    this.#end(host);
    this.#rings.set(host.shard, { epoch: host.epoch, ring });
    this.#parts.routing.abandon(host.shard, host.epoch);
  }

  async #gain(shard: number, epoch: number, current: () => boolean): Promise<GainOutcome> {
    const refused = this.#refusal(shard, epoch);
    if (refused !== undefined) return refused;
    const claimed = await this.#parts.claim({ shard, epoch });
    if (!current()) return { kind: "fenced", epoch };
    const host = this.#hosts.get(shard);
    if (claimed.kind === "fenced") {
      if (host !== undefined && host.epoch <= epoch) this.#end(host);
      return { kind: "fenced", epoch: claimed.epoch };
    }
    if (host?.epoch === epoch) {
      this.#releasing.delete(host);
      // Commits may have overtaken the answer: what it says of them is asked again with none in flight.
      if (claimed.last !== host.lane.committed) this.#parts.committer.doubt([host.lane]);
      return { kind: "serving" };
    }
    return this.#refusal(shard, epoch) ?? this.#host(shard, epoch, claimed.last, current);
  }

  /** Why an epoch cannot be hosted any more, if so. */
  #refusal(shard: number, epoch: number): GainOutcome | undefined {
    const burnt = this.#burnt.get(shard) ?? -1;
    if (epoch <= burnt) return { kind: "fenced", epoch: burnt };
    const held = this.#hosts.get(shard)?.epoch ?? -1;
    return epoch < held ? { kind: "fenced", epoch: held } : undefined;
  }

  async #host(shard: number, epoch: number, last: number, current: () => boolean): Promise<GainOutcome> {
    const old = this.#hosts.get(shard);
    if (old !== undefined) this.#end(old);
    const ring = await this.#remembered(shard, epoch, last);
    if (!current()) return { kind: "fenced", epoch };
    const host = new ShardHost(
      this.#parts.host(),
      shard,
      epoch,
      Math.max(last, ring.at(-1)?.number ?? 0),
      ring,
    );
    try {
      await this.#adoptDebts(host);
      if (current()) {
        this.#hosts.set(shard, host);
        this.#rings.delete(shard);
        return { kind: "serving" };
      }
    } catch (error) {
      host.end();
      throw error;
    }
    host.end();
    return { kind: "fenced", epoch };
  }

  /**
   * What this process remembers of the shard's commits, when nobody can have written since: the epoch follows at once on
   * the one that it gave up. What the store has forgotten of them meanwhile is written again, before anything is read.
   */
  async #remembered(shard: number, epoch: number, last: number): Promise<readonly Batch[]> {
    const kept = this.#rings.get(shard);
    if (kept === undefined || kept.epoch + 1 !== epoch) return [];
    const { ring } = kept;
    const end = ring.at(-1)?.number ?? 0;
    if (end < last || (ring[0]?.number ?? 0) > last + 1) {
      if (end > last) this.#parts.log.error("the store lost commits for good", { shard, last, end });
      return [];
    }
    for (const { number, writes } of ring) {
      if (number <= last) continue;
      const [verdict] = await this.#parts.store.commit(this.#parts.owner(), [
        { shard, epoch, number, writes },
      ]);
      if (verdict?.kind === "committed") continue;
      throw new Failure("COMMIT_NOT_RESTORED", "a forgotten commit could not be written again", {
        shard,
        number,
        verdict,
      });
    }
    return ring;
  }

  async #adoptDebts(host: ShardHost): Promise<void> {
    for (let after: string | undefined; ;) {
      const page = await this.#parts.store.obligations(host.shard, obligationPage, after);
      host.debts.adopt(page);
      after = page.at(-1)?.id;
      if (page.length < obligationPage || after === undefined) return;
    }
  }

  #end(host: ShardHost): void {
    host.end();
    this.#releasing.delete(host);
    this.#burnt.set(host.shard, Math.max(host.epoch, this.#burnt.get(host.shard) ?? 0));
    if (this.#hosts.get(host.shard) === host) this.#hosts.delete(host.shard);
  }
}
