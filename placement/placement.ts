import { within, type Cancel, type Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { Random } from "../base/random.ts";
import { Coordinator } from "./coordinator.ts";
import { Counts } from "./counts.ts";
import type { KnownFence } from "./founding.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Holdings } from "./holdings.ts";
import type { Hosting, Member, NodeRun, Route, Routing } from "./hosting.ts";
import type { Kv } from "./kv.ts";
import { KvEar } from "./kv-ear.ts";
import { Lease } from "./lease.ts";
import { Membership, type Probe } from "./membership.ts";
import { nodeKey } from "./node-record.ts";
import { drawPicture, type PlacementPicture } from "./picture.ts";
import { Routes } from "./routes.ts";
import { runKey, sameRun, type ShardTable } from "./shard-table.ts";
import { TableCell } from "./table-cell.ts";
import { defaultTimings, type PlacementTimings } from "./timings.ts";

/** What placement is made of, and who this node is. */
export interface PlacementOptions {
  /** Not closed by placement. */
  readonly kv: Kv;
  /** Whether anybody listens on a node's subject; this node's own must be in force before placement starts. */
  readonly probe: Probe;
  /** Never called before `startPlacement` has returned. */
  readonly hosting: Hosting;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly self: Omit<Member, "incarnation" | "state">;
  /** Fixed when the cluster is created: a node with another number never becomes ready. */
  readonly shards: number;
  /** The fences that the store holds. */
  readonly fences: () => Promise<readonly KnownFence[]>;
  readonly timings?: Partial<PlacementTimings>;
}

/** A node's part in who owns which shard. */
export interface Placement extends Routing {
  /** Unfrozen, in possession of the table, its shards claimed at least once, neither draining nor stopped. */
  ready(): boolean;
  /** Gives its shards away; resolves when none is left, nobody is there to take them, or a bound has passed. */
  drain(): Promise<void>;
  /** Freezes, loses what is left, and tells the others not to wait; bounded by `goodbyeMs`. */
  stop(): Promise<void>;
  /** This node was declared dead and goes on as another run, with no shards; sockets may stay. */
  onReborn(handler: (self: NodeRun) => void): void;
  /** How many milliseconds late the bucket is with the answer to a beat; 0 while none is expected. */
  beatLateMs(): number;
  /** What an operator wants to see. */
  picture(): PlacementPicture;
}

/** Starts to take part; everything happens later, on the clock. */
export function startPlacement(options: PlacementOptions): Placement {
  const node = new PlacementNode(options);
  options.clock.soon(() => node.start());
  return node;
}

/**
 * One node's placement: joins heartbeat, lease, membership, table, holdings, routes and coordinator.
 *
 * Boundary: the only file that knows all of them; each knows the others only as far as its ports say.
 * Invariants: `frozen` is computed from the clock at every question; a thaw needs, within one term of the lease, a
 * table read afresh and every claim repeated, but a shard alone may stay frozen; a run that is dead never thaws again.
 */
class PlacementNode implements Placement {
  readonly shards: number;
  private readonly options: PlacementOptions;
  private readonly timings: PlacementTimings;
  private readonly lease: Lease;
  private readonly membership: Membership;
  private readonly cell: TableCell;
  private readonly holdings: Holdings;
  private readonly routes: Routes;
  private readonly heartbeat: Heartbeat;
  private readonly ear: KvEar;
  private readonly coordinator: Coordinator;
  private readonly counts: Counts;
  private readonly thawHandlers: (() => void)[] = [];
  private readonly memberHandlers: (() => void)[] = [];
  private readonly rebornHandlers: ((self: NodeRun) => void)[] = [];
  private readonly drainWaits = new Set<() => void>();
  private run: NodeRun;
  private taken: ShardTable | undefined;
  private owned = 0;
  private freshTerm = -1;
  private thawing = false;
  private servedOnce = false;
  private draining = false;
  private stopped = false;
  private problem: string | undefined;
  private cancelTick: Cancel = () => {};

  constructor(options: PlacementOptions) {
    const { clock, log, kv, random, hosting } = options;
    const timings = { ...defaultTimings, ...options.timings };
    this.options = options;
    this.timings = timings;
    this.shards = options.shards;
    this.run = { node: options.self.node, incarnation: random.id() };
    this.counts = new Counts(options.metrics);
    this.lease = new Lease(clock, timings.leaseMs);
    this.routes = new Routes(options.shards);
    this.membership = new Membership(
      { clock, timings, probe: options.probe, onChange: () => this.membersChanged() },
      this.run,
    );
    this.cell = new TableCell({
      kv,
      random,
      log,
      shards: options.shards,
      onChange: () => this.tableChanged(),
      onMismatch: (made) => this.giveUp(`the cluster has ${made} shards, this node is set to ${this.shards}`),
    });
    this.holdings = new Holdings({
      clock,
      random,
      log,
      timings,
      hosting,
      lease: this.lease,
      mayClaim: () => this.active() && this.freshTerm === this.lease.term,
      onProgress: () => this.progress(),
      onConfirmed: () => this.thawHandlers.forEach((handler) => handler()),
    });
    this.heartbeat = new Heartbeat(
      {
        kv,
        clock,
        log,
        timings,
        onSent: (incarnation, beat) => this.membership.beatSent(incarnation, beat),
        onRenewed: (incarnation, sentAt) => this.renewed(incarnation, sentAt),
        onForgotten: () => this.bucketForgot(),
        onReplaced: () => this.giveUp("another process goes by this node's id"),
      },
      { ...options.self, incarnation: this.run.incarnation, state: "up", beat: 0, life: 1 },
    );
    this.ear = new KvEar({
      kv,
      clock,
      log,
      timings,
      lastEchoAt: () => this.membership.lastEchoAt(),
      onChange: ({ key, value, revision }) => {
        this.membership.observe(key, value);
        this.cell.observe(key, value, revision);
      },
      onListen: () => void this.cell.refresh(),
    });
    this.coordinator = new Coordinator({
      clock,
      log,
      timings,
      shards: options.shards,
      fences: options.fences,
      sweep: (node) => kv.delete(nodeKey(node)),
      lease: this.lease,
      membership: this.membership,
      cell: this.cell,
      holdings: this.holdings,
      self: () => this.run,
      count: (what, by) => this.counts.add(what, by),
    });
    this.counts.watch({
      owned: () => this.owned,
      serving: () => this.holdings.count().serving,
      members: () => this.membership.members().size,
      generation: () => this.cell.remembered?.generation ?? 0,
      frozen: () => Number(this.frozen()),
    });
  }

  get self(): NodeRun {
    return this.run;
  }

  start(): void {
    if (this.stopped) return;
    this.ear.listen();
    this.heartbeat.start();
    this.cancelTick = this.options.clock.every(this.timings.tickMs, () => this.tick());
  }

  route(shard: number): Route | undefined {
    return this.routes.route(shard);
  }

  correct(shard: number, owner: NodeRun, epoch: number): void {
    if (!this.routes.correct(shard, owner, epoch)) return;
    void this.cell.refresh();
    if (!sameRun(owner, this.run)) this.holdings.doubt(shard);
  }

  abandon(shard: number, epoch: number): void {
    this.holdings.abandon(shard, epoch);
    this.coordinator.poke();
  }

  onRoutes(handler: (shards: readonly number[]) => void): void {
    this.routes.onRoutes(handler);
  }

  beatLateMs(): number {
    const ageMs = this.lease.ageMs();
    return Number.isFinite(ageMs) ? Math.max(0, ageMs - this.timings.beatMs) : 0;
  }

  frozen(shard?: number): boolean {
    return !this.active() || this.lease.frozen() || (shard !== undefined && this.holdings.frozen(shard));
  }

  onThaw(handler: () => void): void {
    this.thawHandlers.push(handler);
  }

  members(): ReadonlyMap<string, Member> {
    return this.membership.members();
  }

  over(run: NodeRun): boolean {
    return this.membership.over(run);
  }

  onMembers(handler: () => void): void {
    this.memberHandlers.push(handler);
  }

  onReborn(handler: (self: NodeRun) => void): void {
    this.rebornHandlers.push(handler);
  }

  ready(): boolean {
    return this.servedOnce && !this.draining && !this.frozen();
  }

  async drain(): Promise<void> {
    if (this.stopped) return;
    this.draining = true;
    this.heartbeat.change({ state: "draining" });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.drainWaits.add(resolve);
    this.checkDrained();
    const { clock } = this.options;
    let unfrozenAt = clock.now();
    const stopLooking = clock.every(this.timings.beatMs / 2, () => {
      if (!this.frozen()) unfrozenAt = clock.now();
      else if (clock.now() - unfrozenAt > this.timings.drainFrozenMs) resolve();
    });
    await within(clock, this.timings.drainMs, promise);
    stopLooking();
    this.drainWaits.delete(resolve);
  }

  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.cancelTick();
    this.coordinator.stop();
    this.ear.stop();
    this.holdings.dropAll();
    this.checkDrained();
    await within(this.options.clock, this.timings.goodbyeMs, this.heartbeat.leave());
  }

  picture(): PlacementPicture {
    return drawPicture({
      self: this.run,
      problem: this.problem,
      ready: this.ready(),
      frozen: this.frozen(),
      draining: this.draining,
      lease: this.lease,
      membership: this.membership,
      cell: this.cell,
      holdings: this.holdings,
      coordinator: this.coordinator,
      routes: this.routes,
      counts: this.counts,
    });
  }

  private active(): boolean {
    return !this.stopped && this.problem === undefined;
  }

  private tick(): void {
    if (!this.active()) return;
    this.ear.tick(this.lease.ageMs() <= this.timings.echoFreshMs);
    this.coordinator.tick();
    this.holdings.advance();
    this.checkDrained();
  }

  private renewed(incarnation: string, sentAt: number): void {
    if (incarnation !== this.run.incarnation || !this.active()) return;
    this.lease.renewed(sentAt);
    if (this.lease.frozen()) void this.thaw();
  }

  /** Reads the table afresh and repeats the claims, all in this term of the lease. */
  private async thaw(): Promise<void> {
    if (this.thawing || !this.active() || !this.lease.alive()) return;
    const { term } = this.lease;
    if (this.freshTerm !== term) {
      this.thawing = true;
      const read = await this.cell.refresh();
      this.thawing = false;
      if (!read || !this.cell.current || term !== this.lease.term || !this.lease.alive()) return;
      this.freshTerm = term;
    }
    this.holdings.advance();
    this.progress();
  }

  private progress(): void {
    this.coordinator.poke();
    if (!this.active() || this.freshTerm !== this.lease.term || !this.holdings.settled()) return;
    this.servedOnce ||= this.holdings.claimed();
    if (!this.lease.frozen() || !this.lease.thaw(this.freshTerm)) return;
    this.counts.add("thaws", 1);
    this.options.log.info("thawed", { run: runKey(this.run), term: this.lease.term });
    this.holdings.advance();
    for (const handler of this.thawHandlers) handler();
  }

  private tableChanged(): void {
    if (!this.active()) return;
    const table = this.cell.remembered;
    if (table !== undefined && table !== this.taken) this.take(table);
    this.coordinator.poke();
    if (this.lease.frozen()) void this.thaw();
  }

  private take(table: ShardTable): void {
    this.taken = table;
    if (table.dead.includes(runKey(this.run))) this.comeBack();
    this.membership.bury(table.dead);
    this.owned = table.shards.reduce((sum, entry) => sum + Number(sameRun(entry.owner, this.run)), 0);
    this.holdings.take(table, this.run);
    this.routes.take(table);
    this.holdings.advance();
    this.checkDrained();
  }

  /** The table holds this run for dead: nothing of it may go on. */
  private comeBack(): void {
    const dead = this.run;
    this.lease.freeze();
    this.run = { node: dead.node, incarnation: this.options.random.id() };
    this.counts.add("rebirths", 1);
    this.options.log.warn("declared dead; going on as another run", {
      dead: runKey(dead),
      run: runKey(this.run),
    });
    this.holdings.dropAll();
    this.membership.become(this.run);
    this.heartbeat.change({ incarnation: this.run.incarnation });
    for (const handler of this.rebornHandlers) handler(this.run);
  }

  private membersChanged(): void {
    this.coordinator.poke();
    for (const handler of this.memberHandlers) handler();
    this.checkDrained();
  }

  /** The bucket has no key of ours any more: it may have come back empty, and the old watch is deaf. */
  private bucketForgot(): void {
    this.cell.doubt();
    this.ear.listen();
  }

  private giveUp(problem: string): void {
    if (!this.active()) return;
    this.problem = problem;
    this.options.log.error("this node takes part no more", { problem, run: runKey(this.run) });
    this.lease.freeze();
    this.heartbeat.stop();
    this.coordinator.stop();
    this.ear.stop();
    this.holdings.dropAll();
    this.checkDrained();
  }

  private checkDrained(): void {
    if (this.drainWaits.size === 0) return;
    const takers = this.membership.living().filter((record) => record.state === "up");
    const alone = this.membership.seeing() && takers.every((record) => record.node === this.run.node);
    if (this.active() && this.owned > 0 && !alone) return;
    for (const resolve of this.drainWaits) resolve();
  }
}
