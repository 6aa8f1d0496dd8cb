import { within, type Clock } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { fullJitterMs, type Random } from "../base/random.ts";
import type { GainOutcome, Hosting, NodeRun } from "./hosting.ts";
import type { Lease } from "./lease.ts";
import { sameRun, type ShardEntry, type ShardTable } from "./shard-table.ts";
import type { PlacementTimings } from "./timings.ts";

/**
 * The shards that the table gives to this node, each on its way from claimed to let go.
 *
 * Boundary: the only caller of the host. It claims and releases only while the lease is alive and the table was read
 * afresh in this term; it takes away at once, always.
 * Invariants: at most one claim or release of a shard is under way; an answer to an older one changes nothing; a shard
 * counts as claimed only in the term in which the store said so; what was held before stays frozen until then.
 */
export interface HoldingsPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly timings: PlacementTimings;
  readonly hosting: Hosting;
  readonly lease: Lease;
  /** Whether claims may be made now: not stopped, the table read in this term. */
  readonly mayClaim: () => boolean;
  /** A claim succeeded, was fenced or failed, or a shard was let go. */
  readonly onProgress: () => void;
  /** A shard that was frozen alone is so no more. */
  readonly onConfirmed: () => void;
}

/** Where a shard of ours stands. `fenced`: waits for a table above the fence. `released`: waits for the next owner. */
export type Phase = "claiming" | "serving" | "fenced" | "releasing" | "released";

interface Holding {
  readonly epoch: number;
  phase: Phase;
  fence: number;
  attempts: number;
  retryAt: number;
  since: number;
}

/** See the file's head. */
export class Holdings {
  private readonly ports: HoldingsPorts;
  private readonly held = new Map<number, Holding>();
  private readonly busy = new Set<number>();
  /** Shards with something to do: looked at by `advance`, so that a quiet second costs nothing per shard. */
  private readonly pending = new Set<number>();
  /** Shards that were given to us in an earlier term and are not claimed in this one. */
  private readonly unconfirmed = new Set<number>();
  private sweptTerm = -1;
  /** The last term in which the store answered a claim. */
  private answeredTerm = -1;
  private fencedGains = 0;

  constructor(ports: HoldingsPorts) {
    this.ports = ports;
  }

  /** Takes over what the table says about this run's shards: loses at once, starts nothing before `advance`. */
  take(table: ShardTable, self: NodeRun): void {
    for (const [shard, entry] of table.shards.entries()) {
      const holding = this.held.get(shard);
      if (!sameRun(entry.owner, self)) {
        if (holding !== undefined) this.drop(shard);
      } else if (entry.kind === "stable") this.own(shard, entry, holding);
      else this.let(shard, entry, holding);
    }
  }

  /** Loses everything at once: this run is dead, replaced or stopping. */
  dropAll(): void {
    for (const shard of this.held.keys()) this.drop(shard);
  }

  /** The shard's claim is in doubt, somebody knows a higher epoch: claim again and hear the fence. */
  doubt(shard: number): void {
    const holding = this.held.get(shard);
    if (holding === undefined || holding.phase !== "serving") return;
    this.enter(shard, holding, "claiming");
    this.advance();
  }

  /** The host has given the shard up under this epoch: as if the claim had met that fence. */
  abandon(shard: number, epoch: number): void {
    const holding = this.held.get(shard);
    if (holding?.epoch !== epoch || (holding.phase !== "serving" && holding.phase !== "claiming")) return;
    this.enter(shard, holding, "fenced");
    holding.fence = epoch;
  }

  /** Starts what can be started: new claims, repeated claims after a freeze, retries, releases. */
  advance(): void {
    const { lease } = this.ports;
    if (!this.mayAct()) return;
    if (this.sweptTerm !== lease.term) {
      this.sweptTerm = lease.term;
      for (const [shard, holding] of this.held) {
        if (holding.phase !== "serving" && holding.phase !== "claiming") continue;
        this.enter(shard, holding, "claiming");
        this.unconfirmed.add(shard);
      }
    }
    for (const shard of this.pending) this.revisit(shard);
  }

  /** Whether every claim that this term needs has been answered. */
  claimed(): boolean {
    if (this.sweptTerm !== this.ports.lease.term) return this.held.size === 0;
    for (const shard of this.pending) if (this.held.get(shard)?.phase === "claiming") return false;
    return true;
  }

  /**
   * Whether there is nothing to wait for before a thaw: the claims that this term needs have been answered, or some have
   * and the others failed, since a part of the store is away.
   */
  settled(): boolean {
    if (this.sweptTerm !== this.ports.lease.term) return this.held.size === 0;
    for (const shard of this.pending) {
      const holding = this.held.get(shard);
      if (holding?.phase !== "claiming") continue;
      if (holding.attempts === 0 || this.answeredTerm !== this.sweptTerm) return false;
    }
    return true;
  }

  /** Whether a shard has to stay frozen when the node thaws: another may have claimed it since. */
  frozen(shard: number): boolean {
    return this.unconfirmed.has(shard);
  }

  /** Shards of ours that have been let go and wait for the next owner. */
  released(): ReadonlySet<number> {
    const found = new Set<number>();
    for (const shard of this.pending) if (this.held.get(shard)?.phase === "released") found.add(shard);
    return found;
  }

  /** How many shards of ours the table wants elsewhere: being let go, or let go already. */
  leaving(): number {
    let leaving = 0;
    for (const shard of this.pending) {
      const phase = this.held.get(shard)?.phase;
      if (phase === "releasing" || phase === "released") leaving += 1;
    }
    return leaving;
  }

  /** Shards whose claim was refused, with the epoch of the fence. */
  fenced(): ReadonlyMap<number, number> {
    const found = new Map<number, number>();
    for (const shard of this.pending) {
      const holding = this.held.get(shard);
      if (holding?.phase === "fenced") found.set(shard, holding.fence);
    }
    return found;
  }

  /** How many shards are held, and how many of them are served. */
  count(): { readonly held: number; readonly serving: number; readonly fencedGains: number } {
    let serving = 0;
    for (const holding of this.held.values()) if (holding.phase === "serving") serving += 1;
    return { held: this.held.size, serving, fencedGains: this.fencedGains };
  }

  /** Phase of one shard of ours and for how long, for people to read. */
  phase(shard: number): { readonly phase: Phase; readonly ageMs: number } | undefined {
    const holding = this.held.get(shard);
    if (holding === undefined) return undefined;
    return { phase: holding.phase, ageMs: this.ports.clock.now() - holding.since };
  }

  private own(shard: number, entry: ShardEntry, holding: Holding | undefined): void {
    if (holding?.epoch === entry.epoch) {
      if (holding.phase === "releasing" || holding.phase === "released")
        this.enter(shard, holding, "claiming");
      return;
    }
    if (holding !== undefined) this.drop(shard);
    this.enter(shard, this.fresh(entry.epoch, "claiming"), "claiming");
  }

  private let(shard: number, entry: ShardEntry, holding: Holding | undefined): void {
    if (holding?.epoch === entry.epoch) {
      if (holding.phase !== "releasing" && holding.phase !== "released")
        this.enter(shard, holding, "releasing");
      return;
    }
    if (holding !== undefined) this.drop(shard);
    this.enter(shard, this.fresh(entry.epoch, "releasing"), "releasing");
  }

  private fresh(epoch: number, phase: Phase): Holding {
    return { epoch, phase, fence: 0, attempts: 0, retryAt: 0, since: 0 };
  }

  private enter(shard: number, holding: Holding, phase: Phase): void {
    holding.phase = phase;
    holding.attempts = 0;
    holding.retryAt = Number.NEGATIVE_INFINITY;
    holding.since = this.ports.clock.now();
    this.held.set(shard, holding);
    this.pending.add(shard);
  }

  private drop(shard: number): void {
    this.held.delete(shard);
    this.pending.delete(shard);
    this.unconfirmed.delete(shard);
    this.ports.hosting.lose(shard);
  }

  private mayAct(): boolean {
    return this.ports.lease.alive() && this.ports.mayClaim();
  }

  private revisit(shard: number): void {
    const holding = this.held.get(shard);
    if (holding === undefined || this.busy.has(shard) || !this.mayAct()) return;
    if (holding.phase === "claiming" && holding.retryAt <= this.ports.clock.now())
      void this.claim(shard, holding);
    if (holding.phase === "releasing" && !this.ports.lease.frozen()) void this.release(shard, holding);
  }

  private async claim(shard: number, holding: Holding): Promise<void> {
    const { term } = this.ports.lease;
    this.busy.add(shard);
    let outcome: GainOutcome | undefined;
    try {
      outcome = await this.ports.hosting.gain(shard, holding.epoch);
    } catch (error) {
      const failure = { shard, code: codeOf(error), error: messageOf(error) };
      this.ports.log.debug("a claim failed and will be repeated", failure);
    }
    this.busy.delete(shard);
    if (this.held.get(shard) === holding && holding.phase === "claiming")
      this.answered(shard, holding, term, outcome);
    this.ports.onProgress();
    this.revisit(shard);
  }

  private answered(shard: number, holding: Holding, term: number, outcome: GainOutcome | undefined): void {
    const { clock, random, timings, lease } = this.ports;
    if (outcome !== undefined && term === lease.term) this.answeredTerm = term;
    if (outcome === undefined) {
      holding.retryAt =
        clock.now() + fullJitterMs(random, timings.gainRetryMs, timings.gainRetryCapMs, holding.attempts);
      holding.attempts += 1;
      clock.after(holding.retryAt - clock.now(), () => this.revisit(shard));
    } else if (outcome.kind === "fenced") {
      this.fencedGains += 1;
      this.enter(shard, holding, "fenced");
      holding.fence = outcome.epoch;
    } else if (term === lease.term) {
      this.enter(shard, holding, "serving");
      this.pending.delete(shard);
      if (this.unconfirmed.delete(shard) && !lease.frozen()) this.ports.onConfirmed();
    }
  }

  private async release(shard: number, holding: Holding): Promise<void> {
    const { clock, hosting, timings, log } = this.ports;
    this.busy.add(shard);
    try {
      await within(clock, timings.releaseMs * 2, hosting.release(shard, timings.releaseMs));
    } catch (error) {
      log.warn("a release failed; the shard is taken away", { shard, error: messageOf(error) });
    }
    this.busy.delete(shard);
    if (this.held.get(shard) === holding && holding.phase === "releasing") {
      hosting.lose(shard);
      this.unconfirmed.delete(shard);
      this.enter(shard, holding, "released");
    }
    this.ports.onProgress();
    this.revisit(shard);
  }
}
