/** What the session of a staff member knows: presence, one slot per assignment, one membership per group. */
import { assert } from "../base/assert.ts";
import type { ConversationId, UserId } from "../protocol/ids.ts";
import type { Address } from "./address.ts";

/** Whether chats may be offered, and what the desks were told of it. */
export interface Presence {
  readonly status: "available" | "away";
  /** Made away because no device was left: chats that are accepted late go back at once. */
  readonly gone: boolean;
  /** No device since the presence timer was armed. */
  readonly absent: boolean;
  /** The desks believe that there is no room because no device was there; they are told when one comes. */
  readonly muted: boolean;
  /** The presence timer is armed. */
  readonly armed: boolean;
  /** Of the capacity that the desks were told, rising. */
  readonly version: number;
}

/** A slot that is taken, from the reservation until the conversation says `freed`. */
export interface Slot {
  readonly conv: ConversationId;
  readonly accepted: boolean;
  readonly since: number;
}

/** A group as its member's session knows it; a membership that ended is remembered by its change number. */
export interface Membership {
  readonly title: string;
  readonly change: number;
  readonly member: boolean;
  readonly since: number;
}

/** A staff member's session. */
export interface AgentState {
  readonly kind: "agent";
  readonly self: Address;
  readonly user: UserId;
  readonly presence: Presence;
  /** By assignment. */
  readonly slots: Readonly<Record<string, Slot>>;
  /** By conversation. */
  readonly groups: Readonly<Record<string, Membership>>;
}

/** The fields that an agent's session is stored in. */
export const agentFields = { presence: "agent", slot: "r:", group: "g:" } as const;

const stranger: Presence = {
  status: "away",
  gone: false,
  absent: false,
  muted: false,
  armed: false,
  version: 0,
};

/** State from stored fields. */
export function restoreAgent(self: Address, fields: Readonly<Record<string, string>>): AgentState {
  const slots: Record<string, Slot> = {};
  const groups: Record<string, Membership> = {};
  let presence = stranger;
  for (const [field, value] of Object.entries(fields)) {
    if (field === agentFields.presence) presence = JSON.parse(value) as Presence;
    else if (field.startsWith(agentFields.slot))
      slots[field.slice(agentFields.slot.length)] = JSON.parse(value) as Slot;
    else if (field.startsWith(agentFields.group))
      groups[field.slice(agentFields.group.length)] = JSON.parse(value) as Membership;
  }
  assert(Number.isInteger(presence.version), "capacity has a version");
  return { kind: "agent", self, user: self.id.slice(2) as UserId, presence, slots, groups };
}
