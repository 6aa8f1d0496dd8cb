/**
 * Groups of staff. Members are a set in the store, never a list in the state, and joins are no events: a group of a
 * million costs an ordinary one's snapshot. Every member's own session is told, with the group's count of changes, so
 * that a late word is known as late.
 */
import { isStaff, visitorOf, type UserId } from "../protocol/ids.ts";
import { sessionId } from "./address.ts";
import { standingOf } from "./conversation-access.ts";
import type { ConversationDraft } from "./conversation-draft.ts";
import { markAllRead } from "./conversation-reads.ts";
import { whoOf } from "./conversation-state.ts";
import type { CommandMessage, Principal } from "./messages.ts";
import type { CommandFrame } from "../protocol/frames.ts";

/** Founds the group with its members; the same founder may repeat it. */
export function create(
  draft: ConversationDraft,
  by: Principal,
  frame: Extract<CommandFrame, { t: "create" }>,
): void {
  const { log, self } = draft.state;
  if (by.tenant !== self.tenant || !isStaff(by.role)) return draft.nack("FORBIDDEN");
  if (visitorOf(draft.conv) !== undefined) return draft.nack("INVALID");
  if (log.phase !== "unborn")
    return log.founder === sessionId(by.role, by.user) ? draft.ack() : draft.nack("WRONG_STATE");
  const event = draft.append({ role: by.role, id: by.user }, { kind: "created", title: frame.title }, frame);
  draft.write("changes", 1);
  for (const user of new Set<string>([by.user, ...frame.members])) enter(draft, user as UserId);
  draft.ack(event);
}

/** A colleague enters; what was said before counts as read. */
export function join(draft: ConversationDraft, message: CommandMessage): void {
  const { by } = message;
  const standing = standingOf(draft, by);
  if (standing === "stranger") return draft.nack("FORBIDDEN");
  if (draft.state.log.phase === "unborn") return draft.nack("NOT_FOUND");
  if (draft.state.log.phase !== "group") return draft.nack("WRONG_STATE");
  if (standing !== "member") {
    draft.write("changes", draft.state.changes + 1);
    enter(draft, by.user);
    markAllRead(draft, by);
  }
  draft.ack();
}

/** A member leaves. */
export function leave(draft: ConversationDraft, message: CommandMessage): void {
  const { by } = message;
  const standing = standingOf(draft, by);
  if (standing === "stranger") return draft.nack("FORBIDDEN");
  if (draft.state.log.phase === "unborn") return draft.nack("NOT_FOUND");
  if (draft.state.log.phase !== "group") return draft.nack("WRONG_STATE");
  if (standing === "member") {
    draft.write("changes", draft.state.changes + 1);
    draft.effects.push({ do: "leave", member: whoOf({ role: by.role, id: by.user }) });
    draft.tellStaff(by.user, { kind: "left", conv: draft.conv, change: draft.state.changes });
  }
  draft.ack();
}

function enter(draft: ConversationDraft, user: UserId): void {
  const { log, changes } = draft.state;
  draft.effects.push({ do: "join", member: sessionId("agent", user) });
  draft.tellStaff(user, { kind: "joined", conv: draft.conv, title: log.title, change: changes });
}
