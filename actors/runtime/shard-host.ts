/**
 * One owned shard under one epoch: its actors, its commits, its debts, its followers and attachments. Role: takes
 * envelopes for the shard, activates actors, turns their effects into writes and outputs. Boundary: the runtime gains
 * and loses shards; the lane commits; links and hubs carry what goes out.
 * Invariants: one activation per actor (EpochOwnerUnique holds what the store accepts); outputs follow commits; when
 * the shard is lost everything ends at once and nothing held gets out.
 */
import { unreachable } from "../../base/assert.ts";
import type { Log } from "../../base/log.ts";
import type { NodeRun } from "../../placement/hosting.ts";
import type { LogEvent } from "../../protocol/events.ts";
import type { Stored, Write } from "../../store/store.ts";
import { decodeAddress, encodeAddress, shardOf, type Address } from "../address.ts";
import type { Effect, Need } from "../behavior.ts";
import type { Directory } from "../directory.ts";
import type { Message } from "../messages.ts";
import { Attachments, type Attachment } from "./attachments.ts";

import { Debts } from "./debts.ts";
import { Entity } from "./entity.ts";
import type { EntityHost, HostedEntity, Item } from "./entity-host.ts";
import type {
  ActorEnvelope,
  AskReply,
  AttachEnvelope,
  NodeEnvelope,
  RefusalEnvelope,
  ShardEnvelope,
} from "./envelope.ts";
import { performEffect, type EffectHost } from "./effects.ts";
import type { HostParts } from "./host-parts.ts";
import { Lane, type LaneHandler, type Batch } from "./lane.ts";
import { Loader } from "./loader.ts";
import type { Family, Mailbox } from "./nact.ts";
import { Publisher } from "./publisher.ts";
import { Firing } from "./timers.ts";

/** Answers an ask. */
export type Respond = (reply: AskReply) => void;

/** Who lost something on the way here attaches all its connections again within this time. */
const reattachMs = 60_000;

/** The host of one shard. */
export class ShardHost implements EntityHost, EffectHost, LaneHandler {
  readonly shard: number;
  readonly epoch: number;
  readonly directory: Directory;
  readonly log: Log;
  readonly lane: Lane;
  readonly debts: Debts;
  readonly firing = new Firing();
  readonly #parts: HostParts;
  readonly #family: Family;
  readonly #entities = new Map<string, HostedEntity>();
  readonly #holding = new Set<HostedEntity>();
  readonly publisher: Publisher;
  readonly #attachments: Attachments;
  readonly #loader: Loader;
  /** Sessions whose inbox was full when the number of their devices changed. */
  readonly #untold = new Set<string>();
  #activations = 0;
  #ended = false;

  constructor(parts: HostParts, shard: number, epoch: number, last: number, ring: readonly Batch[]) {
    this.#parts = parts;
    this.shard = shard;
    this.epoch = epoch;
    this.directory = parts.directory;
    this.log = parts.log.child({ shard, epoch });
    this.lane = new Lane(parts.committer, shard, epoch, last, this, ring);
    this.debts = new Debts({
      shard,
      shards: parts.routing.shards,
      epoch,
      random: parts.random,
      now: () => parts.clock.now(),
      send: (envelope) => parts.send(envelope),
    });
    this.#loader = new Loader(parts, shard, this.log, () => this.lane.committed);
    this.publisher = new Publisher({
      shard,
      epoch,
      parts,
      persist: (work, boundMs) => this.#loader.persist(work, boundMs),
    });
    this.#attachments = new Attachments(epoch);
    this.#family = parts.system.family(`shard-${shard}-${epoch}-${parts.random.id()}`);
  }

  /** Takes an envelope for this shard. */
  accept(envelope: ShardEnvelope, from: NodeRun, respond: Respond | undefined): void {
    if (this.#ended) return;
    switch (envelope.k) {
      case "actor":
        return this.#deliver(envelope, respond);
      case "refusal":
        return this.#refuse(envelope, respond);
      case "attach":
        return this.#attach(envelope, from, respond);
      case "detach":
        if (this.#attachments.detach(envelope.session, envelope.device, from, envelope.conn)) {
          this.#devicesChanged(envelope.session);
        }
        return;
      case "follow":
        return void this.publisher.follow(envelope.items, from, respond);
      case "unfollow":
        return this.publisher.unfollow(envelope.to, from);
      case "settled":
        return this.debts.settle(envelope.id);
      case "cast":
        return this.publisher.cast(envelope.to, envelope.frame, envelope.audience);
      default:
        return unreachable(envelope);
    }
  }

  /** Delivers a durable timer that came due. */
  fire(stored: Stored): void {
    const { to, id } = JSON.parse(stored.value) as { to: string; id: string };
    const address = decodeAddress(to);
    if (this.#ended || address === undefined || !this.firing.begin(stored.id)) return;
    const taken = this.#activate(address).take({ message: { kind: "timer", id }, timer: stored.id });
    if (!taken) this.firing.abandon(stored.id);
  }

  /** A few times a second: what is due again, settlements that no commit has taken along. */
  sweepDebts(): void {
    this.debts.sweep();
    const settled = this.debts.takeSettled();
    if (settled.length > 0) this.lane.add(settled);
    const untold = [...this.#untold];
    this.#untold.clear();
    for (const session of untold) this.#devicesChanged(session);
  }

  /** Every few seconds: actors that were quiet since then go to sleep. */
  sweepSleepers(sleepBefore: number): void {
    for (const [key, entity] of this.#entities) {
      if (!entity.asleepSince(sleepBefore)) continue;
      entity.stop();
      this.#entities.delete(key);
    }
  }

  /** Whether nothing waits to be handled or to become durable. */
  get quiet(): boolean {
    if (!this.lane.quiet || this.#holding.size > 0) return false;
    for (const entity of this.#entities.values()) if (entity.busy) return false;
    return true;
  }

  /** Something that this run sent to this node is lost for good. */
  doubt(run: NodeRun): void {
    this.#attachments.doubt(run, this.now());
  }

  /** Runs that are gone for good leave no follower and no attachment behind. */
  retain(alive: (run: NodeRun) => boolean): void {
    this.publisher.retain(alive);
    for (const session of this.#attachments.retain(alive)) this.#devicesChanged(session);
    for (const session of this.#attachments.dropDoubted(this.now() - reattachMs))
      this.#devicesChanged(session);
  }

  /** Number of active actors. */
  get active(): number {
    return this.#entities.size;
  }

  /**
   * Ends everything at once; nothing that was held gets out. Nobody is answered: whoever asked asks the next host, once
   * the route says where it is, or gives up within its own bound.
   */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.lane.close();
    for (const entity of this.#entities.values()) entity.stop();
    this.#entities.clear();
    this.#holding.clear();
    this.#family.stop();
    this.#loader.end();
  }

  /** Lets out what was held while the node was frozen. */
  thaw(): void {
    for (const entity of this.#holding) if (entity.release()) this.#holding.delete(entity);
    this.publisher.flush();
  }

  // What the lane reports.

  onCommitted(number: number): void {
    for (const entity of this.#holding) if (entity.release()) this.#holding.delete(entity);
    this.publisher.flush();
    this.#loader.onCommitted(number);
  }

  onFenced(epoch: number, owner: string): void {
    this.#parts.fencedOut(this, epoch, owner);
  }

  onLost(last: number): void {
    const { committed } = this.lane;
    const what = last < committed ? "the store lost commits for good" : "what waits can never be committed";
    this.log.error(`${what}; the shard begins anew`, { last, committed });
    this.#parts.abandon(this, []);
  }

  onRestored(): void {
    this.log.warn("what the store had forgotten was written again; the shard begins anew");
    this.#parts.abandon(this, this.lane.ring);
  }

  // What entities ask.

  now(): number {
    return this.#parts.clock.now();
  }

  wall(): number {
    return this.#parts.clock.wall();
  }

  newId(): string {
    return this.#parts.random.id();
  }

  devicesOf(address: Address): number {
    return address.kind === "session" ? this.#attachments.count(encodeAddress(address)) : 0;
  }

  committed(): number {
    return this.lane.committed;
  }

  frozen(): boolean {
    return this.#parts.routing.frozen(this.shard);
  }

  spawn<State>(key: string, state: State, run: (state: State) => State): Mailbox {
    return this.#family.spawn(`${key.replaceAll("/", "_")}_${++this.#activations}`, state, run);
  }

  loadEntity<State>(
    key: string,
    after: number,
    restore: (fields: Readonly<Record<string, string>>) => { state: State; position: number },
  ): Promise<{ state: State; events: readonly LogEvent[] } | undefined> {
    return this.#loader.entity(key, after, restore);
  }

  loadNeeds(
    key: string,
    needs: readonly Need[],
  ): Promise<readonly (string | boolean | undefined)[] | undefined> {
    return this.#loader.needs(key, needs);
  }

  write(_entity: HostedEntity, writes: readonly Write[]): number {
    const settled = this.debts.takeSettled();
    if (settled.length > 0) this.lane.add(settled);
    return this.lane.add(writes);
  }

  perform(entity: HostedEntity, item: Item, effect: Effect, writes: Write[], outputs: (() => void)[]): void {
    performEffect(this, entity.key, item, effect, writes, outputs);
  }

  holding(entity: HostedEntity): void {
    this.#holding.add(entity);
  }

  timerHeld(id: string): void {
    this.firing.hold(id);
  }

  timerDone(id: string): void {
    this.firing.done(id);
  }

  restart(entity: HostedEntity, items: readonly Item[], after: number): void {
    if (this.#ended) return;
    const next = this.#create(entity.address, after);
    this.#giveBack(items.filter((item) => !next.take(item)));
  }

  deadLetter(key: string, item: Item): void {
    this.#parts.deadLetters.add();
    this.log.error("dead letter", { actor: key, message: item.message?.kind });
  }

  forget(entity: HostedEntity, items: readonly Item[]): void {
    if (this.#entities.get(entity.key) === entity) this.#entities.delete(entity.key);
    this.#giveBack(items);
  }

  /** Askers ask again, debts are repeated, timers come with the next poll. */
  #giveBack(items: readonly Item[]): void {
    for (const { respond, timer } of items) {
      respond?.({ kind: "busy" });
      if (timer !== undefined) this.firing.abandon(timer);
    }
  }

  #deliver(envelope: ActorEnvelope, respond: Respond | undefined): void {
    const awake = this.#entities.get(envelope.to);
    const address = awake?.address ?? decodeAddress(envelope.to);
    if (address === undefined) return;
    if (respond !== undefined && (this.lane.saturated || this.debts.full)) return respond({ kind: "busy" });
    const { debt, command, message } = envelope;
    const entity = awake ?? this.#activate(address);
    // An activation takes along all that its own shard owes it, this message too.
    if (awake === undefined && debt?.shard === this.shard) return;
    const confirm = debt === undefined ? undefined : () => this.#parts.send({ k: "settled", ...debt });
    const taken = entity.take({ message, command, respond, confirm });
    if (!taken) respond?.({ kind: "busy" });
  }

  #refuse({ to, command, code }: RefusalEnvelope, respond: Respond | undefined): void {
    const address = decodeAddress(to);
    if (address === undefined || respond === undefined) return;
    if (!this.#activate(address).take({ refuse: code, command, respond })) respond({ kind: "busy" });
  }

  #activate(address: Address): HostedEntity {
    return this.#entities.get(encodeAddress(address)) ?? this.#create(address, 0);
  }

  #create(address: Address, after: number): HostedEntity {
    const entity = this.#parts.newEntity(address, this, after);
    this.#entities.set(entity.key, entity);
    for (const { message, id } of this.debts.owedTo(entity.key)) {
      entity.take({ message, confirm: () => this.debts.settle(id) });
    }
    return entity;
  }

  /** Sends a message that may be lost. */
  hint(to: Address, message: Message): void {
    this.#parts.send({
      k: "actor",
      shard: shardOf(to, this.#parts.routing.shards),
      to: encodeAddress(to),
      message,
    });
  }

  #attach(envelope: AttachEnvelope, from: NodeRun, respond: Respond | undefined): void {
    const { session, device, attempt, conn } = envelope;
    const outcome = this.#attachments.attach(session, device, attempt, from, conn);
    if (outcome.kind === "superseded") return respond?.({ kind: "superseded" });
    const { replaced, gen } = outcome;
    if (replaced !== undefined) this.#parts.sendTo(replaced.run, { k: "replace", conn: replaced.conn });
    if (outcome.fresh) this.#devicesChanged(session);
    const describe: ActorEnvelope = {
      k: "actor",
      shard: this.shard,
      to: session,
      message: { kind: "describe" },
    };
    this.#deliver(describe, (reply) =>
      respond?.(reply.kind === "value" ? { kind: "attached", gen, description: reply.value } : reply),
    );
  }

  /** Only staff sessions care how many devices they have. */
  #devicesChanged(session: string): void {
    const address = decodeAddress(session);
    if (address?.id.startsWith("a.") !== true) return;
    const told = this.#activate(address).take({ message: { kind: "devices" } });
    if (!told) this.#untold.add(session);
  }

  /** Sends something to every attached device of a session. */
  toDevices(session: string, make: (conn: number) => NodeEnvelope): void {
    for (const attachment of [...this.#attachments.of(session)] as Attachment[]) {
      this.#parts.sendTo(attachment.run, make(attachment.conn));
    }
  }
}

/** Makes the activations of a table of behaviours. */
export function entityMaker(behaviors: HostParts["behaviors"]): HostParts["newEntity"] {
  return (address, host, after) => new Entity(address, behaviors[address.kind], host, after);
}
