/**
 * One hosted actor. Role: keeps a bounded inbox before the nact mailbox, loads what the behaviour needs, runs it, and
 * performs the effects in order. Boundary: the shard's host commits and sends; nact holds the state.
 * Invariants: an output never overtakes the commits before it (no acknowledgement, push or read answer escapes early:
 * NoLostAck, NoPhantom, RealtimeAppend); results of loads reach only the activation that asked; a message that crashes
 * its actor three times becomes a dead letter.
 */
import { assert } from "../../base/assert.ts";
import { messageOf } from "../../base/errors.ts";
import type { Write } from "../../store/store.ts";
import { encodeAddress, type Address } from "../address.ts";
import type { Behavior, CommandAnswer, Context, Effect, Need } from "../behavior.ts";
import { Producer, type CommandNumber } from "../producers.ts";
import { Cache } from "./cache.ts";
import { EntityContext } from "./entity-context.ts";
import type { Mailbox } from "./nact.ts";
import type { EntityHost, HostedEntity, Item } from "./entity-host.ts";
import { Outlet, type Output } from "./outlet.ts";

/** A producer's row, and the key under which it is kept. */
interface KnownProducer {
  readonly key: string;
  readonly row: Producer;
}

const inboxMax = 1024;
/** While nothing becomes durable, askers ask again and again: so many of them wait at most (StormBounded). */
const asksMax = 2048;
const messagesPerWake = 64;
const cachedMax = 512;
const maxCrashes = 3;

/** One activation of one actor. */
export class Entity<State> implements HostedEntity {
  readonly key: string;
  readonly address: Address;
  readonly #behavior: Behavior<State>;
  readonly #host: EntityHost;
  #inbox: Item[] = [];
  #mailbox: Mailbox | undefined;
  readonly #outlet: Outlet;
  #lastWrite = 0;
  #loading = false;
  #stopped = false;
  #restful = false;
  #touched: number;
  readonly #producers = new Cache<KnownProducer>(cachedMax);
  readonly #kept = new Cache<string | undefined>(cachedMax);
  readonly #members = new Cache<boolean>(cachedMax);
  readonly #context: Context;

  /** @param after the commit that must be durable before the state is loaded: the last one of a crashed activation */
  constructor(address: Address, behavior: Behavior<State>, host: EntityHost, after: number) {
    this.address = address;
    this.key = encodeAddress(address);
    this.#behavior = behavior;
    this.#host = host;
    this.#outlet = new Outlet(host, this.key);
    this.#touched = host.now();
    this.#context = new EntityContext(address, host, this.#kept, this.#members);
    void this.#load(after);
  }

  /** Whether messages wait in its inbox. */
  get busy(): boolean {
    return this.#inbox.length > 0;
  }

  /** Takes one message; false when the inbox is full, or when too many wait for their answers already. */
  take(item: Item): boolean {
    if (this.#inbox.length >= inboxMax) return false;
    if (item.respond !== undefined && this.#inbox.length + this.#outlet.asks >= asksMax) return false;
    this.#inbox.push(item);
    this.#touched = this.#host.now();
    this.#mailbox?.wake();
    return true;
  }

  /** Lets out what waited for commits that are durable now; true when nothing is held any more. */
  release(): boolean {
    return this.#outlet.release();
  }

  /** Whether it may be put to sleep: quiet since then, nothing waiting, nothing it would forget. */
  asleepSince(time: number): boolean {
    return (
      this.#touched < time &&
      this.#mailbox !== undefined &&
      this.#restful &&
      this.#inbox.length === 0 &&
      this.#outlet.empty &&
      this.#lastWrite <= this.#host.committed()
    );
  }

  /** Ends this activation and drops what it held and what is in its inbox. */
  stop(): void {
    this.#outlet.clear();
    this.#retire();
  }

  /** Handles nothing more; what it held still gets out with its commits. */
  #retire(): Item[] {
    this.#stopped = true;
    this.#mailbox?.stop();
    const rest = this.#inbox;
    this.#inbox = [];
    return rest;
  }

  async #load(after: number): Promise<void> {
    let loaded;
    try {
      loaded = await this.#host.loadEntity(this.key, after, (fields) => {
        const state = this.#behavior.restore(this.address, fields);
        return { state, position: this.#behavior.position(state) };
      });
      if (this.#stopped || loaded === undefined) return;
      const restored = loaded.events.reduce(
        (state, event) => this.#behavior.apply(state, event),
        loaded.state,
      );
      this.#restful = this.#behavior.idle(restored);
      this.#mailbox = this.#host.spawn(this.key, restored, (current) => this.#run(current));
    } catch (error) {
      return this.#unusable(error);
    }
    if (this.#inbox.length > 0) this.#mailbox.wake();
  }

  /** What is stored makes no sense: nothing can be handled now, and it is looked at again when the next message comes. */
  #unusable(error: unknown): void {
    if (this.#stopped) return;
    this.#host.log.error("an actor could not be restored", { actor: this.key, error: messageOf(error) });
    this.#host.forget(this, this.#retire());
  }

  #run(initial: State): State {
    let state = initial;
    if (this.#stopped || this.#loading) return state;
    let budget = messagesPerWake;
    let taken = 0;
    while (taken < this.#inbox.length) {
      const item = this.#inbox[taken];
      assert(item !== undefined, "the inbox has no holes");
      if (budget-- === 0) {
        this.#mailbox?.wake();
        break;
      }
      try {
        if (!this.#prepared(state, item)) break;
        taken++;
        if (item.timer !== undefined && item.overtaken === true) this.#host.timerDone(item.timer);
        else state = this.#step(state, item);
      } catch (error) {
        this.#inbox.splice(0, taken);
        this.#crashed(item, error);
        return state;
      }
      if (this.#stopped) return state;
    }
    this.#inbox.splice(0, taken);
    this.#restful = this.#behavior.idle(state);
    this.#trim();
    return state;
  }

  /** Whether everything is loaded that this message needs; otherwise it is being loaded and the actor waits. */
  #prepared(state: State, item: Item): boolean {
    if (item.dead === true) return true;
    const missing: Need[] = [];
    const p = item.command?.p;
    if (p !== undefined && !this.#producers.has(p))
      missing.push({ kept: `${producerPrefix}${this.key}/${p}` });
    const needs = item.message === undefined ? [] : this.#behavior.needs(state, item.message);
    for (const need of needs) {
      if ("kept" in need ? !this.#kept.has(need.kept) : !this.#members.has(need.member)) missing.push(need);
    }
    if (missing.length === 0) return true;
    this.#loading = true;
    void this.#loadNeeds(missing);
    return false;
  }

  async #loadNeeds(missing: readonly Need[]): Promise<void> {
    const found = await this.#host.loadNeeds(this.key, missing);
    if (this.#stopped || found === undefined) return;
    try {
      missing.forEach((need, i) => this.#loaded(need, found[i]));
    } catch (error) {
      const [item] = this.#inbox;
      assert(item !== undefined, "a message waits for what it needs");
      return this.#crashed(item, error);
    }
    this.#loading = false;
    this.#mailbox?.wake();
  }

  #loaded(need: Need, value: string | boolean | undefined): void {
    const text = typeof value === "string" ? value : undefined;
    if ("member" in need) this.#members.set(need.member, value === true, 0);
    else if (need.kept.startsWith(producerPrefix)) {
      const p = need.kept.slice(need.kept.lastIndexOf("/") + 1);
      this.#producers.set(p, { key: need.kept, row: new Producer(text) }, 0);
    } else this.#kept.set(need.kept, text, 0);
  }

  #producer(p: string): KnownProducer {
    const producer = this.#producers.get(p);
    assert(producer !== undefined, "a producer's row is loaded before its command is handled");
    return producer;
  }

  #step(state: State, item: Item): State {
    const { command } = item;
    if (item.dead === true) {
      this.#bury(item);
      return state;
    }
    if (command !== undefined && !this.#isFresh(command, item.respond)) return state;
    if (item.message === undefined) {
      this.#perform(item, [{ do: "answer", answer: { kind: "nack", code: item.refuse ?? "INVALID" } }]);
      return state;
    }
    const step = this.#behavior.receive(state, item.message, this.#context);
    this.#perform(item, step.effects);
    return step.state;
  }

  /** A command that is not new has its answer, which is all that waits here: its message is not needed any more. */
  #isFresh(command: CommandNumber, respond: Item["respond"]): boolean {
    const verdict = this.#producer(command.p).row.judge(command);
    if (verdict.kind === "fresh") return true;
    if (respond === undefined) return false;
    if (verdict.kind === "refused") {
      const { code, last } = verdict;
      this.#output(() => respond({ kind: "answer", answer: { kind: "nack", code }, last }), true);
    } else if (!this.#outlet.takeOver(command, respond))
      this.#output(this.#outlet.answer(command, verdict.answer, respond), true);
    return false;
  }

  /** What is left of a dead letter: its timer is removed, its debt confirmed, its asker told; its number stays unused. */
  #bury(item: Item): void {
    const writes: Write[] = item.timer === undefined ? [] : [{ op: "disarm", id: item.timer }];
    const answer = { kind: "nack", code: "INTERNAL" } as const;
    const { respond } = item;
    this.#finish(item, writes, [() => respond?.({ kind: "answer", answer })]);
  }

  #perform(item: Item, effects: readonly Effect[]): void {
    const writes: Write[] = [];
    const outputs: Output[] = [];
    let producer: KnownProducer | undefined;
    let answered = item.command === undefined;
    if (item.timer !== undefined) writes.push({ op: "disarm", id: item.timer });
    for (const effect of effects) {
      if (effect.do === "answer") {
        assert(!answered, "a command is answered once");
        answered = true;
        producer = this.#answer(item, effect.answer, writes, outputs);
      } else this.#host.perform(this, item, effect, writes, outputs);
    }
    assert(answered, "a command is answered");
    const number = this.#finish(item, writes, outputs);
    if (producer !== undefined && item.command !== undefined)
      this.#producers.set(item.command.p, producer, number);
    for (const effect of effects) {
      if (effect.do === "keep") this.#kept.set(effect.key, effect.value, number);
      else if (effect.do === "extend")
        this.#kept.set(effect.key, (this.#kept.get(effect.key) ?? "") + effect.value, number);
      else if (effect.do === "join") this.#members.set(effect.member, true, number);
      else if (effect.do === "leave") this.#members.set(effect.member, false, number);
    }
  }

  /** Nothing can fail from here on: the writes are in the next commit, the outputs follow it. */
  #finish(item: Item, writes: readonly Write[], outputs: readonly Output[]): number {
    for (const write of writes)
      if (write.op === "arm" || write.op === "disarm") this.#holdTimer(item, write.id);
    if (writes.length > 0) this.#lastWrite = this.#host.write(this, writes);
    let asked = item.respond !== undefined;
    for (const output of outputs) {
      this.#output(output, asked);
      asked = false;
    }
    for (const write of writes)
      if (write.op === "arm" || write.op === "disarm") this.#output(() => this.#host.timerDone(write.id));
    const { timer, confirm } = item;
    if (timer !== undefined) this.#output(() => this.#host.timerDone(timer));
    if (confirm !== undefined) this.#output(confirm);
    return this.#lastWrite;
  }

  /** A poll may bring a word of this timer that the commit overtakes. */
  #holdTimer(item: Item, id: string): void {
    this.#host.timerHeld(id);
    for (const waiting of this.#inbox) if (waiting.timer === id && waiting !== item) waiting.overtaken = true;
  }

  #answer(item: Item, answer: CommandAnswer, writes: Write[], outputs: Output[]): KnownProducer | undefined {
    const { command } = item;
    if (command === undefined) return undefined;
    // The message itself is not needed any more while its answer waits for the commit.
    const { respond } = item;
    if (answer.kind === "nack" && answer.code === "BUSY") {
      if (respond !== undefined) outputs.push(() => respond({ kind: "answer", answer }));
      return undefined;
    }
    if (respond !== undefined) outputs.push(this.#outlet.answer(command, answer, respond));
    const producer = this.#producer(command.p);
    const { key, row } = producer;
    const change = row.remember(command, answer, this.#host.now());
    if (change.op === "extend") writes.push({ op: "extend", key, value: change.value });
    else writes.push({ op: "keep", key, value: change.value, ttlMs: change.ttlMs });
    return producer;
  }

  /** Lets an output out now, or holds it behind the commits before it, and while the node is frozen. */
  #output(run: Output, asked = false): void {
    if (this.#outlet.put(this.#lastWrite, run, asked)) this.#host.holding(this);
  }

  /** The message is tried again by a new activation, and given up in the end. */
  #crashed(item: Item, error: unknown): void {
    const crashes = (item.crashes ?? 0) + 1;
    this.#host.log.error("an actor crashed", {
      actor: this.key,
      message: item.message?.kind,
      crashes,
      error: messageOf(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
    const index = this.#inbox.indexOf(item);
    if (index >= 0) this.#inbox.splice(index, 1);
    const rest = this.#retire();
    const dead = crashes >= maxCrashes;
    if (dead) this.#host.deadLetter(this.key, item);
    this.#host.restart(this, [{ ...item, crashes, ...(dead ? { dead } : {}) }, ...rest], this.#lastWrite);
  }

  #trim(): void {
    const committed = this.#host.committed();
    this.#producers.trim(committed);
    this.#kept.trim(committed);
    this.#members.trim(committed);
  }
}

const producerPrefix = "p/";
