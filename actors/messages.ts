/**
 * Every message between actors. They cross nodes as JSON; those that are told (not hinted) can arrive more than once
 * and late, and are idempotent at the receiver by the ids that they carry.
 */
import type { CommandFrame } from "../protocol/frames.ts";
import type { ConversationId, DeskId, Role, TenantId, UserId } from "../protocol/ids.ts";
import type { ServerFrame } from "../protocol/frames.ts";

/** Who speaks, as the token said; checked at the edge. */
export interface Principal {
  readonly tenant: TenantId;
  readonly role: Role;
  readonly user: UserId;
}

/** A numbered command from a client, new in its producer's numbering (the runtime has dealt with repeats and gaps). */
export interface CommandMessage {
  readonly kind: "command";
  readonly frame: CommandFrame;
  readonly by: Principal;
}

/** To a conversation. */
export type ConversationMessage =
  /** From the visitor's session: the conversation exists from here on. */
  | {
      readonly kind: "start";
      readonly channel: string;
      readonly desk: DeskId;
      readonly robot?: string;
      readonly meta: unknown;
      readonly visitor: UserId;
      /** The `open` that began it, by producer and number: its client may have to look for it in the log. */
      readonly p?: string;
      readonly n?: number;
    }
  /** From the robot: what it says to the message with number `question`; without text it does not know. */
  | { readonly kind: "answered"; readonly question: number; readonly text?: string }
  /** From an agent's session: a slot is reserved under this assignment; `ticket` as in its offer. */
  | {
      readonly kind: "assign";
      readonly assignment: string;
      readonly ticket: number;
      readonly agent: UserId;
      readonly desk: DeskId;
      readonly takeover: boolean;
    }
  /** From an agent's session: the agent is offline, the chat goes back to its desk. */
  | { readonly kind: "return"; readonly assignment: string; readonly agent: UserId }
  /** From a desk: its queue is full, the wait with this ticket was not taken in; it is asked again later. */
  | { readonly kind: "full"; readonly ticket: number }
  /** From the edge: this person has read up to `seq`, where `count` content events stood. */
  | { readonly kind: "read"; readonly by: Principal; readonly seq: number; readonly count: number };

/** To a session. */
export type SessionMessage =
  /** From the runtime: the number of attached devices changed (see Context.devices). */
  | { readonly kind: "devices" }
  /**
   * An ask from the edge at attach: replied with SessionDescription. With `history` it describes all of a visitor's
   * conversations, newest first, for the `list` of staff.
   */
  | { readonly kind: "describe"; readonly history?: boolean }
  /** From a visitor's conversation: it has ended; its channel is free again. */
  | { readonly kind: "closed"; readonly conv: ConversationId }
  /**
   * From a desk (or, for a takeover, a conversation): reserve a slot if capacity is left. `ticket` is that of the wait
   * which the offer ends (for a takeover, the conversation's count of takeovers): an assignment of another is refused.
   */
  | {
      readonly kind: "offer";
      readonly assignment: string;
      readonly ticket: number;
      readonly conv: ConversationId;
      readonly desk: DeskId;
      readonly takeover: boolean;
    }
  /** From the conversation: the assignment stands in its log. */
  | { readonly kind: "accepted"; readonly assignment: string; readonly conv: ConversationId }
  /** From the conversation: the assignment was refused, or is over; only this frees the slot. */
  | { readonly kind: "freed"; readonly assignment: string; readonly conv: ConversationId }
  /** From a group: this person is a member, or is not any more. `change` is the group's count of both; a lower one is stale. */
  | {
      readonly kind: "joined";
      readonly conv: ConversationId;
      readonly title: string;
      readonly change: number;
    }
  | { readonly kind: "left"; readonly conv: ConversationId; readonly change: number }
  /** Shows a frame on the attached devices. */
  | { readonly kind: "show"; readonly frame: ServerFrame };

/** To a desk. */
export type DeskMessage =
  /** From a conversation: it waits. `ticket` is the conversation's own rising count of its waits; a lower one is stale. */
  | {
      readonly kind: "enqueue";
      readonly conv: ConversationId;
      readonly ticket: number;
      readonly priority: number;
      readonly returned: boolean;
    }
  /** From a conversation: it waits no longer (assigned, closed, or gone to another desk). */
  | {
      readonly kind: "dequeue";
      readonly conv: ConversationId;
      readonly ticket: number;
      readonly agent?: UserId;
    }
  /** From an agent's session: free slots now; a lower version is stale. */
  | { readonly kind: "capacity"; readonly agent: UserId; readonly free: number; readonly version: number }
  /** From an agent's session: no slot for this offer, at this version of its capacity. */
  | {
      readonly kind: "declined";
      readonly assignment: string;
      readonly agent: UserId;
      readonly conv: ConversationId;
      readonly version: number;
    }
  /** From a conversation: this assignment was refused by it; the wait with this ticket is over for good. */
  | {
      readonly kind: "void";
      readonly assignment: string;
      readonly conv: ConversationId;
      readonly ticket: number;
    };

/** To a robot. */
export type RobotMessage = {
  readonly kind: "ask";
  readonly robot: string;
  readonly question: number;
  readonly text: string;
};

/** Any message. `timer`: a durable timer of this actor came due. */
export type Message =
  | CommandMessage
  | ConversationMessage
  | SessionMessage
  | DeskMessage
  | RobotMessage
  | { readonly kind: "timer"; readonly id: string };

/** A conversation as a session knows it. */
export interface Described {
  readonly conv: ConversationId;
  readonly kind: "support" | "group";
  readonly open: boolean;
  readonly channel?: string;
  readonly title?: string;
  readonly openedAt: number;
}

/** What a session answers to `describe`: conversations that its devices follow, and an agent's state. */
export interface SessionDescription {
  readonly follows: readonly Described[];
  readonly status?: {
    readonly status: "available" | "away";
    readonly load: number;
    readonly capacity: number;
  };
}
