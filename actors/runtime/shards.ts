/**
 * The shards of one node, as placement gives and takes them. Role: claims, loads what is owed, hosts; flushes and ends.
 * Boundary: placement decides, the shard's host serves. Invariants: a shard is served only after its claim succeeded
 * (EpochOwnerUnique); an epoch is hosted once in a run, since a commit that is still on its way could meet the numbers,
 * and ids the ids, of a second host; whatever overtakes a gain ends it.
 */
import { sleep, type Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Counter } from "../../base/metrics.ts";
import type { GainOutcome, Hosting, Routing } from "../../placement/hosting.ts";
import type { ClaimResult, Owner, Store } from "../../store/store.ts";
import type { Committer } from "./commits.ts";
import type { HostParts } from "./host-parts.ts";
import { ShardHost } from "./shard-host.ts";

/** What a node's shards are made of. */
export interface ShardsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly routing: Routing;
  readonly store: Store;
  readonly committer: Committer;
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

  /** What this host holds is not what the store holds: the shard comes back under a higher epoch. */
  abandon(host: ShardHost): void {
    this.#end(host);
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
    const host = new ShardHost(this.#parts.host(), shard, epoch, last);
    try {
      await this.#adoptDebts(host);
      if (current()) {
        this.#hosts.set(shard, host);
        return { kind: "serving" };
      }
    } catch (error) {
      host.end();
      throw error;
    }
    host.end();
    return { kind: "fenced", epoch };
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
