/**
 * Location transparency: finds the owner of a shard and asks it, wherever it is. Role: sends shard envelopes to the
 * owner, keeps asks until they are answered, sends them again in their order when the shard has changed hands. Boundary:
 * routes come from placement, links carry. Invariants: every ask is answered or given up within its bound; at most
 * `pendingMax` wait, more are refused at once (StormBounded); per shard, asks are sent again in the order asked
 * (SenderFIFO); nothing is forwarded on behalf of others, so nothing circles.
 */
import type { Clock } from "../../base/clock.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { Random } from "../../base/random.ts";
import type { NodeRun, Routing } from "../../placement/hosting.ts";
import type { AskReply, NodeEnvelope, ShardEnvelope } from "./envelope.ts";
import { nameOf } from "./run-counts.ts";

interface Pending {
  readonly ask: number;
  readonly envelope: ShardEnvelope;
  readonly resolve: (reply: AskReply | undefined) => void;
  readonly deadline: number;
  /** Where it was sent last: `node/incarnation@epoch`; empty while it is parked. */
  sentTo: string;
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
const againMinMs = 25;
const againSpreadMs = 200;

/** The router of one node. */
export class Router {
  readonly #parts: RouterParts;
  readonly #pending = new Map<number, Pending>();
  readonly #byShard = new Map<number, Set<Pending>>();
  readonly #retrying = new Set<number>();
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
      for (const shard of shards) this.#redispatch(shard);
    });
  }

  /** Gives up everything. */
  stop(): void {
    this.#stopped = true;
    this.#stopSweep();
    for (const pending of this.#pending.values()) pending.resolve(undefined);
    this.#pending.clear();
    this.#byShard.clear();
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
    if (this.#stopped) return Promise.resolve(undefined);
    if (this.#pending.size >= pendingMax) return Promise.resolve({ kind: "busy" });
    return new Promise((resolve) => {
      const pending: Pending = {
        ask: ++this.#asks,
        envelope,
        resolve,
        deadline: this.#parts.clock.now() + boundMs,
        sentTo: "",
      };
      this.#pending.set(pending.ask, pending);
      const ofShard = this.#byShard.get(envelope.shard) ?? new Set<Pending>();
      ofShard.add(pending);
      this.#byShard.set(envelope.shard, ofShard);
      this.#dispatch(pending);
    });
  }

  /** An answer came. */
  onReply(ask: number, reply: AskReply): void {
    const pending = this.#pending.get(ask);
    if (pending === undefined) return;
    this.#remove(pending);
    pending.resolve(reply);
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
    if (pending === undefined || !pending.sentTo.startsWith(`${nameOf(from)}@`)) return;
    pending.sentTo = "";
    this.#retryLater(shard);
  }

  /** What was sent to that run may be lost: asks it again. */
  renew(run: NodeRun): void {
    const prefix = `${nameOf(run)}@`;
    for (const pending of this.#pending.values()) {
      if (!pending.sentTo.startsWith(prefix)) continue;
      pending.sentTo = "";
      this.#dispatch(pending);
    }
  }

  /** This node is another run now: answers to the old one are lost, everything is asked again. */
  reborn(): void {
    for (const pending of this.#pending.values()) {
      pending.sentTo = "";
      this.#dispatch(pending);
    }
  }

  #isSelf(run: NodeRun): boolean {
    const { self } = this.#parts.routing;
    return run.node === self.node && run.incarnation === self.incarnation;
  }

  #target(shard: number): string {
    const route = this.#parts.routing.route(shard);
    if (route === undefined || route.state === "moving") return "";
    return `${nameOf(route.owner)}@${route.epoch}`;
  }

  #dispatch(pending: Pending): void {
    const { envelope, ask } = pending;
    const route = this.#parts.routing.route(envelope.shard);
    if (route === undefined || route.state === "moving") return;
    pending.sentTo = `${nameOf(route.owner)}@${route.epoch}`;
    if (this.#isSelf(route.owner)) this.#parts.acceptHere(envelope, ask);
    else if (!this.#parts.sendTo(route.owner, { k: "ask", ask, envelope }))
      this.onReply(ask, { kind: "busy" });
  }

  #redispatch(shard: number): void {
    const target = this.#target(shard);
    if (target === "") return;
    for (const pending of this.#byShard.get(shard) ?? [])
      if (pending.sentTo !== target) this.#dispatch(pending);
  }

  /** A bounce with no newer route: the table is on its way, or the owner is still loading. */
  #retryLater(shard: number): void {
    if (this.#retrying.has(shard)) return;
    this.#retrying.add(shard);
    const delay = againMinMs + this.#parts.random.float() * againSpreadMs;
    this.#parts.clock.after(delay, () => {
      this.#retrying.delete(shard);
      this.#redispatch(shard);
    });
  }

  #remove(pending: Pending): void {
    this.#pending.delete(pending.ask);
    const { shard } = pending.envelope;
    const ofShard = this.#byShard.get(shard);
    ofShard?.delete(pending);
    if (ofShard?.size === 0) this.#byShard.delete(shard);
  }

  #sweep(): void {
    const now = this.#parts.clock.now();
    for (const pending of this.#pending.values()) {
      if (pending.deadline > now) continue;
      this.#remove(pending);
      pending.resolve(undefined);
    }
  }
}
