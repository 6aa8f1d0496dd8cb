/**
 * The session of a staff member. Role: the only authority over this person's slots: reserves one for an offer, gives it
 * free when the conversation says so, and tells the desks how many are left; decides from its devices when the person is
 * gone. Boundary: never decides who gets a conversation (the conversation does) nor who waits first (the desk does).
 * Invariants: CapacityRespected (a slot is taken before the conversation is asked, and freed only by its word);
 * NoDupEffect by assignment id; TimerOnce ("presence"): away comes a full grace period after the last device, never
 * sooner, even when the owner of this session crashed meanwhile.
 */
import { AssertionFailure } from "../base/assert.ts";
import type { ConversationId } from "../protocol/ids.ts";
import type { CommandFrame } from "../protocol/frames.ts";
import { sessionId } from "./address.ts";
import type { Context, Step } from "./behavior.ts";
import { AgentDraft } from "./session-agent-draft.ts";
import type { AgentState } from "./session-agent-state.ts";
import type { CommandMessage, Message, SessionDescription, SessionMessage } from "./messages.ts";

type Offer = Extract<SessionMessage, { kind: "offer" }>;

/** Handles one message to a staff member's session. */
export function receiveAgent(state: AgentState, message: Message, context: Context): Step<AgentState> {
  const draft = new AgentDraft(state, context);
  handle(draft, message);
  return draft.done();
}

function handle(draft: AgentDraft, message: Message): void {
  switch (message.kind) {
    case "command":
      return onCommand(draft, message);
    case "offer":
      return onOffer(draft, message);
    case "accepted":
      return onAccepted(draft, message.assignment, message.conv);
    case "freed":
      return onFreed(draft, message.assignment);
    case "devices":
      return onDevices(draft);
    case "timer":
      return message.id === "presence" ? onPresenceTimer(draft) : undefined;
    case "joined":
      return onJoined(draft, message.conv, message.title, message.change);
    case "left":
      return onLeft(draft, message.conv, message.change);
    case "describe":
      draft.effects.push({ do: "reply", value: describe(draft) });
      return;
    case "show":
      draft.effects.push({ do: "push", frame: message.frame });
      return;
    case "closed":
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
      throw new AssertionFailure(`a staff session was sent a message of kind ${message.kind}`);
  }
}

function onCommand(draft: AgentDraft, message: CommandMessage): void {
  const { frame, by } = message;
  const { self } = draft.state;
  if (by.tenant !== self.tenant || sessionId(by.role, by.user) !== self.id) return draft.nack("FORBIDDEN");
  if (frame.t !== "status") return draft.nack("INVALID");
  setStatus(draft, frame);
  draft.ack();
}

function setStatus(draft: AgentDraft, frame: Extract<CommandFrame, { t: "status" }>): void {
  draft.change({ status: frame.status, gone: false, absent: false });
  draft.announce();
  draft.watch();
  draft.showPresence();
}

/** Reserves a slot and asks the conversation, or declines; the same offer again has the same outcome. */
function onOffer(draft: AgentDraft, offer: Offer): void {
  const { presence, slots } = draft.state;
  if (slots[offer.assignment] !== undefined) return draft.assign(offer);
  const reachable = presence.status === "available" && draft.context.devices > 0;
  if (draft.room() === 0 || !(reachable || offer.takeover)) return decline(draft, offer);
  draft.reserve(offer);
  draft.announce();
  draft.watch();
  draft.assign(offer);
  draft.showPresence();
}

function decline(draft: AgentDraft, offer: Offer): void {
  const { assignment, conv } = offer;
  if (offer.takeover)
    return draft.pushError("WRONG_STATE", "All slots are taken; a takeover needs a free one.");
  // The desk will send nothing more until it is told of room again, so the next device has to bring that about.
  const { status, muted } = draft.state.presence;
  if (status === "available" && draft.context.devices === 0 && !muted) draft.change({ muted: true });
  draft.tellDesk(offer.desk, {
    kind: "declined",
    assignment,
    agent: draft.state.user,
    conv,
    version: draft.state.presence.version,
  });
}

function onAccepted(draft: AgentDraft, assignment: string, conv: ConversationId): void {
  const slot = draft.state.slots[assignment];
  // Not reserved (any more): if the conversation still believes in it, it takes it back; else it ignores this.
  if (slot === undefined) return draft.giveBack(assignment, conv);
  if (slot.accepted) return;
  draft.setSlot(assignment, { ...slot, accepted: true });
  draft.effects.push({ do: "follow", conv });
  if (draft.state.presence.gone && draft.context.devices === 0) draft.giveBack(assignment, conv);
}

function onFreed(draft: AgentDraft, assignment: string): void {
  const slot = draft.state.slots[assignment];
  if (slot === undefined) return;
  draft.free(assignment);
  const kept = Object.values(draft.state.slots).some(({ conv, accepted }) => accepted && conv === slot.conv);
  if (slot.accepted && !kept) draft.effects.push({ do: "unfollow", conv: slot.conv });
  draft.announce();
  draft.showPresence();
}

function onDevices(draft: AgentDraft): void {
  const { presence } = draft.state;
  if (draft.context.devices === 0) {
    if (!draft.watched()) return;
    draft.change({ absent: true, armed: true });
    return draft.armPresence();
  }
  if (presence.absent || presence.gone) draft.change({ absent: false, gone: false });
  if (presence.muted) draft.announce();
}

/** Devices come and go unseen while the owner of this session changes; only two looks a period apart tell. */
function onPresenceTimer(draft: AgentDraft): void {
  draft.change({ armed: false });
  if (!draft.watched()) return;
  if (draft.context.devices === 0 && draft.state.presence.absent) return leaveDesks(draft);
  draft.change({ absent: draft.context.devices === 0 });
  draft.watch();
}

function leaveDesks(draft: AgentDraft): void {
  draft.change({ status: "away", gone: true, absent: false });
  draft.announce();
  for (const [assignment, { conv, accepted }] of Object.entries(draft.state.slots))
    if (accepted) draft.giveBack(assignment, conv);
  draft.watch();
  draft.showPresence();
}

function onJoined(draft: AgentDraft, conv: ConversationId, title: string, change: number): void {
  const known = draft.state.groups[conv];
  if (known !== undefined && known.change >= change) return;
  draft.setGroup(conv, { title, change, member: true, since: draft.context.ts });
  if (known?.member !== true) draft.effects.push({ do: "follow", conv });
}

function onLeft(draft: AgentDraft, conv: ConversationId, change: number): void {
  const known = draft.state.groups[conv];
  if (known !== undefined && known.change >= change) return;
  draft.setGroup(conv, { title: known?.title ?? "", change, member: false, since: draft.context.ts });
  if (known?.member === true) draft.effects.push({ do: "unfollow", conv });
}

function describe(draft: AgentDraft): SessionDescription {
  const { slots, groups, presence } = draft.state;
  const chats = new Map(
    Object.values(slots)
      .filter(({ accepted }) => accepted)
      .map((slot) => [slot.conv, slot] as const),
  );
  const support = [...chats.values()].map(
    ({ conv, since }) => ({ conv, kind: "support", open: true, openedAt: since }) as const,
  );
  const member = Object.entries(groups)
    .filter(([, group]) => group.member)
    .map(([conv, { title, since }]) => {
      return { conv: conv as ConversationId, kind: "group", open: true, title, openedAt: since } as const;
    });
  const load = Object.keys(slots).length;
  return {
    follows: [...support, ...member],
    status: { status: presence.status, load, capacity: draft.capacity() },
  };
}
