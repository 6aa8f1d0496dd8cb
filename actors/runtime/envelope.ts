/**
 * What one node says to another. A shard envelope goes to whoever owns the shard and is bounced by anybody else; a node
 * envelope goes to one run of one node and means nothing to another.
 */
import type { CommandNumber } from "../producers.ts";
import type { Described, Message, Principal } from "../messages.ts";
import type { NodeRun } from "../../placement/hosting.ts";
import type { Code } from "../../protocol/codes.ts";
import type { LogEvent } from "../../protocol/events.ts";
import type { ServerFrame } from "../../protocol/frames.ts";
import type { CommandAnswer } from "../behavior.ts";
import type { WireEvent } from "../encoded-event.ts";

/** A message to an actor. */
export interface ActorEnvelope {
  readonly k: "actor";
  readonly shard: number;
  /** The encoded address. */
  readonly to: string;
  readonly message: Message;
  /** A numbered command's place. */
  readonly command?: CommandNumber;
  /** A command's frame as its client wrote it, which is sent on as it is; the wire has it in place of `message.frame`. */
  readonly encodedFrame?: string;
  /** The obligation that this tell discharges: confirmed to its shard's owner after the commit. */
  readonly debt?: { readonly shard: number; readonly id: string };
}

/** A numbered command that the edge refused for good: its number is used up all the same. */
export interface RefusalEnvelope {
  readonly k: "refusal";
  readonly shard: number;
  readonly to: string;
  readonly command: CommandNumber;
  readonly code: Code;
}

/** One log to follow. */
export interface FollowItem {
  readonly to: string;
  /** Asks for that person's read cursor as well. */
  readonly who?: string;
  /** Asks for the first events after this number as well: the device that follows holds those before. */
  readonly after?: number;
}

/** One device wants to be the attached one. */
export interface AttachEnvelope {
  readonly k: "attach";
  readonly shard: number;
  /** The encoded session address. */
  readonly session: string;
  readonly device: string;
  readonly attempt: number;
  /** The connection's id on the sending node. */
  readonly conn: number;
  readonly by: Principal;
}

/** Envelopes for the owner of a shard. */
export type ShardEnvelope =
  | ActorEnvelope
  | RefusalEnvelope
  | AttachEnvelope
  | {
      readonly k: "detach";
      readonly shard: number;
      readonly session: string;
      readonly device: string;
      readonly conn: number;
    }
  | { readonly k: "follow"; readonly shard: number; readonly items: readonly FollowItem[] }
  | { readonly k: "unfollow"; readonly shard: number; readonly to: readonly string[] }
  | { readonly k: "settled"; readonly shard: number; readonly id: string }
  /** Something ephemeral for everybody who follows the log. */
  | {
      readonly k: "cast";
      readonly shard: number;
      readonly to: string;
      readonly frame: ServerFrame;
      readonly audience: "all" | "staff";
    };

/** The present end of a log, and a person's read cursor if it was asked for. */
export interface FollowedTail {
  readonly to: string;
  readonly who?: string;
  readonly tail: LogEvent | undefined;
  /** The kept record of how far `who` has read; conversation-reads.ts knows its form. */
  readonly readRecord?: string;
  /** Events after the number that was asked for, read once the follow stood. */
  readonly page?: FollowedPage;
}

/** The first events of a log after a number, and the log's last number. */
export interface FollowedPage {
  readonly after: number;
  readonly events: readonly WireEvent[];
  readonly end: number;
}

/** What an ask can be answered with. */
export type AskReply =
  /** The answer to a numbered command; `last` goes with GAP. */
  | { readonly kind: "answer"; readonly answer: CommandAnswer; readonly last?: number }
  /** The answer of a behaviour to an ask. */
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "attached"; readonly gen: number; readonly description: unknown }
  /** A later attempt of this device is attached already. */
  | { readonly kind: "superseded" }
  | { readonly kind: "tails"; readonly tails: readonly FollowedTail[] }
  /** The receiver's queue is full. */
  | { readonly kind: "busy" };

/** Envelopes for one run of one node. */
export type NodeEnvelope =
  | { readonly k: "ask"; readonly ask: number; readonly envelope: ShardEnvelope }
  | { readonly k: "shard"; readonly envelope: ShardEnvelope }
  | { readonly k: "reply"; readonly ask: number; readonly reply: AskReply }
  /** Not the owner, or not any more (`owner` absent: ask again when the route has changed). */
  | {
      readonly k: "bounce";
      readonly ask: number;
      readonly shard: number;
      readonly owner?: NodeRun;
      readonly epoch?: number;
    }
  /** Committed events of followed logs, in log order. */
  | {
      readonly k: "events";
      readonly shard: number;
      readonly epoch: number;
      readonly items: readonly { readonly to: string; readonly event: WireEvent }[];
    }
  | {
      readonly k: "casted";
      readonly to: string;
      readonly frame: ServerFrame;
      readonly audience: "all" | "staff";
    }
  /** To one connection: a frame, a conversation to follow or to leave, or the end since another took its place. */
  | { readonly k: "push"; readonly conn: number; readonly frame: ServerFrame }
  | { readonly k: "enter"; readonly conn: number; readonly conv: string; readonly described?: Described }
  | { readonly k: "exit"; readonly conn: number; readonly conv: string }
  | { readonly k: "replace"; readonly conn: number }
  /** Something that you sent me was lost for good: follow and attach again what you have at me. */
  | { readonly k: "renew" };
