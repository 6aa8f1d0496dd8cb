/**
 * The session of a visitor. Role: decides which support conversation is the open one of a channel, and remembers all of
 * them, one field each. Boundary: conversations say themselves when they have ended. Invariants: one open support
 * conversation per (visitor, channel) (Rocket.Chat#38148, chatwoot#6128); NoDupEffect, since ids come from a counter.
 */
import { assert, AssertionFailure } from "../base/assert.ts";
import { supportConversation, type ConversationId, type DeskId, type UserId } from "../protocol/ids.ts";
import type { CommandFrame } from "../protocol/frames.ts";
import { conversationAddress, sessionId, type Address } from "./address.ts";
import type { Context, Effect, Step } from "./behavior.ts";
import type { CommandMessage, Described, Message, SessionDescription } from "./messages.ts";

/** One support conversation as its visitor's session knows it. */
export interface VisitorChat {
  readonly n: number;
  readonly channel: string;
  readonly open: boolean;
  readonly openedAt: number;
}

/** A visitor's conversations by id. */
export interface VisitorState {
  readonly kind: "visitor";
  readonly self: Address;
  readonly user: UserId;
  readonly chats: Readonly<Record<string, VisitorChat>>;
  /** The highest number given to a conversation. */
  readonly count: number;
}

type VisitorStep = Step<VisitorState>;

/** Conversations that `describe` with history names at most, newest first. */
const historyMax = 300;
const fieldPrefix = "c:";

/** State from stored fields. */
export function restoreVisitor(self: Address, fields: Readonly<Record<string, string>>): VisitorState {
  const chats: Record<string, VisitorChat> = {};
  let count = 0;
  for (const [field, value] of Object.entries(fields)) {
    if (!field.startsWith(fieldPrefix)) continue;
    const chat = JSON.parse(value) as VisitorChat;
    assert(Number.isInteger(chat.n), "a visitor's conversation has a number");
    chats[field.slice(fieldPrefix.length)] = chat;
    count = Math.max(count, chat.n);
  }
  return { kind: "visitor", self, user: self.id.slice(2) as UserId, chats, count };
}

/** Handles one message to a visitor's session. */
export function receiveVisitor(state: VisitorState, message: Message, context: Context): VisitorStep {
  switch (message.kind) {
    case "command":
      return onCommand(state, message, context);
    case "closed":
      return onClosed(state, message.conv);
    case "describe":
      return { state, effects: [{ do: "reply", value: describe(state, message.history === true) }] };
    case "show":
      return { state, effects: [{ do: "push", frame: message.frame }] };
    case "devices":
    case "timer":
      return { state, effects: [] };
    case "offer":
    case "accepted":
    case "freed":
    case "joined":
    case "left":
    case "start":
    case "answered":
    case "assign":
    case "return":
    case "full":
    case "read":
    case "enqueue":
    case "dequeue":
    case "capacity":
    case "declined":
    case "void":
    case "ask":
      throw new AssertionFailure(`a visitor's session was sent a message of kind ${message.kind}`);
  }
}

function onCommand(state: VisitorState, message: CommandMessage, context: Context): VisitorStep {
  const { frame, by } = message;
  if (by.tenant !== state.self.tenant || sessionId(by.role, by.user) !== state.self.id)
    return refuse(state, "FORBIDDEN");
  return frame.t === "open" ? open(state, frame, context) : refuse(state, "INVALID");
}

function open(
  state: VisitorState,
  frame: Extract<CommandFrame, { t: "open" }>,
  context: Context,
): VisitorStep {
  const { tenant } = state.self;
  const channel = context.directory.channel(tenant, frame.channel);
  const desk = frame.desk ?? channel?.desk;
  if (channel === undefined || desk === undefined) return refuse(state, "NOT_FOUND");
  if (context.directory.desk(tenant, desk) === undefined) return refuse(state, "NOT_FOUND");
  const standing = Object.entries(state.chats).find(([, chat]) => chat.open && chat.channel === channel.id);
  if (standing !== undefined) return { state, effects: [ack(standing[0])] };
  const n = state.count + 1;
  const conv = supportConversation(state.user, n);
  const chat: VisitorChat = { n, channel: channel.id, open: true, openedAt: context.ts };
  return {
    state: { ...state, count: n, chats: { ...state.chats, [conv]: chat } },
    effects: [
      setChat(conv, chat),
      {
        do: "tell",
        to: conversationAddress(tenant, conv),
        message: {
          kind: "start",
          channel: channel.id,
          desk: desk as DeskId,
          ...(channel.robot === undefined ? undefined : { robot: channel.robot }),
          meta: frame.meta ?? null,
          visitor: state.user,
          p: frame.p,
          n: frame.n,
        },
      },
      { do: "follow", conv, described: described(conv, chat) },
      ack(conv),
    ],
  };
}

function onClosed(state: VisitorState, conv: ConversationId): VisitorStep {
  const chat = state.chats[conv];
  if (chat === undefined || !chat.open) return { state, effects: [] };
  const closed = { ...chat, open: false };
  return {
    state: { ...state, chats: { ...state.chats, [conv]: closed } },
    effects: [setChat(conv, closed)],
  };
}

/** Open conversations and the last closed one, or with history all of them, newest first. */
function describe(state: VisitorState, history: boolean): SessionDescription {
  const all = Object.entries(state.chats).sort(([, a], [, b]) => b.n - a.n);
  const lastClosed = all.find(([, chat]) => !chat.open)?.[0];
  const chosen = history
    ? all.slice(0, historyMax)
    : all.filter(([conv, chat]) => chat.open || conv === lastClosed);
  return {
    follows: chosen.map(([conv, chat]) => described(conv as ConversationId, chat)),
  };
}

function described(conv: ConversationId, { channel, open, openedAt }: VisitorChat): Described {
  return { conv, kind: "support", open, channel, openedAt };
}

function setChat(conv: ConversationId, chat: VisitorChat): Effect {
  return { do: "set", field: `${fieldPrefix}${conv}`, value: JSON.stringify(chat) };
}

function ack(conv: string): Effect {
  return { do: "answer", answer: { kind: "ack", conv, seq: 0, epoch: 0, prev: 0, ts: 0 } };
}

function refuse(state: VisitorState, code: "FORBIDDEN" | "INVALID" | "NOT_FOUND"): VisitorStep {
  return { state, effects: [{ do: "answer", answer: { kind: "nack", code } }] };
}
