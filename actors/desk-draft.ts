/** One step of a desk in the making: keeps the values and their stored fields in line, and collects effects. */
import { visitorOf, type ConversationId, type UserId } from "../protocol/ids.ts";
import { conversationAddress, sessionAddress } from "./address.ts";
import type { Context, Effect, Step } from "./behavior.ts";
import { estimateSec } from "./desk-estimate.ts";
import {
  deskFields,
  goneMax,
  placeFor,
  type DeskHead,
  type DeskState,
  type Gone,
  type Offer,
  type Room,
  type Waiting,
} from "./desk-queue.ts";
import type { ConversationMessage, SessionMessage } from "./messages.ts";

/** Visitors at the head of the queue who are shown every change of their position. */
const shownHeads = 20;

/** A step being written; `done` is its outcome. */
export class DeskDraft {
  state: DeskState;
  readonly effects: Effect[] = [];
  readonly context: Context;
  /** The first place in the queue that changed. */
  #changedFrom = Infinity;
  readonly #newcomers: Waiting[] = [];
  #headChanged = false;

  constructor(state: DeskState, context: Context) {
    this.state = state;
    this.context = context;
  }

  /** The outcome, with the new positions shown to whom they concern. */
  done(): Step<DeskState> {
    if (this.#headChanged) this.#set(deskFields.head, this.state.head);
    this.#showPositions();
    return { state: this.state, effects: this.effects };
  }

  /** The place in the queue of a conversation; -1 if it does not wait here. */
  placeOf(conv: ConversationId): number {
    return this.state.queue.findIndex((waiting) => waiting.conv === conv);
  }

  /** The next of the rising numbers. */
  nextNumber(): number {
    const { next } = this.state.head;
    this.changeHead({ next: next + 1 });
    return next;
  }

  /** Changes counters or accepts; written once per step. */
  changeHead(part: Partial<DeskHead>): void {
    this.state = { ...this.state, head: { ...this.state.head, ...part } };
    this.#headChanged = true;
  }

  /** Lets a conversation wait at the place that is due to it. */
  insert(waiting: Omit<Waiting, "place">): void {
    const at = placeFor(this.state.queue, { ...waiting, place: 0 });
    const placed = { ...waiting, place: at + 1 };
    this.state = { ...this.state, queue: this.state.queue.toSpliced(at, 0, placed) };
    this.#set(`${deskFields.waiting}${waiting.conv}`, placed);
    this.#changedFrom = Math.min(this.#changedFrom, at);
    this.#newcomers.push(placed);
  }

  /** Takes a conversation out of the queue. */
  remove(place: number): void {
    const waiting = this.state.queue[place];
    if (waiting === undefined) return;
    this.state = { ...this.state, queue: this.state.queue.toSpliced(place, 1) };
    this.effects.push({ do: "unset", field: `${deskFields.waiting}${waiting.conv}` });
    this.#changedFrom = Math.min(this.#changedFrom, place);
  }

  /** Remembers that a wait is over, and the place that it had; forgets the oldest. */
  remember(conv: ConversationId, ticket: number, number: number | null): void {
    const gone: Gone = { conv, ticket, number, at: this.nextNumber() };
    const others = this.state.gone.filter((other) => other.conv !== conv);
    const forgotten = others.slice(0, Math.max(0, others.length + 1 - goneMax));
    for (const { conv: old } of forgotten)
      this.effects.push({ do: "unset", field: `${deskFields.gone}${old}` });
    this.state = { ...this.state, gone: [...others.slice(forgotten.length), gone] };
    this.#set(`${deskFields.gone}${conv}`, gone);
  }

  /** Stores an offer. */
  setOffer(offer: Offer): void {
    this.state = { ...this.state, offers: { ...this.state.offers, [offer.assignment]: offer } };
    this.#set(`${deskFields.offer}${offer.assignment}`, offer);
  }

  /** An offer is settled. */
  dropOffer(assignment: string): void {
    const { [assignment]: settled, ...offers } = this.state.offers;
    if (settled === undefined) return;
    this.state = { ...this.state, offers };
    this.effects.push({ do: "unset", field: `${deskFields.offer}${assignment}` });
    if (!settled.overdue) this.effects.push({ do: "disarm", id: `${deskFields.offer}${assignment}` });
  }

  /** Stores what is known of an agent's room. */
  setRoom(agent: UserId, room: Room): void {
    this.state = { ...this.state, rooms: { ...this.state.rooms, [agent]: room } };
    this.#set(`${deskFields.room}${agent}`, room);
  }

  /** Tells an agent's session. */
  tellAgent(agent: UserId, message: SessionMessage): void {
    this.effects.push({ do: "tell", to: sessionAddress(this.state.self.tenant, "agent", agent), message });
  }

  /** Tells a conversation. */
  tellConversation(conv: ConversationId, message: ConversationMessage): void {
    this.effects.push({ do: "tell", to: conversationAddress(this.state.self.tenant, conv), message });
  }

  #showPositions(): void {
    const { queue } = this.state;
    for (let at = this.#changedFrom; at < Math.min(shownHeads, queue.length); at++) this.#showPosition(at);
    for (const newcomer of this.#newcomers) {
      const at = placeFor(queue, newcomer);
      if (at >= shownHeads && queue[at]?.conv === newcomer.conv) this.#showPosition(at);
    }
  }

  #showPosition(at: number): void {
    const waiting = this.state.queue[at];
    const visitor = waiting === undefined ? undefined : visitorOf(waiting.conv);
    if (waiting === undefined || visitor === undefined) return;
    const position = at + 1;
    const waitedMs = Math.max(0, this.context.ts - waiting.since);
    const etaSec = estimateSec(this.state.head.waits, { place: waiting.place, position, waitedMs });
    this.effects.push({
      do: "hint",
      to: sessionAddress(this.state.self.tenant, "visitor", visitor),
      message: { kind: "show", frame: { t: "queue", conv: waiting.conv, position, etaSec } },
    });
  }

  #set(field: string, value: unknown): void {
    this.effects.push({ do: "set", field, value: JSON.stringify(value) });
  }
}
