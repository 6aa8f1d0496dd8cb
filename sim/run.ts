/**
 * One run: builds a world, lets people come, lets things go wrong, heals it, waits until all is well, and checks.
 * Phases: boot, arrive, chaos, heal, converge with a deadline.
 */
import { directoryOf } from "../actors/directory.ts";
import { silentLog, type Log } from "../base/log.ts";
import { messageOf } from "../base/errors.ts";
import { frameParser } from "../edge/frame-parser.ts";
import { AssignmentBook } from "./checkers/assignments.ts";
import { checkDeliveries } from "./checkers/deliveries.ts";
import { unserved } from "./checkers/entitled.ts";
import type { Checker, Evidence } from "./checkers/evidence.ts";
import { FenceBook } from "./checkers/fences.ts";
import { checkLogs } from "./checkers/logs.ts";
import { checkSends } from "./checkers/sends.ts";
import { leaked } from "./checkers/slots.ts";
import { StormWatch } from "./checkers/storms.ts";
import { Tellings } from "./checkers/tellings.ts";
import { TimerBook } from "./checkers/timers.ts";
import { Cluster } from "./cluster.ts";
import { recallConversations } from "./earlier.ts";
import { faultText } from "./faults.ts";
import { History } from "./history.ts";
import { LogReader } from "./logs.ts";
import { SlotReader } from "./slots.ts";
import { Crowd } from "./people/crowd.ts";
import { plantedIn } from "./plants/plants.ts";
import { simulatedTenant, verifyToken } from "./people/tenant.ts";
import { waitsOf } from "./people/waits.ts";
import type { Settings } from "./settings.ts";
import type { Sampler } from "./report/sampler.ts";
import { quantiles, type Summary } from "./summary.ts";
import { freeCosts, usualCosts } from "./world/costs.ts";
import type { OnDelivery } from "./world/digest.ts";
import type { Process } from "./world/process.ts";
import { World } from "./world/world.ts";

/** What a run tells while it goes on. */
export interface RunObserver {
  /** The next phase begins, a fault strikes. */
  event?(atMs: number, text: string): void;
  /** A log for the nodes. */
  log?(process: Process, now: () => number): Log;
  /** Everything that was delivered. */
  readonly onDelivery?: OnDelivery;
  /** Looks at the run again and again. */
  readonly sampler?: Sampler;
}

const checkers: readonly Checker[] = [checkLogs, checkSends, checkDeliveries];
const bootMs = 60_000;
const lookMs = 250;
const stormLookMs = 1000;

/** Runs it to the end. The same settings have the same hash. */
export async function simulate(
  settings: Settings,
  observer: RunObserver = {},
): Promise<Omit<Summary, "wallMs" | "rssMb">> {
  const history = new History();
  const world = new World({
    seed: settings.seed,
    costs: { ...(settings.costs ? usualCosts : freeCosts), storeSyncMs: settings.syncMs },
    masters: settings.masters,
    forgetful: settings.faults.some(({ kind }) => kind === "store-failover"),
    onError: (error, owner) => crashed(history, owner?.name ?? "the world", error),
    ...(observer.onDelivery === undefined ? {} : { onDelivery: observer.onDelivery }),
  });
  const onUncaught = (error: unknown): void =>
    crashed(history, world.scheduler.current?.name ?? "the world", error);
  process.on("uncaughtException", onUncaught);
  process.on("unhandledRejection", onUncaught);
  try {
    const run = new Run(settings, world, history, observer);
    await run.recall();
    return await world
      .run(() => run.play())
      .catch((error: unknown) => {
        history.violate("Converges", messageOf(error));
        return run.summary(-1);
      });
  } finally {
    process.off("uncaughtException", onUncaught);
    process.off("unhandledRejection", onUncaught);
  }
}

/** An error that nobody caught ends a real process. */
function crashed(history: History, name: string, error: unknown): void {
  const stack = error instanceof Error ? (error.stack ?? "").split("\n").slice(1, 4).join(" ") : "";
  history.violate("NoCrash", `${name}: ${messageOf(error)} ${stack}`);
}

class Run {
  readonly #settings: Settings;
  readonly #world: World;
  readonly #history: History;
  readonly #observer: RunObserver;
  readonly #crowd: Crowd;
  readonly #cluster: Cluster;
  readonly #reader: LogReader;
  readonly #slots: SlotReader;
  readonly #timers: TimerBook;
  readonly #storms: StormWatch;

  constructor(settings: Settings, world: World, history: History, observer: RunObserver) {
    this.#settings = settings;
    this.#world = world;
    this.#history = history;
    this.#observer = observer;
    const planted = plantedIn(settings.plant);
    if (planted.server !== undefined) world.store.furnish(planted.server);
    this.#crowd = new Crowd(world, settings, history, planted.device);
    this.#reader = new LogReader(world);
    this.#slots = new SlotReader(world);
    this.#timers = new TimerBook(history);
    this.#judge();
    this.#storms = new StormWatch(history, () => world.scheduler.now);
    const capacity = settings.capacity + (planted.capacity ?? 0);
    const nodes = {
      directory: directoryOf([simulatedTenant({ ...settings, capacity })]),
      verify: verifyToken(world),
      parse: frameParser(),
      log: (process: Process) => observer.log?.(process, () => world.scheduler.now) ?? silentLog(),
      shards: settings.shards,
      admitPerSecond: settings.admit,
      direct: settings.direct,
      zoneOf: (node: string) => `z${1 + ((Number(node.slice(1)) - 1) % settings.zones)}`,
      connections: this.#storms,
      ...(planted.node === undefined ? {} : { portsThrough: planted.node }),
    };
    this.#cluster = new Cluster(world, nodes, settings.nodes, (share, chance) =>
      this.#crowd.switchNetworks(share, chance),
    );
  }

  /** Lets be judged at once what the store accepts. */
  #judge(): void {
    const { store } = this.#world;
    const tellings = new Tellings(store.forgetful);
    const fences = new FenceBook(this.#history);
    const assignments = new AssignmentBook(this.#history, this.#settings.capacity);
    store.onAccepted((entry) => {
      fences.take(entry);
      const telling = tellings.take(entry);
      if (telling === undefined) return;
      assignments.take(telling);
      this.#timers.take(telling);
    });
  }

  /** Puts what happened before the run into the store. */
  async recall(): Promise<void> {
    const returning = this.#crowd.returning();
    if (returning.length > 0) await recallConversations(this.#settings, this.#world.store, returning);
  }

  async play(): Promise<Omit<Summary, "wallMs" | "rssMb">> {
    const { scheduler } = this.#world;
    const { seconds, arriveSeconds, convergeSeconds, faults } = this.#settings;
    this.#observer.sampler?.begin({
      scheduler,
      nodes: this.#cluster.nodes,
      shards: this.#settings.shards,
      store: this.#world.store,
      sockets: this.#world.sockets,
      tally: this.#crowd.tally,
      devices: this.#crowd,
      sends: this.#history.sends,
      recoveries: this.#crowd.recoveries,
    });
    this.#phase("boot");
    this.#cluster.start();
    this.#lookAtStorms();
    if (!(await this.#until(() => this.#cluster.calm(), bootMs)))
      this.#history.violate("Converges", `the cluster was not ready ${bootMs} ms after its start`);
    this.#phase("arrive");
    this.#crowd.arrive();
    await scheduler.sleep(arriveSeconds * 1000);
    this.#phase("chaos");
    for (const fault of faults) {
      scheduler.schedule(scheduler.now + fault.at, undefined, () => {
        this.#say(faultText(fault));
        this.#observer.sampler?.strike(scheduler.now, fault);
        this.#cluster.strike(fault);
      });
    }
    await scheduler.sleep(seconds * 1000);
    this.#phase("heal");
    this.#cluster.heal();
    this.#crowd.hush();
    const healedAt = scheduler.now;
    const converged = await this.#converge(convergeSeconds * 1000);
    const convergedMs = converged ? Math.round(scheduler.now - healedAt) : -1;
    this.#phase(converged ? "converged" : "did not converge");
    this.#observer.sampler?.end();
    await this.#reader.refresh();
    const evidence: Evidence = { history: this.#history, logs: this.#reader.logs };
    for (const check of checkers) check(evidence);
    const summary = this.summary(convergedMs);
    this.#crowd.leave();
    for (const node of this.#cluster.nodes) node.crash();
    return summary;
  }

  /** Polls with a task of the world's own. */
  async #until(condition: () => boolean, withinMs: number): Promise<boolean> {
    const { scheduler } = this.#world;
    const end = scheduler.now + withinMs;
    while (!condition()) {
      if (scheduler.now >= end) return false;
      await scheduler.sleep(lookMs);
    }
    return true;
  }

  async #converge(withinMs: number): Promise<boolean> {
    const { scheduler } = this.#world;
    const end = scheduler.now + withinMs;
    for (let calm = 0; calm < 2;) {
      await this.#refresh();
      const behind = this.#cluster.calm() ? this.#behind(1) : [["Converges", "placement"]];
      calm = behind.length === 0 ? calm + 1 : 0;
      if (calm === 0 && scheduler.now >= end) return this.#blame();
      await scheduler.sleep(lookMs);
    }
    return true;
  }

  async #refresh(): Promise<void> {
    await this.#reader.refresh();
    await this.#slots.refresh();
  }

  async #blame(): Promise<false> {
    await this.#refresh();
    if (!this.#cluster.calm()) this.#history.violate("Converges", `placement: ${this.#cluster.trouble()}`);
    for (const [guarantee, text] of this.#behind(20)) this.#history.violate(guarantee, text);
    return false;
  }

  /** What is not as it will be in the end, and which guarantee it would violate to stay so. */
  #behind(most: number): (readonly [guarantee: string, text: string])[] {
    const { logs } = this.#reader;
    const behind = this.#crowd.behind(logs, most);
    if (behind.length > 0) return behind.map((text) => ["Converges", text] as const);
    return [
      ...unserved(this.#crowd.devices, logs).map((text) => ["NoLostAck", text] as const),
      ...this.#timers.overdue(this.#world.scheduler.now).map((text) => ["TimerOnce", text] as const),
      ...leaked(this.#slots.held, logs).map((text) => ["CapacityRespected", text] as const),
    ].slice(0, most);
  }

  #lookAtStorms(): void {
    const { scheduler } = this.#world;
    this.#storms.look(
      this.#cluster.nodes.map(({ name, node }) => ({ name, asks: node?.runtime.counters().asks ?? 0 })),
    );
    scheduler.schedule(scheduler.now + stormLookMs, undefined, () => this.#lookAtStorms());
  }

  /** What it came to so far. */
  summary(convergedMs: number): Omit<Summary, "wallMs" | "rssMb"> {
    const { scenario, seed, users, nodes } = this.#settings;
    const { scheduler, digest, sockets } = this.#world;
    const { sends, devices, violations, counts } = this.#history;
    const waits = waitsOf(this.#reader.logs);
    let delivered = 0;
    for (const { seen } of devices) for (const list of seen.values()) delivered += list.length;
    const acked = sends.filter(({ seq }) => seq !== undefined);
    const { depths } = this.#crowd.tally;
    return {
      scenario,
      seed,
      hash: digest.toString(),
      users,
      nodes,
      virtualMs: Math.round(scheduler.now),
      events: scheduler.executed - (this.#observer.sampler?.looks ?? 0),
      sends: sends.length,
      acked: acked.length,
      delivered,
      duplicatesSuppressed: this.#crowd.tally.duplicates,
      sentBeside: depths.slice(2).reduce((sum, count) => sum + count, 0),
      mostInFlight: Math.max(0, depths.length - 1),
      pagesClosed: this.#crowd.tally.pagesClosed,
      messagesKept: sends.filter(({ kept }) => kept).length,
      attempts: sockets.tally.attempts,
      refused: this.#crowd.tally.refused + sockets.tally.unreachable,
      recoveredMs: quantiles(this.#crowd.recoveries),
      ackMs: quantiles(this.#crowd.tally.answers),
      peakQueue: this.#cluster.peakBacklog,
      waitedMs: quantiles(waits.waitedMs),
      peakWaiting: waits.peak,
      leftWaiting: waits.left,
      convergedMs,
      violations,
      violationCounts: counts,
    };
  }

  #phase(name: string): void {
    this.#say(name);
    this.#observer.sampler?.phase(this.#world.scheduler.now, name);
  }

  #say(text: string): void {
    this.#observer.event?.(this.#world.scheduler.now, text);
  }
}
