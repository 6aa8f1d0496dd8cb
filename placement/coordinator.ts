import type { Clock } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { foundTable, type KnownFence } from "./founding.ts";
import type { Holdings } from "./holdings.ts";
import type { NodeRun } from "./hosting.ts";
import type { Lease } from "./lease.ts";
import type { Departure, Membership } from "./membership.ts";
import type { NodeRecord } from "./node-record.ts";
import { planTable, type Plan } from "./plan.ts";
import { runKey, type ShardTable } from "./shard-table.ts";
import type { TableCell } from "./table-cell.ts";
import type { PlacementTimings } from "./timings.ts";

/**
 * Decides what the next table is and writes it. There is no leader: every node computes the same, the one of rank r
 * among the living waits r steps, and compare-and-set decides; whoever comes next finishes what it finds.
 *
 * Boundary: reads membership, table and own holdings; its only output is the table.
 * Invariants: acts only while its lease is alive and its own beat echoes; every step is idempotent (Converges); an
 * epoch only ever grows (FenceMonotone). What only this node knows, that it let go of a shard or met a fence, it
 * writes without waiting for its turn.
 */
export interface CoordinatorPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly timings: PlacementTimings;
  readonly shards: number;
  readonly fences: () => Promise<readonly KnownFence[]>;
  readonly sweep: (node: string) => Promise<void>;
  readonly lease: Lease;
  readonly membership: Membership;
  readonly cell: TableCell;
  readonly holdings: Holdings;
  readonly self: () => NodeRun;
  readonly count: (what: CoordinatorCount, by: number) => void;
}

/** What a coordinator counts. */
export type CoordinatorCount =
  | "tableWrites"
  | "lostRaces"
  | "deathsDeclared"
  | "movesStarted"
  | "movesFinished"
  | "movesForced"
  | "takeovers"
  | "tablesRestored"
  | "tablesFounded";

interface Moving {
  readonly step: string;
  readonly since: number;
}

/** See the file's head. */
export class Coordinator {
  private readonly ports: CoordinatorPorts;
  private stopped = false;
  private scheduled = false;
  private acting = false;
  private again = false;
  /** Something changed since the last look that found nothing to do. */
  private dirty = true;
  private calmSeen = false;
  private dueSince: number | undefined;
  private releasedSince: number | undefined;
  private indexed: ShardTable | undefined;
  private named: readonly NodeRun[] = [];
  private moving = new Map<number, Moving>();
  private crowd = "";
  private crowdSince = 0;
  private foundAfter = Number.NEGATIVE_INFINITY;

  constructor(ports: CoordinatorPorts) {
    this.ports = ports;
  }

  /** Something changed: look, soon. */
  poke(): void {
    this.dirty = true;
    this.schedule();
  }

  /** Time has passed: look whether a deadline has, too. */
  tick(): void {
    this.schedule();
  }

  /** Acts no more. */
  stop(): void {
    this.stopped = true;
  }

  /** How long a shard has been on its way, as seen from here. */
  movingForMs(shard: number): number | undefined {
    const moving = this.moving.get(shard);
    return moving === undefined ? undefined : this.ports.clock.now() - moving.since;
  }

  private schedule(): void {
    if (this.scheduled || this.stopped) return;
    this.scheduled = true;
    this.ports.clock.soon(() => {
      this.scheduled = false;
      void this.look();
    });
  }

  private async look(): Promise<void> {
    if (this.stopped) return;
    if (this.acting) {
      this.again = true;
      return;
    }
    this.acting = true;
    this.again = false;
    try {
      await this.act();
    } catch (error) {
      this.ports.log.error("the coordinator failed", { code: codeOf(error), error: messageOf(error) });
    }
    this.acting = false;
    if (this.again) this.schedule();
  }

  private async act(): Promise<void> {
    const { lease, membership, cell, timings, clock } = this.ports;
    this.index();
    const living = membership.living();
    const rank = living.findIndex((record) => runKey(record) === runKey(this.ports.self()));
    this.watchCrowd();
    if (!lease.alive() || !membership.seeing() || rank < 0) return;
    if (!cell.certain) return void (await cell.refresh());
    if (rank === 0) this.sweepKeys();
    const table = cell.remembered;
    if (table === undefined) return this.found(living, rank);
    const departures = membership.departures(this.named);
    const overdue = this.overdue();
    const calm = this.calm(living);
    const own = this.ownFacts();
    const idle =
      !this.dirty && departures.length === 0 && overdue.size === 0 && !own && calm === this.calmSeen;
    if (idle) {
      this.dueSince = undefined;
      return;
    }
    const plan = planTable({
      table,
      self: this.ports.self(),
      departed: departures.map(({ run }) => run),
      takers: living.filter((record) => record.state === "up"),
      draining: [...membership.members().values()].filter((member) => member.state === "draining"),
      released: own ? this.ports.holdings.released() : new Set(),
      fenced: own ? this.ports.holdings.fenced() : new Map(),
      overdue,
      balanceLimit: calm ? this.balanceLimit(living) : 0,
      drainLimit: Math.max(1, Math.floor(this.ports.shards * timings.drainShare)),
    });
    if (plan === undefined && departures.length === 0 && cell.current) {
      this.dirty = false;
      this.calmSeen = calm;
      this.dueSince = undefined;
      return;
    }
    this.dueSince ??= clock.now();
    const waitMs = this.dueSince + (own ? 0 : rank * timings.rankStepMs) - clock.now();
    if (waitMs > 0) clock.after(waitMs, () => this.schedule());
    else await this.write(table, plan, departures);
  }

  private async write(
    table: ShardTable,
    plan: Plan | undefined,
    departures: readonly Departure[],
  ): Promise<void> {
    const { cell, log, count } = this.ports;
    const restoring = !cell.current;
    const dead = departures.map(({ run }) => runKey(run));
    const outcome = await cell.write(plan?.shards ?? table.shards, dead);
    this.dueSince = undefined;
    if (outcome !== "written") return this.missed(outcome);
    count("tableWrites", 1);
    count("deathsDeclared", departures.length);
    count("movesStarted", plan?.started ?? 0);
    count("movesFinished", plan?.finished ?? 0);
    count("movesForced", plan?.forced ?? 0);
    count("takeovers", plan?.taken ?? 0);
    if (restoring) {
      count("tablesRestored", 1);
      log.warn("the shard table was lost or older and has been rewritten", {
        generation: table.generation + 1,
      });
    }
    for (const { run, reason } of departures)
      log.warn("a run was declared dead", { run: runKey(run), reason });
  }

  /** Somebody was faster: look again at once. The bucket does not answer: look again at the next tick. */
  private missed(outcome: "lost" | "failed"): void {
    this.dirty = true;
    if (outcome === "failed") return;
    this.ports.count("lostRaces", 1);
    this.schedule();
  }

  /** Nobody here remembers a table: a new cluster, or one whose table was lost while all nodes were restarted. */
  private async found(living: readonly NodeRecord[], rank: number): Promise<void> {
    const { clock, cell, membership, timings, log } = this.ports;
    if (clock.now() < this.foundAfter) return;
    let fences: readonly KnownFence[];
    try {
      fences = (await this.ports.fences()).filter(({ shard }) => shard >= 0 && shard < this.ports.shards);
    } catch (error) {
      log.warn("the store does not tell its fences; asked again", {
        code: codeOf(error),
        error: messageOf(error),
      });
      this.foundAfter = clock.now() + timings.beatMs;
      return;
    }
    if (fences.some(({ node }) => node !== this.ports.self().node)) {
      this.foundAfter = membership.seeingSince() + timings.rebuildMs + rank * timings.rankStepMs;
      if (clock.now() < this.foundAfter) return;
    }
    if (cell.remembered !== undefined || !cell.certain || this.stopped) return;
    const up = living.filter((record) => record.state === "up");
    const shards = foundTable({
      shards: this.ports.shards,
      fences,
      present: [...membership.members().values()],
      takers: up.length > 0 ? up : living,
    });
    const outcome = await cell.write(shards, []);
    if (outcome !== "written") return this.missed(outcome);
    this.ports.count("tableWrites", 1);
    this.ports.count("tablesFounded", 1);
    log.info("the shard table was made", { shards: shards.length, fences: fences.length });
  }

  /** What only this node can say; what was let go is gathered for a moment so that many shards make one write. */
  private ownFacts(): boolean {
    const { clock, holdings, timings } = this.ports;
    const released = holdings.released();
    if (holdings.fenced().size > 0) return true;
    if (released.size === 0) {
      this.releasedSince = undefined;
      return false;
    }
    if (released.size === holdings.leaving()) return true;
    if (this.releasedSince === undefined) {
      this.releasedSince = clock.now();
      clock.after(timings.gatherMs, () => this.schedule());
    }
    return clock.now() - this.releasedSince >= timings.gatherMs;
  }

  private index(): void {
    const table = this.ports.cell.remembered;
    if (table === undefined || table === this.indexed) return;
    this.indexed = table;
    this.dueSince = undefined;
    const runs = new Map<string, NodeRun>();
    const moving = new Map<number, Moving>();
    for (const [shard, entry] of table.shards.entries()) {
      runs.set(runKey(entry.owner), entry.owner);
      if (entry.kind === "stable") continue;
      runs.set(runKey(entry.to), entry.to);
      const step = `${entry.epoch} ${runKey(entry.to)}`;
      const known = this.moving.get(shard);
      moving.set(shard, known?.step === step ? known : { step, since: this.ports.clock.now() });
    }
    this.named = [...runs.values()];
    this.moving = moving;
  }

  private overdue(): ReadonlySet<number> {
    const { clock, timings } = this.ports;
    const found = new Set<number>();
    for (const [shard, { since }] of this.moving)
      if (clock.now() - since >= timings.handoffMs) found.add(shard);
    return found;
  }

  private watchCrowd(): void {
    if (!this.dirty) return;
    const members = [...this.ports.membership.members().values()];
    const crowd = members
      .map((member) => `${runKey(member)} ${member.state}`)
      .sort()
      .join();
    if (crowd === this.crowd) return;
    this.crowd = crowd;
    this.crowdSince = this.ports.clock.now();
  }

  /** Whether loads may be evened out: nobody came, left, drains or is silent, for long enough. */
  private calm(living: readonly NodeRecord[]): boolean {
    const { clock, timings, membership } = this.ports;
    if (living.length !== membership.members().size) return false;
    if (living.some((record) => record.state !== "up")) return false;
    const quietMs = this.young(living) ? timings.youngQuietMs : timings.quietMs;
    return clock.now() - this.crowdSince >= quietMs;
  }

  /** A cluster where everybody has only just come has nothing that a move could disturb. */
  private young(living: readonly NodeRecord[]): boolean {
    return living.every((record) => record.beat <= this.ports.timings.youngBeats);
  }

  private balanceLimit(living: readonly NodeRecord[]): number {
    const { shards, timings } = this.ports;
    return this.young(living) ? shards : Math.max(1, Math.floor(shards * timings.balanceShare));
  }

  private sweepKeys(): void {
    for (const node of this.ports.membership.sweepable()) {
      this.ports.sweep(node).catch((error: unknown) => {
        this.ports.log.debug("a key could not be swept", { node, error: messageOf(error) });
      });
    }
  }
}
