/**
 * The desk of a skill group. Role: owns the order of the queue (priority, then enqueue number, kept when a chat returns)
 * and offers its head to agents with room. Boundary: assigns nothing; an agent's session reserves or declines, the
 * conversation accepts or refuses, and the desk learns what came of it.
 * Invariants: one live offer per wait; none is forgotten: whoever waits has a live offer or is offered as soon as
 * somebody has room, since every offer is settled by `declined`, `void`, `dequeue` or its durable timer, and an agent
 * whose offer is overdue gets nothing until its session has spoken of it (its offer is repeated until it does);
 * StormBounded: a full queue refuses explicitly (`full`), the conversation keeps waiting and asks again every 15 s, so
 * among those refused the order is by luck; what returns is always let in.
 * Late and repeated messages are known by ticket, assignment and version.
 */
import { AssertionFailure } from "../base/assert.ts";
import type { ConversationId, DeskId } from "../protocol/ids.ts";
import type { Behavior, Context, Step } from "./behavior.ts";
import { DeskDraft } from "./desk-draft.ts";
import { learn } from "./desk-estimate.ts";
import {
  deskFields,
  frontNumber,
  matches,
  queueMax,
  restoreDesk,
  type DeskState,
  type Offer,
} from "./desk-queue.ts";
import type { DeskMessage, Message } from "./messages.ts";

type Of<K extends DeskMessage["kind"]> = Extract<DeskMessage, { kind: K }>;

/** Time for an offer to be settled; after it the conversation is offered to others under a new assignment. */
const offerMs = 10_000;

/** The behaviour of desks. */
export function deskBehavior(): Behavior<DeskState> {
  return {
    restore: restoreDesk,
    apply: () => {
      throw new AssertionFailure("a desk has no log");
    },
    position: () => 0,
    needs: () => [],
    receive,
    idle: () => true,
  };
}

function receive(state: DeskState, message: Message, context: Context): Step<DeskState> {
  const draft = new DeskDraft(state, context);
  handle(draft, message);
  match(draft);
  return draft.done();
}

function handle(draft: DeskDraft, message: Message): void {
  switch (message.kind) {
    case "enqueue":
      return onEnqueue(draft, message);
    case "dequeue":
      return onDequeue(draft, message);
    case "capacity":
      return onCapacity(draft, message);
    case "declined":
      return onDeclined(draft, message);
    case "void":
      return onVoid(draft, message);
    case "timer":
      return onTimer(draft, message.id);
    case "command":
    case "start":
    case "answered":
    case "assign":
    case "return":
    case "full":
    case "read":
    case "devices":
    case "describe":
    case "closed":
    case "offer":
    case "accepted":
    case "freed":
    case "joined":
    case "left":
    case "show":
    case "ask":
      throw new AssertionFailure(`a desk was sent a message of kind ${message.kind}`);
  }
}

function onEnqueue(draft: DeskDraft, { conv, ticket, priority, returned }: Of<"enqueue">): void {
  const { queue, gone } = draft.state;
  const left = gone.find((other) => other.conv === conv);
  const place = draft.placeOf(conv);
  const waiting = queue[place];
  if ((left?.ticket ?? 0) >= ticket || (waiting?.ticket ?? 0) >= ticket) return;
  if (!returned && waiting === undefined && queue.length >= queueMax)
    return draft.tellConversation(conv, { kind: "full", ticket });
  // Its last wait here was not taken out yet: that word is still on its way, and will be late.
  if (waiting !== undefined) draft.remove(place);
  const kept = waiting?.number ?? left?.number ?? frontNumber(queue);
  const number = returned ? kept : draft.nextNumber();
  draft.insert({ conv, ticket, priority, number, since: draft.context.ts });
}

function onDequeue(draft: DeskDraft, { conv, ticket, agent }: Of<"dequeue">): void {
  endWait(draft, conv, ticket, agent !== undefined);
  for (const offer of Object.values(draft.state.offers)) {
    const settled = offer.agent === agent || !offer.overdue;
    if (offer.conv !== conv || offer.ticket > ticket || !settled) continue;
    draft.dropOffer(offer.assignment);
    if (offer.agent === agent && !offer.overdue) useRoom(draft, offer);
  }
}

/** An offer became a chat: a slot is taken, of which its session's word is still on the way. */
function useRoom(draft: DeskDraft, { agent, version }: Offer): void {
  const room = draft.state.rooms[agent];
  if (room?.version === version) draft.setRoom(agent, { ...room, free: Math.max(0, room.free - 1) });
}

function endWait(draft: DeskDraft, conv: ConversationId, ticket: number, accepted: boolean): void {
  const { queue, gone, head } = draft.state;
  const place = draft.placeOf(conv);
  const waiting = queue[place];
  if ((waiting?.ticket ?? 0) > ticket) return;
  if (waiting === undefined && gone.some((other) => other.conv === conv && other.ticket >= ticket)) return;
  draft.remove(place);
  draft.remember(conv, ticket, waiting?.number ?? null);
  if (waiting === undefined || !accepted) return;
  const waitedMs = Math.max(0, draft.context.ts - waiting.since);
  draft.changeHead({ waits: learn(head.waits, { waitedMs, place: waiting.place }) });
}

function onCapacity(draft: DeskDraft, { agent, free, version }: Of<"capacity">): void {
  const room = draft.state.rooms[agent];
  if (room !== undefined && room.version >= version) return;
  draft.setRoom(agent, { free, version, lastOffer: room?.lastOffer ?? 0 });
  for (const offer of Object.values(draft.state.offers))
    if (offer.agent === agent && offer.overdue && offer.version < version) draft.dropOffer(offer.assignment);
}

function onDeclined(draft: DeskDraft, { assignment, agent, version }: Of<"declined">): void {
  draft.dropOffer(assignment);
  const room = draft.state.rooms[agent];
  if (room !== undefined && room.version > version) return;
  draft.setRoom(agent, { free: 0, version, lastOffer: room?.lastOffer ?? 0 });
}

function onVoid(draft: DeskDraft, { assignment, conv, ticket }: Of<"void">): void {
  draft.dropOffer(assignment);
  endWait(draft, conv, ticket, false);
}

function onTimer(draft: DeskDraft, id: string): void {
  if (!id.startsWith(deskFields.offer)) return;
  const offer = draft.state.offers[id.slice(deskFields.offer.length)];
  if (offer === undefined || offer.overdue) return;
  const version = draft.state.rooms[offer.agent]?.version ?? 0;
  draft.setOffer({ ...offer, overdue: true, version });
}

function match(draft: DeskDraft): void {
  const desk = draft.state.self.id as DeskId;
  for (const { waiting, agent } of matches(draft.state)) {
    const { conv, ticket } = waiting;
    const assignment = draft.context.newId();
    const room = draft.state.rooms[agent] ?? { free: 0, version: 0, lastOffer: 0 };
    draft.setRoom(agent, { ...room, lastOffer: draft.nextNumber() });
    draft.setOffer({ assignment, conv, ticket, agent, overdue: false, version: room.version });
    draft.effects.push({ do: "arm", id: `${deskFields.offer}${assignment}`, delayMs: offerMs });
    draft.tellAgent(agent, { kind: "offer", assignment, ticket, conv, desk, takeover: false });
  }
}
