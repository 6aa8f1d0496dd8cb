/**
 * The frames of `usher.v1.json`: one JSON object with a `t` per WebSocket text message. Client frames are schemas,
 * because they come from outside and are checked at the edge; server frames are types. Unknown `t` and unknown fields
 * are ignored on both sides, so that versions can meet.
 */
import { Type, type Static } from "typebox";
import { CONVERSATION_PATTERN, ID_PATTERN } from "./ids.ts";
import { limits } from "./limits.ts";
import type { Code } from "./codes.ts";
import type { EventView } from "./events.ts";

const id = Type.String({ pattern: ID_PATTERN });
const conv = Type.String({ pattern: CONVERSATION_PATTERN });
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const requestId = Type.Union([Type.String({ minLength: 1, maxLength: 64 }), Type.Integer()]);
const text = Type.String({ maxLength: limits.maxTextUnits });
const short = Type.String({ minLength: 1, maxLength: limits.maxNameUnits });

/** (sequence number, epoch of that event): everything up to it is held. [0, 0] holds nothing. */
const cursorSchema = Type.Tuple([count, count]);
/** (sequence number, epoch of that event): everything up to it is held. [0, 0] holds nothing. */
export type Cursor = readonly [seq: number, epoch: number];

/** What people and robots say. */
const bodySchema = Type.Union([
  Type.Object({
    kind: Type.Literal("text"),
    text: Type.String({ minLength: 1, maxLength: limits.maxTextUnits }),
  }),
  Type.Object({
    kind: Type.Literal("attachment"),
    url: Type.String({ minLength: 1, maxLength: limits.maxUrlUnits }),
    name: short,
    mime: Type.String({ minLength: 3, maxLength: limits.maxMimeUnits }),
    bytes: count,
  }),
  Type.Object({
    kind: Type.Literal("card"),
    title: short,
    text: Type.Optional(text),
    url: Type.Optional(Type.String({ maxLength: limits.maxUrlUnits })),
  }),
  Type.Object({
    kind: Type.Literal("quick"),
    text,
    options: Type.Array(short, { minItems: 1, maxItems: limits.maxQuickOptions }),
  }),
]);

/** `p`, `n`, `after`: producer, this command's number, and the last number that was not given up. */
const numbered = { p: id, n: Type.Integer({ minimum: 1, maximum: 2 ** 40 }), after: count };
const onConversation = { conv, ...numbered };

/** The numbered, state-changing commands; each is answered by one `ack` or `nack`. */
export const commandSchemas = {
  /** Visitor: opens the one support conversation of a channel, or returns the one that is open. */
  open: Type.Object({
    t: Type.Literal("open"),
    ...numbered,
    channel: id,
    desk: Type.Optional(id),
    meta: Type.Optional(Type.Unknown()),
  }),
  /** Staff: creates a group of staff; the client invents `conv` (`g.` and 96 random bits), so that a repeat is harmless. */
  create: Type.Object({
    t: Type.Literal("create"),
    ...onConversation,
    title: short,
    members: Type.Array(id, { maxItems: limits.maxInvited }),
  }),
  /** Staff: whether chats may be offered. */
  status: Type.Object({
    t: Type.Literal("status"),
    ...numbered,
    status: Type.Union([Type.Literal("available"), Type.Literal("away")]),
  }),
  /** Anyone in the conversation: says something. */
  send: Type.Object({ t: Type.Literal("send"), ...onConversation, body: bodySchema }),
  /** Staff: says something that only staff sees. */
  note: Type.Object({ t: Type.Literal("note"), ...onConversation, body: bodySchema }),
  /** Takes back an own message. */
  recall: Type.Object({ t: Type.Literal("recall"), ...onConversation, seq: Type.Integer({ minimum: 1 }) }),
  /** Visitor: asks for a person. */
  human: Type.Object({ t: Type.Literal("human"), ...onConversation, desk: Type.Optional(id) }),
  /** Visitor: rates a closed conversation, once. */
  rate: Type.Object({
    t: Type.Literal("rate"),
    ...onConversation,
    stars: Type.Integer({ minimum: 1, maximum: 5 }),
    comment: Type.Optional(Type.String({ maxLength: limits.maxCommentUnits })),
  }),
  /** Visitor or staff: ends a support conversation. */
  close: Type.Object({ t: Type.Literal("close"), ...onConversation }),
  /** Staff: hands a support conversation to another desk, or back to its own. */
  transfer: Type.Object({ t: Type.Literal("transfer"), ...onConversation, desk: Type.Optional(id) }),
  /** Staff: takes a waiting or assigned support conversation over. */
  takeover: Type.Object({ t: Type.Literal("takeover"), ...onConversation }),
  /** Staff: enters a group. */
  join: Type.Object({ t: Type.Literal("join"), ...onConversation }),
  /** Leaves a group. */
  leave: Type.Object({ t: Type.Literal("leave"), ...onConversation }),
} as const;

/** The names of the numbered commands. */
export type Verb = keyof typeof commandSchemas;
/** A numbered command as it comes from a client. */
export type CommandFrame = { [V in Verb]: Static<(typeof commandSchemas)[V]> }[Verb];

/** The frames that are not numbered commands. */
export const requestSchemas = {
  auth: Type.Object({
    t: Type.Literal("auth"),
    token: Type.String({ minLength: 1, maxLength: limits.maxTokenUnits }),
    device: id,
    attempt: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    cursors: Type.Optional(Type.Record(Type.String(), cursorSchema)),
  }),
  reauth: Type.Object({
    t: Type.Literal("reauth"),
    id: requestId,
    token: Type.String({ minLength: 1, maxLength: limits.maxTokenUnits }),
  }),
  /** Starts deliveries of a conversation after the cursor; without one, from its present end. */
  follow: Type.Object({
    t: Type.Literal("follow"),
    id: requestId,
    conv,
    cursor: Type.Optional(cursorSchema),
  }),
  unfollow: Type.Object({ t: Type.Literal("unfollow"), conv }),
  /** Reads a page of a log: after a number going up, or before one going down. */
  sync: Type.Object({
    t: Type.Literal("sync"),
    id: requestId,
    conv,
    after: Type.Optional(count),
    before: Type.Optional(count),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.maxPageEvents })),
  }),
  /** Staff: a visitor's conversations, newest first. */
  list: Type.Object({ t: Type.Literal("list"), id: requestId, visitor: id }),
  dack: Type.Object({ t: Type.Literal("dack"), acks: Type.Record(Type.String(), count) }),
  read: Type.Object({ t: Type.Literal("read"), conv, seq: count }),
  typing: Type.Object({ t: Type.Literal("typing"), conv }),
  ping: Type.Object({ t: Type.Literal("ping"), acks: Type.Optional(Type.Record(Type.String(), count)) }),
  pong: Type.Object({ t: Type.Literal("pong"), acks: Type.Optional(Type.Record(Type.String(), count)) }),
} as const;

/** A frame from a client that is not a numbered command. */
export type RequestFrame = {
  [R in keyof typeof requestSchemas]: Static<(typeof requestSchemas)[R]>;
}[keyof typeof requestSchemas];
/** Any frame from a client. */
export type ClientFrame = CommandFrame | RequestFrame;

/** A conversation as `welcome`, `conv` and `list` describe it. */
export interface ConversationSummary {
  readonly conv: string;
  readonly kind: "support" | "group";
  readonly open: boolean;
  readonly channel?: string;
  readonly title?: string;
  readonly visitor?: string;
  /** Wall time of its beginning, for people. */
  readonly openedAt: number;
}

/** A followed conversation in `welcome` and `conv`. */
export interface Followed extends ConversationSummary {
  /** The log's present end. */
  readonly tail: Cursor;
  /** Deliveries start after this one; a client that holds less must sync backwards if it wants older events. */
  readonly base: Cursor;
  /** The highest number this user has read, and how many countable events stand after it. */
  readonly read: number;
  readonly unread: number;
}

/** What became of a cursor given in `auth`: deliveries go on after it, start anew (reset), or ended (left). */
export type Recovery = true | "reset" | "left";

/** One event with its number as a page and `deliver` carry it. */
export interface Item {
  readonly seq: number;
  readonly epoch: number;
  /** The number before it for this reader. */
  readonly prev: number;
  readonly ev: EventView;
}

/** What makes the server BUSY: its coordination (NATS), its store, or load. */
export type BusyCause = "nats" | "store" | "load";

/** Frames from the server. */
export type ServerFrame =
  | {
      readonly t: "hello";
      readonly node: string;
      readonly hb: number;
      readonly authMs: number;
      readonly maxFrame: number;
    }
  | {
      readonly t: "welcome";
      /** The session's own name: `v.<id>` or `a.<id>`. */
      readonly session: string;
      readonly user: string;
      readonly role: string;
      readonly gen: number;
      readonly limits: { readonly maxInFlight: number; readonly commandsPerSecond: number };
      readonly convs: readonly Followed[];
      /** More pages follow as further `welcome` frames of the same `gen`. */
      readonly more: boolean;
      readonly recovered: Readonly<Record<string, Recovery>>;
      readonly url?: string;
    }
  | {
      /**
       * Of a `send`, where `prev` is the device's position, this is the delivery of its event: the client has all of it.
       * The events of all other commands are delivered as everybody else's.
       */
      readonly t: "ack";
      /** The target, or for `open` the conversation that it made or found. */
      readonly conv?: string;
      readonly p: string;
      readonly n: number;
      /** Number and epoch of the event that the command appended; 0 when it appended none. */
      readonly seq: number;
      readonly epoch: number;
      readonly prev: number;
      readonly ts: number;
    }
  | {
      readonly t: "nack";
      readonly conv?: string;
      readonly p: string;
      readonly n: number;
      readonly code: Code;
      readonly retry: string;
      readonly waitMs?: number;
      readonly last?: number;
      /** With INVALID and TOO_LARGE: which field does not fit, and what does. */
      readonly msg?: string;
      /** With BUSY: what is in the way. */
      readonly why?: BusyCause;
    }
  | ({ readonly t: "deliver"; readonly conv: string } & Item)
  | {
      readonly t: "page";
      readonly id: string | number;
      readonly conv: string;
      readonly items: readonly Item[];
      readonly more: boolean;
    }
  | ({ readonly t: "conv"; readonly id?: string | number; readonly recovered: Recovery } & Followed)
  | { readonly t: "left"; readonly conv: string }
  | { readonly t: "list"; readonly id: string | number; readonly convs: readonly ConversationSummary[] }
  | {
      readonly t: "read";
      readonly conv: string;
      readonly user: string;
      readonly role: string;
      readonly seq: number;
    }
  | { readonly t: "typing"; readonly conv: string; readonly user: string; readonly role: string }
  | {
      readonly t: "presence";
      readonly status: "available" | "away";
      readonly load: number;
      readonly capacity: number;
    }
  | { readonly t: "queue"; readonly conv: string; readonly position: number; readonly etaSec: number | null }
  | { readonly t: "drain"; readonly afterMs: number; readonly url?: string }
  | { readonly t: "ping" }
  | { readonly t: "pong" }
  | { readonly t: "ok"; readonly id: string | number }
  | {
      readonly t: "err";
      readonly id?: string | number;
      readonly code: Code;
      readonly msg: string;
      readonly retry: string;
      readonly waitMs?: number;
    };
