/**
 * How a support conversation gets to a person and away again. Role: the authority over assignments; the desk only
 * orders and offers, the agent's session only reserves. Boundary: decides on its own log, tells desk and sessions what
 * came of it. Invariants: AssignmentExclusive (an assignment stands only from its `assigned` event to the next
 * `unassigned` or `closed`, and the refusal of a ticket is final); CapacityRespected (`freed` is said only once the
 * assignment can never stand again); everything is idempotent by assignment and ticket.
 */
import type { Author, CloseReason, EventBody, LogEvent } from "../protocol/events.ts";
import { visitorOf, type DeskId, type UserId } from "../protocol/ids.ts";
import { present } from "../base/assert.ts";
import { system, type ConversationDraft } from "./conversation-draft.ts";
import type { CommandMessage, ConversationMessage } from "./messages.ts";

type QueueReason = Extract<EventBody, { kind: "queued" }>["why"];
type Assign = Extract<ConversationMessage, { kind: "assign" }>;

const requeueMs = 15_000;

/** Lets the conversation wait at a desk, leaving the one where it waits now. */
export function queue(
  draft: ConversationDraft,
  by: Author,
  desk: DeskId,
  why: QueueReason,
  command?: CommandMessage["frame"],
): LogEvent {
  stopWaiting(draft);
  const event = draft.append(by, { kind: "queued", desk, why }, command);
  enqueue(draft, why === "returned");
  return event;
}

function enqueue(draft: ConversationDraft, returned: boolean): void {
  const { desk, ticket } = draft.state.log;
  draft.tellDesk(desk, { kind: "enqueue", conv: draft.conv, ticket, priority: 0, returned });
}

function stopWaiting(draft: ConversationDraft, agent?: UserId): void {
  const { phase, desk, ticket } = draft.state.log;
  if (phase !== "waiting") return;
  const who = agent === undefined ? undefined : { agent };
  draft.tellDesk(desk, { kind: "dequeue", conv: draft.conv, ticket, ...who });
}

/** The desk was full: asks again after a while, for as long as the conversation waits under that ticket. */
export function onFull(draft: ConversationDraft, ticket: number): void {
  const { log } = draft.state;
  if (log.phase !== "waiting" || log.ticket !== ticket) return;
  draft.effects.push({ do: "arm", id: "requeue", delayMs: requeueMs });
}

/** The time to ask a full desk again has come. */
export function onRequeueTimer(draft: ConversationDraft): void {
  if (draft.state.log.phase === "waiting") enqueue(draft, false);
}

/** An agent's session has a slot: accepted for good, or refused for good. */
export function onAssign(draft: ConversationDraft, message: Assign): void {
  const { assignment, agent } = message;
  const { log } = draft.state;
  if (log.assignee?.assignment === assignment)
    return draft.tellStaff(agent, { kind: "accepted", assignment, conv: draft.conv });
  const accepted = message.takeover ? mayTakeOver(draft, message) : mayTakeOne(draft, message);
  if (message.takeover) settleTakeover(draft, message.ticket);
  if (!accepted) return refuse(draft, message);
  if (log.assignee !== null) unassign(draft, { role: "agent", id: agent }, "takeover");
  stopWaiting(draft, agent);
  draft.append({ role: "agent", id: agent }, { kind: "assigned", agent, assignment });
  draft.tellStaff(agent, { kind: "accepted", assignment, conv: draft.conv });
}

function mayTakeOne(draft: ConversationDraft, message: Assign): boolean {
  const { phase, ticket } = draft.state.log;
  return phase === "waiting" && message.ticket === ticket;
}

function mayTakeOver(draft: ConversationDraft, message: Assign): boolean {
  const { phase, assignee } = draft.state.log;
  const open = phase === "robot" || phase === "waiting" || phase === "assigned";
  return open && assignee?.agent !== message.agent && message.ticket > draft.state.takeovers.settled;
}

function settleTakeover(draft: ConversationDraft, ticket: number): void {
  const { takeovers } = draft.state;
  if (ticket > takeovers.settled)
    draft.write("takeovers", { issued: Math.max(ticket, takeovers.issued), settled: ticket });
}

function refuse(draft: ConversationDraft, message: Assign): void {
  const { assignment, agent, desk, ticket, takeover } = message;
  draft.tellStaff(agent, { kind: "freed", assignment, conv: draft.conv });
  if (!takeover) draft.tellDesk(desk, { kind: "void", assignment, conv: draft.conv, ticket });
}

function unassign(
  draft: ConversationDraft,
  by: Author,
  why: Extract<EventBody, { kind: "unassigned" }>["why"],
  command?: CommandMessage["frame"],
): LogEvent {
  const { agent, assignment } = present(draft.state.log.assignee, "somebody is assigned");
  const event = draft.append(by, { kind: "unassigned", agent, assignment, why }, command);
  draft.tellStaff(agent, { kind: "freed", assignment, conv: draft.conv });
  return event;
}

/** The agent is offline: back to the desk, in the old place. Only the current assignment can be given back. */
export function onReturn(draft: ConversationDraft, assignment: string): void {
  const { log } = draft.state;
  if (log.assignee?.assignment !== assignment) return;
  unassign(draft, system, "offline");
  queue(draft, system, log.desk, "returned");
}

/** Hands over to a desk; the event that answers the command is the one that names the desk. */
export function transfer(
  draft: ConversationDraft,
  by: Author,
  desk: DeskId,
  command: CommandMessage["frame"],
): LogEvent {
  if (draft.state.log.assignee !== null) unassign(draft, by, "transfer");
  return queue(draft, by, desk, "transfer", command);
}

/** Asks the session of the one who takes over for a slot; its `assign` decides. */
export function offerTakeover(draft: ConversationDraft, agent: UserId): void {
  const { takeovers, log } = draft.state;
  const ticket = Math.max(takeovers.issued, takeovers.settled) + 1;
  draft.write("takeovers", { ...takeovers, issued: ticket });
  draft.tellStaff(agent, {
    kind: "offer",
    assignment: draft.context.newId(),
    ticket,
    conv: draft.conv,
    desk: log.desk,
    takeover: true,
  });
}

/** Ends a support conversation and lets everybody know whom it bound. */
export function close(
  draft: ConversationDraft,
  by: Author,
  why: CloseReason,
  command?: CommandMessage["frame"],
): LogEvent {
  const { conv } = draft;
  const { assignee } = draft.state.log;
  stopWaiting(draft);
  const event = draft.append(by, { kind: "closed", why }, command);
  if (assignee !== null)
    draft.tellStaff(assignee.agent, { kind: "freed", assignment: assignee.assignment, conv });
  draft.tellVisitor(present(visitorOf(conv), "only support conversations close"), { kind: "closed", conv });
  draft.effects.push({ do: "disarm", id: "idle" });
  return event;
}
