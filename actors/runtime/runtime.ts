/**
 * The host of a node's actors: the one place that joins transport, placement and store. Role: gains and loses shards,
 * routes envelopes between nodes and hosts, polls durable timers. Boundary: connections and the world outside talk to it
 * through `ask`, `send` and `hub`. Invariants: a shard is served only after its claim succeeded (EpochOwnerUnique); when
 * it is lost, everything of it ends at once.
 */
import { fullJitterMs, type Random } from "../../base/random.ts";
import { sleep, type Cancel, type Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { GainOutcome, Hosting, NodeRun, Routing } from "../../placement/hosting.ts";
import { runKey, sameRun } from "../../placement/shard-table.ts";
import type { Owner, Store } from "../../store/store.ts";
import type { Transport } from "../../transport/transport.ts";
import type { Directory } from "../directory.ts";
import { Hub } from "../hub.ts";
import { batched } from "./batch.ts";
import { Committer } from "./commits.ts";
import type { AskReply, NodeEnvelope, ShardEnvelope } from "./envelope.ts";
import type { Behaviors, HostParts } from "./host-parts.ts";
import { Links } from "./links.ts";
import { loadsOf } from "./loads.ts";
import type { ActorSystem } from "./nact.ts";
import { Router } from "./router.ts";
import { Runs } from "./runs.ts";
import { entityMaker } from "./shard-host.ts";
import { Shards } from "./shards.ts";
import { TimerPoll } from "./timers.ts";

/** What a runtime is made of. */
export interface RuntimeParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly transport: Transport;
  readonly routing: Routing;
  readonly store: Store;
  readonly directory: Directory;
  readonly behaviors: Behaviors;
  readonly system: ActorSystem;
  /** The key of the record that says how far a person has read a log. */
  readonly readKey: (log: string, who: string) => string;
  /** Envelopes for connections of this node. */
  readonly toConnections: (envelope: NodeEnvelope) => void;
  /** Something that this node sent or was sent is lost: what hangs on that peer must be renewed. */
  readonly onRenew: (peer: NodeRun) => void;
  /** Quiet actors go to sleep after this. */
  readonly idleMs?: number;
}

/** Figures for metrics and the admin picture. */
export interface RuntimeCounters {
  readonly fenced: number;
  readonly misrouted: number;
  readonly actors: number;
  readonly hosted: number;
  readonly asks: number;
}

const debtSweepMs = 250;
const sleepSweepMs = 5000;
const timerPollMs = 500;
const defaultIdleMs = 60_000;

/** The actor runtime of one node. */
export class Runtime implements Hosting {
  readonly hub: Hub;
  readonly router: Router;
  readonly #parts: RuntimeParts;
  readonly #shards: Shards;
  readonly #links: Links;
  readonly #committer: Committer;
  readonly #runs: Runs;
  readonly #timers: TimerPoll;
  readonly #cancels: Cancel[] = [];
  #runId: string | undefined;
  #looks = 0;

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
    const { clock, random, log, metrics, routing, store } = parts;
    const owner = (): Owner => runKey(routing.self);
    const frozen = (): boolean => routing.frozen();
    this.#timers = new TimerPoll(store, log, frozen);
    this.#runs = new Runs(routing, () => clock.now());
    this.#committer = new Committer({ store, clock, random, log, metrics, owner, frozen });
    this.#links = new Links({
      transport: parts.transport,
      clock,
      log,
      metrics,
      self: () => routing.self,
      handler: {
        onEnvelope: (from, envelope) => this.#take(from, envelope),
        onGap: (from) => {
          this.#links.send(from, { k: "renew" });
          for (const host of this.#shards.hosts.values()) host.doubt(from);
          this.#renew(from);
        },
      },
    });
    const sendTo = (run: NodeRun, envelope: NodeEnvelope): boolean => {
      if (!this.#isSelf(run)) return this.#links.send(run, envelope);
      this.#take(run, envelope);
      return true;
    };
    this.router = new Router({
      clock,
      random,
      metrics,
      routing,
      sendTo,
      acceptHere: (envelope, ask) => this.#accept(routing.self, envelope, ask),
    });
    const loads = loadsOf(clock, store);
    this.hub = new Hub({
      clock,
      routing,
      ask: (envelope, boundMs) => this.router.ask(envelope, boundMs),
      send: (envelope) => this.router.send(envelope),
      readLog: loads.log,
    });
    const host: HostParts = {
      clock,
      random,
      log,
      routing,
      directory: parts.directory,
      behaviors: parts.behaviors,
      committer: this.#committer,
      system: parts.system,
      loads,
      deadLetters: metrics.counter(
        "usher_dead_letters_total",
        "Messages given up after crashing their actor",
      ),
      send: (envelope) => this.router.send(envelope),
      sendTo,
      readKey: parts.readKey,
      newEntity: entityMaker(parts.behaviors),
      fencedOut: (fenced, epoch, name) => this.#shards.fencedOut(fenced, epoch, name),
      abandon: (given, ring) => this.#shards.abandon(given, ring),
      pause: (attempt) => this.#pause(attempt),
    };
    this.#shards = new Shards({
      clock,
      log,
      routing,
      store,
      committer: this.#committer,
      owner,
      claim: batched(clock, 512, (claims) => store.claim(owner(), claims)),
      host: () => host,
      fenced: metrics.counter("usher_fenced_commits_total", "Commits refused because a higher fence stands"),
    });
    metrics.gauge("usher_actors", "Active actors", () => this.counters().actors);
    metrics.gauge("usher_shards_hosted", "Shards served by this node", () => this.#shards.hosts.size);
    metrics.gauge("usher_asks_waiting", "Asks without an answer yet", () => this.router.waiting);
  }

  /** Begins to work. */
  start(): void {
    const { clock, routing, store } = this.#parts;
    this.#links.start();
    routing.onThaw(() => this.#thaw());
    routing.onRoutes((shards) => {
      const moved = new Set(shards);
      for (const host of this.#shards.hosts.values()) host.debts.hasten(moved);
    });
    routing.onMembers(() => this.#retain());
    store.onStatus((connected) => {
      if (connected) void this.#storeIsBack();
    });
    void this.#storeIsBack();
    const idleMs = this.#parts.idleMs ?? defaultIdleMs;
    this.#cancels.push(
      clock.every(debtSweepMs, () => {
        for (const host of this.#shards.hosts.values()) host.sweepDebts();
      }),
      clock.every(sleepSweepMs, () => {
        for (const host of this.#shards.hosts.values()) host.sweepSleepers(clock.now() - idleMs);
        this.#retain();
      }),
      clock.every(timerPollMs, () => void this.#timers.poll(this.#shards.hosts)),
    );
  }

  /** Ends everything at once, without flushing: drain before. */
  stop(): void {
    this.#looks++;
    for (const cancel of this.#cancels) cancel();
    this.router.stop();
    this.#shards.stop();
    this.#links.flush();
    this.#links.stop();
    this.#parts.system.stop();
  }

  /** Takes what the transport brought for this node. */
  takePayload(payload: string): void {
    this.#links.take(payload);
  }

  /** The longest that a commit has taken since this was asked last, or takes now, in milliseconds. */
  takeSlowestCommitMs(): number {
    return this.#committer.takeSlowestMs();
  }

  /** This node goes on as another run: peers know nothing of it, whatever hung on the old run is renewed. */
  reborn(): void {
    this.#links.reset();
    this.router.reborn();
    this.hub.renew(() => true);
  }

  /** Figures for metrics and the admin picture. */
  counters(): RuntimeCounters {
    let actors = 0;
    for (const host of this.#shards.hosts.values()) actors += host.active;
    return {
      fenced: this.#shards.fenced,
      misrouted: this.router.misrouted,
      actors,
      hosted: this.#shards.hosts.size,
      asks: this.router.waiting,
    };
  }

  // Hosting: what placement asks.

  gain(shard: number, epoch: number): Promise<GainOutcome> {
    return this.#shards.gain(shard, epoch);
  }

  release(shard: number, boundMs: number): Promise<void> {
    return this.#shards.release(shard, boundMs);
  }

  lose(shard: number): void {
    this.#shards.lose(shard);
  }

  #thaw(): void {
    this.#committer.kick();
    for (const host of this.#shards.hosts.values()) host.thaw();
  }

  /** Asks which run of the store answers, until it says so: another run may have forgotten commits. */
  async #storeIsBack(): Promise<void> {
    const look = ++this.#looks;
    for (let attempt = 0; look === this.#looks; attempt++) {
      try {
        const runId = await this.#parts.store.runId();
        if (look !== this.#looks) return;
        if (this.#runId !== undefined && runId !== this.#runId)
          this.#committer.doubt([...this.#shards.hosts.values()].map(({ lane }) => lane));
        this.#runId = runId;
        return this.#committer.kick();
      } catch (error) {
        if (attempt === 0) this.#parts.log.warn("run id unknown", { error: messageOf(error) });
        if (!this.#parts.store.connected()) return;
        await this.#pause(attempt);
      }
    }
  }

  #pause(attempt: number): Promise<void> {
    const { clock, random } = this.#parts;
    return sleep(clock, 10 + fullJitterMs(random, 25, 1000, attempt));
  }

  #retain(): void {
    this.#runs.look();
    const alive = (run: NodeRun): boolean => this.#runs.alive(run);
    for (const host of this.#shards.hosts.values()) host.retain(alive);
    this.#links.retain(alive);
  }

  #isSelf(run: NodeRun): boolean {
    return sameRun(run, this.#parts.routing.self);
  }

  #renew(peer: NodeRun): void {
    this.router.renew(peer);
    this.hub.renew((node) => node === peer.node);
    this.#parts.onRenew(peer);
  }

  #take(from: NodeRun, envelope: NodeEnvelope): void {
    switch (envelope.k) {
      case "ask":
        return this.#accept(from, envelope.envelope, envelope.ask);
      case "shard":
        return this.#accept(from, envelope.envelope, undefined);
      case "reply":
        return this.router.onReply(envelope.ask, envelope.reply);
      case "bounce":
        return this.router.onBounce(from, envelope.ask, envelope.shard, envelope.owner, envelope.epoch);
      case "events":
        return this.hub.onEvents(envelope.items);
      case "casted":
        return this.hub.onCast(envelope.to, envelope.frame, envelope.audience);
      case "renew":
        return this.#renew(from);
      case "push":
      case "enter":
      case "exit":
      case "replace":
        return this.#parts.toConnections(envelope);
    }
  }

  #accept(from: NodeRun, envelope: ShardEnvelope, ask: number | undefined): void {
    const host = this.#shards.serving(envelope.shard);
    // A host whose shard is known to have another one, here or elsewhere, would promise what it cannot keep.
    const known = this.#parts.routing.route(envelope.shard)?.epoch ?? 0;
    if (host === undefined || host.epoch < known) {
      if (ask !== undefined) this.#bounce(from, envelope.shard, ask);
      return;
    }
    if (ask === undefined) host.accept(envelope, from, undefined);
    else host.accept(envelope, from, (reply) => this.#reply(from, ask, reply));
  }

  #reply(to: NodeRun, ask: number, reply: AskReply): void {
    if (this.#isSelf(to)) this.router.onReply(ask, reply);
    else this.#links.send(to, { k: "reply", ask, reply });
  }

  #bounce(to: NodeRun, shard: number, ask: number): void {
    const route = this.#parts.routing.route(shard);
    const known =
      route !== undefined && !this.#isSelf(route.owner) ? { owner: route.owner, epoch: route.epoch } : {};
    if (this.#isSelf(to)) this.router.onBounce(to, ask, shard, undefined, undefined);
    else this.#links.send(to, { k: "bounce", ask, shard, ...known });
  }
}
