/**
 * A conversation: the actor that sequences one log. Role: the only authority over what happened, in which order, and who
 * is in charge (robot -> waiting -> assigned -> closed for support; groups of staff). Boundary: pure; desks, sessions
 * and robots are told and tell, and each of their messages may come late and again.
 * Invariants: SeqDense, OffsetAgreement (one author of numbers), AssignmentExclusive (conversation-routing.ts),
 * NoDupEffect (by assignment, ticket, question and state; numbered commands are deduplicated before they get here),
 * TimerOnce. State = snapshot field + events after it + ledgers written in the step that changed them.
 */
import { AssertionFailure } from "../base/assert.ts";
import { sessionId } from "./address.ts";
import type { Behavior, Context, Need, Step } from "./behavior.ts";
import { standingOf } from "./conversation-access.ts";
import { onCommand } from "./conversation-commands.ts";
import { ConversationDraft } from "./conversation-draft.ts";
import { onIdleTimer } from "./conversation-idle.ts";
import { onRead } from "./conversation-reads.ts";
import { onAnswered, onStart } from "./conversation-robot.ts";
import { onAssign, onFull, onRequeueTimer, onReturn } from "./conversation-routing.ts";
import { applyEvent, restoreConversation, type ConversationState } from "./conversation-state.ts";
import type { Message, Principal } from "./messages.ts";

/** The behaviour of support conversations and groups. */
export function conversationBehavior(): Behavior<ConversationState> {
  return {
    restore: restoreConversation,
    apply: (state, event) => ({ ...state, log: applyEvent(state.log, event) }),
    position: (state) => state.log.seq,
    needs: needsOf,
    receive,
    idle: () => true,
  };
}

function needsOf(state: ConversationState, message: Message): readonly Need[] {
  if (message.kind === "read") return toSpeak(state, message.by);
  if (message.kind !== "command") return [];
  const { frame, by } = message;
  if (frame.t === "send" || frame.t === "note") return toSpeak(state, by);
  return state.log.phase === "group" ? [{ member: sessionId(by.role, by.user) }] : [];
}

function toSpeak({ log, people }: ConversationState, by: Principal): readonly Need[] {
  const person = people.get(by.role, by.user);
  return log.phase === "group" ? person.needsInGroup : person.needs;
}

function receive(state: ConversationState, message: Message, context: Context): Step<ConversationState> {
  const draft = new ConversationDraft(state, context);
  handle(draft, message);
  return draft.done();
}

function handle(draft: ConversationDraft, message: Message): void {
  switch (message.kind) {
    case "command":
      return onCommand(draft, message);
    case "start":
      return onStart(draft, message);
    case "answered":
      return onAnswered(draft, message);
    case "assign":
      return onAssign(draft, message);
    case "return":
      return onReturn(draft, message.assignment);
    case "full":
      return onFull(draft, message.ticket);
    case "read": {
      const standing = standingOf(draft, message.by);
      if (standing !== "stranger" && standing !== "outsider")
        onRead(draft, message.by, message.seq, message.count);
      return draft.reply();
    }
    case "timer":
      if (message.id === "idle") return onIdleTimer(draft);
      if (message.id === "requeue") return onRequeueTimer(draft);
      return;
    case "devices":
    case "describe":
    case "closed":
    case "offer":
    case "accepted":
    case "freed":
    case "joined":
    case "left":
    case "show":
    case "enqueue":
    case "dequeue":
    case "capacity":
    case "declined":
    case "void":
    case "ask":
      throw new AssertionFailure(`a conversation was sent a message of kind ${message.kind}`);
  }
}
