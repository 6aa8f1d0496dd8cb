/**
 * What a desk knows: who waits and in which order, what was offered to whom, and who has room. Pure values; each
 * conversation that waits, each offer, each agent and each remembered place is one stored field.
 */
import { assert } from "../base/assert.ts";
import type { ConversationId, UserId } from "../protocol/ids.ts";
import type { Address } from "./address.ts";
import type { Wait } from "./desk-estimate.ts";

/** A conversation that waits. */
export interface Waiting {
  readonly conv: ConversationId;
  readonly ticket: number;
  readonly priority: number;
  /** Order within the priority; a chat that returns keeps its number. */
  readonly number: number;
  /** Wall time of its coming, and its place then: only for the estimate that people read. */
  readonly since: number;
  readonly place: number;
}

/** An offer that nobody has settled yet. */
export interface Offer {
  readonly assignment: string;
  readonly conv: ConversationId;
  readonly ticket: number;
  readonly agent: UserId;
  /** Not settled in time: the conversation may be offered to others, the agent gets nothing until it is. */
  readonly overdue: boolean;
  /** The agent's capacity version when it was made, and then when it became overdue. */
  readonly version: number;
}

/** What an agent's session last said of its room. */
export interface Room {
  readonly free: number;
  readonly version: number;
  /** Rising over all offers: the lowest has waited longest. */
  readonly lastOffer: number;
}

/** A conversation that waits here no more: tells late messages from new ones, and keeps its place. */
export interface Gone {
  readonly conv: ConversationId;
  readonly ticket: number;
  readonly number: number | null;
  /** Order of remembering. */
  readonly at: number;
}

/** Counters and the last accepts. */
export interface DeskHead {
  readonly next: number;
  readonly waits: readonly Wait[];
}

/** Everything a desk's actor knows. */
export interface DeskState {
  readonly self: Address;
  /** In the order in which they are served. */
  readonly queue: readonly Waiting[];
  /** By assignment. */
  readonly offers: Readonly<Record<string, Offer>>;
  /** By agent. */
  readonly rooms: Readonly<Record<string, Room>>;
  /** Oldest first, at most `goneMax`. */
  readonly gone: readonly Gone[];
  readonly head: DeskHead;
}

/** The fields that a desk is stored in. */
export const deskFields = { head: "head", waiting: "w:", offer: "o:", room: "a:", gone: "g:" } as const;
/** Conversations that may wait at one desk; those who return are always let in. */
export const queueMax = 10_000;
/** Conversations whose place is remembered after they left. */
export const goneMax = 1024;

/** State from stored fields. */
export function restoreDesk(self: Address, fields: Readonly<Record<string, string>>): DeskState {
  const queue: Waiting[] = [];
  const gone: Gone[] = [];
  const offers: Record<string, Offer> = {};
  const rooms: Record<string, Room> = {};
  let head: DeskHead = { next: 1, waits: [] };
  for (const [field, value] of Object.entries(fields)) {
    if (field === deskFields.head) head = JSON.parse(value) as DeskHead;
    else if (field.startsWith(deskFields.waiting)) queue.push(JSON.parse(value) as Waiting);
    else if (field.startsWith(deskFields.gone)) gone.push(JSON.parse(value) as Gone);
    else if (field.startsWith(deskFields.offer))
      offers[field.slice(deskFields.offer.length)] = JSON.parse(value) as Offer;
    else if (field.startsWith(deskFields.room))
      rooms[field.slice(deskFields.room.length)] = JSON.parse(value) as Room;
  }
  assert(Number.isInteger(head.next), "a desk counts");
  queue.sort(inOrder);
  gone.sort((a, b) => a.at - b.at);
  return { self, queue, offers, rooms, gone, head };
}

/** Where a newcomer belongs in the queue. */
export function placeFor(queue: readonly Waiting[], waiting: Waiting): number {
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = queue[middle];
    if (other !== undefined && inOrder(other, waiting) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A number before all who wait: for one who returns after its own place was forgotten. */
export function frontNumber(queue: readonly Waiting[]): number {
  return queue.reduce((least, { number }) => Math.min(least, number), 1) - 1;
}

/**
 * Who is offered what next: in the order of the queue, each to the agent with the most room left, then to the one who
 * has been without an offer for longest. An agent with an overdue offer gets nothing.
 */
export function matches(state: DeskState): readonly { readonly waiting: Waiting; readonly agent: UserId }[] {
  const offered = new Set<string>();
  const pending = new Map<string, number>();
  for (const { agent, conv, ticket, overdue } of Object.values(state.offers)) {
    pending.set(agent, overdue ? Infinity : (pending.get(agent) ?? 0) + 1);
    if (!overdue) offered.add(`${conv}/${ticket}`);
  }
  const rooms = Object.entries(state.rooms)
    .map(([agent, { free, lastOffer }]) => ({
      agent: agent as UserId,
      left: free - (pending.get(agent) ?? 0),
      lastOffer,
    }))
    .filter(({ left }) => left > 0);
  const found: { waiting: Waiting; agent: UserId }[] = [];
  let latest = state.head.next;
  for (const waiting of state.queue) {
    if (offered.has(`${waiting.conv}/${waiting.ticket}`)) continue;
    const best = rooms
      .filter(({ left }) => left > 0)
      .sort((a, b) => b.left - a.left || a.lastOffer - b.lastOffer)[0];
    if (best === undefined) break;
    best.left--;
    best.lastOffer = latest++;
    found.push({ waiting, agent: best.agent });
  }
  return found;
}

function inOrder(a: Waiting, b: Waiting): number {
  return b.priority - a.priority || a.number - b.number;
}
