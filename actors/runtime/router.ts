/**
 * Location transparency: finds the owner of a shard and asks it, wherever it is. Role: sends shard envelopes to the
 * owner, keeps asks until they are answered, sends them again in their order when the shard has changed hands. Boundary:
 * routes come from placement, links carry. Invariants: every ask is answered or given up within its bound; at most
 * `pendingMax` wait, more are refused at once (StormBounded); per shard, asks are sent again in the order asked
 * (SenderFIFO); nothing is forwarded on behalf of others, so nothing circles.
 */
import type { Clock } from "../../base/clock.ts";
import { callEach } from "../../base/errors.ts";
import type { Metrics } from "../../base/metrics.ts";
import { fullJitterMs, type Random } from "../../base/random.ts";
import type { NodeRun, Routing } from "../../placement/hosting.ts";
import { sameRun } from "../../placement/shard-table.ts";
import type { AskReply, NodeEnvelope, ShardEnvelope } from "./envelope.ts";

/** Hears the answer; undefined when the bound has passed. */
export type OnReply = (reply: AskReply | undefined) => void;

/** A class, since there is one for each command on its way: the fewer objects it needs, the better. */
class Pending {
  readonly ask: number;
  readonly envelope: ShardEnvelope;
  readonly onReply: OnReply;
  readonly deadline: number;
  /** Where it was sent last, and as the owner of which epoch; undefined while it is parked. */
  owner: NodeRun | undefined;
  epoch = 0;

  constructor(ask: number, envelope: ShardEnvelope, onReply: OnReply, deadline: number) {
    this.ask = ask;
    this.envelope = envelope;
    this.onReply = onReply;
    this.deadline = deadline;
  }

  wasSentTo(run: NodeRun): boolean {
    return this.owner !== undefined && sameRun(this.owner, run);
  }
}

/** What a router is made of. */
export interface RouterParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly routing: Routing;
  /** Hands an envelope to this node's own host of the shard. */
  readonly acceptHere: (envelope: ShardEnvelope, ask: number | undefined) => void;
  /** Sends to one run of another node. */
  readonly sendTo: (run: NodeRun, envelope: NodeEnvelope) => boolean;
}

const pendingMax = 50_000;
const sweepMs = 250;
/** A shard that changes hands is mostly back within tens of milliseconds: soon at first, later more seldom. */
const againMinMs = 5;
const againBaseMs = 10;
const againCapMs = 200;

/** The router of one node. */
export class Router {
  readonly #parts: RouterParts;
  readonly #pending = new Map<number, Pending>();
  /** A set that was needed once stays: there are no more than shards. */
  readonly #byShard = new Map<number, Set<Pending>>();
  /** Shards whose owner did not serve them yet, and how often it was asked again since the route changed. */
  readonly #bounced = new Map<number, { times: number; waiting: boolean }>();
  readonly #bounces;
  #misrouted = 0;
  #asks = 0;
  #stopped = false;
  readonly #stopSweep;

  constructor(parts: RouterParts) {
    this.#parts = parts;
    this.#bounces = parts.metrics.counter(
      "usher_misrouted_total",
      "Envelopes that reached a node that is not the owner",
    );
    this.#stopSweep = parts.clock.every(sweepMs, () => this.#sweep());
    parts.routing.onRoutes((shards) => {
      for (const shard of shards) {
        this.#bounced.delete(shard);
        this.#redispatch(shard);
      }
    });
  }

  /** Gives up everything. */
  stop(): void {
    this.#stopped = true;
    this.#stopSweep();
    const given = [...this.#pending.values()];
    this.#pending.clear();
    this.#byShard.clear();
    callEach(given, ({ onReply }) => onReply(undefined));
  }

  /** How many envelopes reached a node that was not the owner. */
  get misrouted(): number {
    return this.#misrouted;
  }

  /** How many asks wait for their answer. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Sends once to the owner; lost when there is none. */
  send(envelope: ShardEnvelope): void {
    const route = this.#parts.routing.route(envelope.shard);
    if (route === undefined || route.state === "moving") return;
    if (this.#isSelf(route.owner)) this.#parts.acceptHere(envelope, undefined);
    else this.#parts.sendTo(route.owner, { k: "shard", envelope });
  }

  /** Asks the owner, whoever it will be, and resolves with the answer; undefined when the bound has passed. */
  ask(envelope: ShardEnvelope, boundMs: number): Promise<AskReply | undefined> {
    return new Promise((resolve) => this.askThen(envelope, boundMs, resolve));
  }

  /** The same for those who ask very often: without a promise. `onReply` is called once, perhaps before this returns. */
  askThen(envelope: ShardEnvelope, boundMs: number, onReply: OnReply): void {
    if (this.#stopped) return onReply(undefined);
    if (this.#pending.size >= pendingMax) return onReply({ kind: "busy" });
    const pending = new Pending(++this.#asks, envelope, onReply, this.#parts.clock.now() + boundMs);
    this.#pending.set(pending.ask, pending);
    let ofShard = this.#byShard.get(envelope.shard);
    if (ofShard === undefined) this.#byShard.set(envelope.shard, (ofShard = new Set()));
    ofShard.add(pending);
    this.#dispatch(pending);
  }

  /** An answer came. */
  onReply(ask: number, reply: AskReply): void {
    const pending = this.#pending.get(ask);
    if (pending === undefined) return;
    this.#remove(pending);
    pending.onReply(reply);
  }

  /** The asked node is not the owner; it may know who is. */
  onBounce(
    from: NodeRun,
    ask: number,
    shard: number,
    owner: NodeRun | undefined,
    epoch: number | undefined,
  ): void {
    this.#bounces.add();
    this.#misrouted++;
    if (owner !== undefined && epoch !== undefined) this.#parts.routing.correct(shard, owner, epoch);
    const pending = this.#pending.get(ask);
    // It may have been sent to another node since, by the correction even.
    if (pending?.wasSentTo(from) !== true) return;
    pending.owner = undefined;
    this.#retryLater(shard);
  }

  /** What was sent to that run may be lost: asks it again. */
  renew(run: NodeRun): void {
    for (const pending of this.#pending.values()) {
      if (!pending.wasSentTo(run)) continue;
      pending.owner = undefined;
      this.#dispatch(pending);
    }
  }

  /** This node is another run now: answers to the old one are lost, everything is asked again. */
  reborn(): void {
    for (const pending of this.#pending.values()) {
      pending.owner = undefined;
      this.#dispatch(pending);
    }
  }

  #isSelf(run: NodeRun): boolean {
    return sameRun(run, this.#parts.routing.self);
  }

  #dispatch(pending: Pending): void {
    const { envelope, ask } = pending;
    const route = this.#parts.routing.route(envelope.shard);
    if (route === undefined || route.state === "moving") return;
    pending.owner = route.owner;
    pending.epoch = route.epoch;
    if (this.#isSelf(route.owner)) this.#parts.acceptHere(envelope, ask);
    else if (!this.#parts.sendTo(route.owner, { k: "ask", ask, envelope }))
      this.onReply(ask, { kind: "busy" });
  }

  #redispatch(shard: number): void {
    const route = this.#parts.routing.route(shard);
    if (route === undefined || route.state === "moving") return;
    for (const pending of this.#byShard.get(shard) ?? []) {
      const there = pending.epoch === route.epoch && pending.wasSentTo(route.owner);
      if (!there) this.#dispatch(pending);
    }
  }

  /** A bounce with no newer route: the table is on its way, or the owner is still loading. */
  #retryLater(shard: number): void {
    let bounced = this.#bounced.get(shard);
    if (bounced === undefined) this.#bounced.set(shard, (bounced = { times: 0, waiting: false }));
    if (bounced.waiting) return;
    bounced.waiting = true;
    const { clock, random } = this.#parts;
    clock.after(againMinMs + fullJitterMs(random, againBaseMs, againCapMs, bounced.times++), () => {
      bounced.waiting = false;
      this.#redispatch(shard);
    });
  }

  #remove(pending: Pending): void {
    this.#pending.delete(pending.ask);
    this.#byShard.get(pending.envelope.shard)?.delete(pending);
  }

  #sweep(): void {
    const now = this.#parts.clock.now();
    callEach(this.#pending.values(), (pending) => {
      if (pending.deadline > now) return;
      this.#remove(pending);
      pending.onReply(undefined);
    });
  }
}
