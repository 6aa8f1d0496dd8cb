/**
 * What an actor is, before anything hosts it: a pure function from (state, message) to (state, effects). The runtime
 * loads the state, performs the effects in order, commits what is to be kept, and lets nothing out before the commit.
 * A behaviour never waits, never throws on bad input, reads no clock and draws no chance but what its context gives.
 */
import type { Address } from "./address.ts";
import type { Directory } from "./directory.ts";
import type { Described, Message } from "./messages.ts";
import type { LogEvent } from "../protocol/events.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import type { Code } from "../protocol/codes.ts";

/** What a behaviour may know besides its state and the message. */
export interface Context {
  readonly self: Address;
  /** The shard's epoch: stands in every event. */
  readonly epoch: number;
  /** Wall time in milliseconds for people to read; never the ground of a decision. */
  readonly ts: number;
  /** A fresh unique id of [A-Za-z0-9_-]. */
  newId(): string;
  readonly directory: Directory;
  /** Attached devices of this session; 0 for other kinds. */
  readonly devices: number;
  /** A record that `needs` named, as it was kept last; undefined if there is none. */
  kept(key: string): string | undefined;
  /** Whether a member that `needs` named is in this entity's set. */
  isMember(member: string): boolean;
}

/** What the runtime must have loaded before a message is handled: a kept record, or a membership. */
export type Need = { readonly kept: string } | { readonly member: string };

/** The answer to a numbered command; it is remembered under the command's number, unless the code is BUSY. */
export type CommandAnswer =
  | {
      readonly kind: "ack";
      /** The conversation that `open` made or found. */
      readonly conv?: string;
      /** The appended event's number, epoch, previous number for this reader and time; zeros when there is none. */
      readonly seq: number;
      readonly epoch: number;
      readonly prev: number;
      readonly ts: number;
    }
  | { readonly kind: "nack"; readonly code: Code };

/** Everything an actor can cause. Strings that are kept are JSON made by the behaviour. */
export type Effect =
  /** Appends to the own log; after the commit every follower gets it. `seq` continues the state's numbering. */
  | { readonly do: "append"; readonly event: LogEvent }
  /** One field of the own record: all fields come back in `restore`. */
  | { readonly do: "set"; readonly field: string; readonly value: string }
  | { readonly do: "unset"; readonly field: string }
  /** An expiring record beside the own record, read through `needs`. */
  | { readonly do: "keep"; readonly key: string; readonly value: string; readonly ttlMs: number }
  /** Adds to the end of such a record, which expires when it would have. */
  | { readonly do: "extend"; readonly key: string; readonly value: string }
  /** Membership in the own set. */
  | { readonly do: "join"; readonly member: string }
  | { readonly do: "leave"; readonly member: string }
  /** The answer to the command being handled: exactly one per command. */
  | { readonly do: "answer"; readonly answer: CommandAnswer }
  /** The answer to the ask being handled. */
  | { readonly do: "reply"; readonly value: unknown }
  /** A message that is repeated until its receiver has committed what came of it; the receiver must be idempotent. */
  | { readonly do: "tell"; readonly to: Address; readonly message: Message }
  /** A message that may be lost. */
  | { readonly do: "hint"; readonly to: Address; readonly message: Message }
  /** A frame to every attached device of this session; may be lost. */
  | { readonly do: "push"; readonly frame: ServerFrame }
  /** A frame to everyone who follows this conversation; may be lost. */
  | { readonly do: "broadcast"; readonly frame: ServerFrame; readonly to: "all" | "staff" }
  /** Makes the attached devices of this session follow a conversation, or stop following it. */
  | { readonly do: "follow"; readonly conv: string; readonly described?: Described }
  | { readonly do: "unfollow"; readonly conv: string }
  /** A durable timer of this actor; fires as `{kind: "timer", id}`; arming again replaces it. Removed when it fired. */
  | { readonly do: "arm"; readonly id: string; readonly delayMs: number }
  | { readonly do: "disarm"; readonly id: string };

/** The outcome of one message. */
export interface Step<State> {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** A kind of actor. */
export interface Behavior<State> {
  /** State from the entity's stored fields; no fields: an actor that never was. */
  restore(self: Address, fields: Readonly<Record<string, string>>): State;
  /** Folds one event of the own log, in order, after `restore`; the same function that `receive` uses. */
  apply(state: State, event: LogEvent): State;
  /** The last number of the own log that the state contains; the runtime reads and applies what comes after it. */
  position(state: State): number;
  /** What must be loaded before `receive` sees this message. */
  needs(state: State, message: Message): readonly Need[];
  /** Handles one message. */
  receive(state: State, message: Message, context: Context): Step<State>;
  /** Whether the actor may be put to sleep now; what it must not forget is stored already. */
  idle(state: State): boolean;
}
