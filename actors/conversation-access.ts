/**
 * Who somebody is to a conversation. The edge checks entitlement too; here it is checked again on every verb, against
 * the state that the verb will change.
 */
import { isStaff, visitorOf } from "../protocol/ids.ts";
import { sessionId } from "./address.ts";
import type { ConversationDraft } from "./conversation-draft.ts";
import type { Principal } from "./messages.ts";

/**
 * `visitor`: whose support conversation it is; `assigned`: the agent in charge; `lead`: a supervisor or admin; `staff`:
 * any other colleague. In a group: `member` or `outsider`. `stranger` may not even know that the conversation exists.
 */
export type Standing = "visitor" | "assigned" | "lead" | "staff" | "member" | "outsider" | "stranger";

/** What the person is to this conversation now. */
export function standingOf(draft: ConversationDraft, by: Principal): Standing {
  const { self, log } = draft.state;
  if (by.tenant !== self.tenant) return "stranger";
  const visitor = visitorOf(draft.conv);
  if (!isStaff(by.role)) return visitor === by.user ? "visitor" : "stranger";
  if (visitor === undefined)
    return draft.context.isMember(sessionId(by.role, by.user)) ? "member" : "outsider";
  if (log.assignee?.agent === by.user) return "assigned";
  return by.role === "supervisor" || by.role === "admin" ? "lead" : "staff";
}

/** Whether the person may speak to the visitor, or end and hand over the conversation. */
export function inCharge(standing: Standing): boolean {
  return standing === "assigned" || standing === "lead";
}
