/**
 * A world without a runtime: hosts behaviours, holds what they store, and lets a test decide what is delivered when,
 * how often, and what is lost with a crash. It keeps the contract of actors/behavior.ts and asserts that behaviours do:
 * effects stand or fall together, one answer per command, nothing is read that `needs` did not name.
 */
import { assert, present } from "../../base/assert.ts";
import type { LogEvent } from "../../protocol/events.ts";
import type { CommandFrame } from "../../protocol/frames.ts";
import type { ServerFrame } from "../../protocol/frames.ts";
import { decodeAddress, encodeAddress, type Address } from "../../actors/address.ts";
import type { Behavior, CommandAnswer, Context, Effect } from "../../actors/behavior.ts";
import { behaviors } from "../../actors/behaviors.ts";
import type { Directory } from "../../actors/directory.ts";
import type { Message, Principal } from "../../actors/messages.ts";
import type { Knowledge } from "../../actors/robot.ts";

/** A tell (or hint) on its way. */
export interface InFlight {
  readonly to: Address;
  readonly message: Message;
}

/** What one actor has stored, and its live state. */
export interface Hosted {
  readonly address: Address;
  readonly fields: Map<string, string>;
  readonly log: LogEvent[];
  readonly kept: Map<string, string>;
  readonly members: Set<string>;
  readonly timers: Map<string, number>;
  readonly pushed: ServerFrame[];
  readonly broadcasts: { readonly frame: ServerFrame; readonly to: "all" | "staff" }[];
  readonly follows: Set<string>;
  live: unknown;
}

/** How a step ends: `commit`, or `crash` before the commit: nothing of it happened. */
export type Fate = "commit" | "crash";

/** Actors, what they stored, and messages on their way. */
export class World {
  readonly actors = new Map<string, Hosted>();
  /** Tells that are not confirmed. */
  tells: InFlight[] = [];
  /** Hints that were given, never delivered by themselves. */
  hints: InFlight[] = [];
  readonly devices = new Map<string, number>();
  ts = 1_000;
  epoch = 1;
  readonly #behaviors;
  readonly #directory: Directory;
  #ids = 0;

  constructor(directory: Directory, knowledge: Knowledge = { answer: () => undefined }) {
    this.#directory = directory;
    this.#behaviors = behaviors(() => knowledge);
  }

  /** The actor, made when it is first spoken of. */
  actor(address: Address): Hosted {
    const key = encodeAddress(address);
    const known = this.actors.get(key);
    if (known !== undefined) return known;
    const hosted: Hosted = {
      address,
      fields: new Map(),
      log: [],
      kept: new Map(),
      members: new Set(),
      timers: new Map(),
      pushed: [],
      broadcasts: [],
      follows: new Set(),
      live: undefined,
    };
    hosted.live = this.reload(hosted);
    this.actors.set(key, hosted);
    return hosted;
  }

  /** State as another node would load it: fields, then the log's tail. */
  reload(hosted: Hosted): unknown {
    const behavior = this.#behaviorOf(hosted.address);
    const state = behavior.restore(hosted.address, Object.fromEntries(hosted.fields));
    return hosted.log
      .slice(behavior.position(state))
      .reduce((folded, event) => behavior.apply(folded, event), state);
  }

  /** Handles one message; with a crash nothing of it remains but what was there before. */
  step(to: Address, message: Message, fate: Fate = "commit"): readonly Effect[] {
    const hosted = this.actor(to);
    const behavior = this.#behaviorOf(to);
    const { state, effects } = behavior.receive(hosted.live, message, this.#contextOf(hosted, message));
    const answers = effects.filter((effect) => effect.do === "answer").length;
    assert(answers === (message.kind === "command" ? 1 : 0), `${answers} answers to ${message.kind}`);
    if (fate === "crash") {
      hosted.live = this.reload(hosted);
      return [];
    }
    hosted.live = state;
    if (message.kind === "timer") hosted.timers.delete(message.id);
    for (const effect of effects) this.#perform(hosted, effect);
    return effects;
  }

  /** A command's answer. */
  command(to: Address, by: Principal, frame: Record<string, unknown>): CommandAnswer {
    const numbered = { p: "p", n: ++this.#ids, after: 0, ...frame } as unknown as CommandFrame;
    const effects = this.step(to, { kind: "command", frame: numbered, by });
    const answer = effects.find((effect) => effect.do === "answer");
    assert(answer?.do === "answer", "every command is answered");
    return answer.answer;
  }

  /** The answer to an ask. */
  ask(to: Address, message: Message): unknown {
    const reply = this.step(to, message).find((effect) => effect.do === "reply");
    assert(reply?.do === "reply", "every ask is answered");
    return reply.value;
  }

  /** Delivers one tell; `again` leaves it to be repeated, a crash loses the step and leaves the tell too. */
  deliver(at: number, again = false, fate: Fate = "commit"): void {
    const tell = this.tells[at];
    if (tell === undefined) return;
    if (!again && fate === "commit") this.tells = this.tells.toSpliced(at, 1);
    this.step(tell.to, tell.message, fate);
  }

  /** Delivers in order until nothing is on its way. */
  settle(bound = 10_000): void {
    for (let left = bound; this.tells.length > 0; left--) {
      assert(left > 0, `messages go round: ${JSON.stringify(this.tells.slice(0, 4))}`);
      this.deliver(0);
    }
  }

  /** Fires a timer now. */
  fire(to: Address, id: string, fate: Fate = "commit"): void {
    this.step(to, { kind: "timer", id }, fate);
  }

  /** Sets the devices of a session and tells it. */
  attach(session: Address, devices: number): void {
    this.devices.set(encodeAddress(session), devices);
    this.step(session, { kind: "devices" });
  }

  /** All actors of a kind, in the order of their making. */
  kind(kind: Address["kind"]): readonly Hosted[] {
    return [...this.actors.values()].filter(({ address }) => address.kind === kind);
  }

  /** All timers that could fire. */
  timers(): readonly { readonly to: Address; readonly id: string }[] {
    return [...this.actors.values()].flatMap(({ address, timers }) =>
      [...timers.keys()].map((id) => ({ to: address, id })),
    );
  }

  #behaviorOf(address: Address): Behavior<unknown> {
    return this.#behaviors[address.kind];
  }

  #contextOf(hosted: Hosted, message: Message): Context {
    const needs = this.#behaviorOf(hosted.address).needs(hosted.live, message);
    return {
      self: hosted.address,
      epoch: this.epoch,
      ts: this.ts,
      newId: () => `id${++this.#ids}`,
      directory: this.#directory,
      devices: this.devices.get(encodeAddress(hosted.address)) ?? 0,
      kept: (key) => {
        assert(
          needs.some((need) => "kept" in need && need.kept === key),
          `${key} was not needed`,
        );
        return hosted.kept.get(key);
      },
      isMember: (member) =>
        needs.some((need) => "member" in need && need.member === member) && hosted.members.has(member),
    };
  }

  #perform(hosted: Hosted, effect: Effect): void {
    switch (effect.do) {
      case "append":
        assert(effect.event.seq === hosted.log.length + 1, "numbers are dense");
        hosted.log.push(effect.event);
        return;
      case "set":
        hosted.fields.set(effect.field, effect.value);
        return;
      case "unset":
        hosted.fields.delete(effect.field);
        return;
      case "keep":
        hosted.kept.set(effect.key, effect.value);
        return;
      case "extend":
        assert(hosted.kept.has(effect.key), "what is extended is kept");
        hosted.kept.set(effect.key, (hosted.kept.get(effect.key) ?? "") + effect.value);
        return;
      case "join":
        hosted.members.add(effect.member);
        return;
      case "leave":
        hosted.members.delete(effect.member);
        return;
      case "tell":
        this.tells.push(overTheWire(effect));
        return;
      case "hint":
        this.hints.push(overTheWire(effect));
        return;
      case "push":
        hosted.pushed.push(effect.frame);
        return;
      case "broadcast":
        hosted.broadcasts.push({ frame: effect.frame, to: effect.to });
        return;
      case "follow":
        hosted.follows.add(effect.conv);
        return;
      case "unfollow":
        hosted.follows.delete(effect.conv);
        return;
      case "arm":
        hosted.timers.set(effect.id, effect.delayMs);
        return;
      case "disarm":
        hosted.timers.delete(effect.id);
        return;
      case "answer":
      case "reply":
        return;
    }
  }
}

function overTheWire({ to, message }: InFlight): InFlight {
  return {
    to: present(decodeAddress(encodeAddress(to)), "an address survives the wire"),
    message: JSON.parse(JSON.stringify(message)) as Message,
  };
}
