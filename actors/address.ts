import { hash32 } from "../base/hash.ts";
import {
  isStaff,
  visitorOf,
  type ConversationId,
  type DeskId,
  type Role,
  type TenantId,
  type UserId,
} from "../protocol/ids.ts";

/** The kinds of actor that live in shards. */
export type EntityKind = "session" | "conversation" | "desk" | "robot";

/**
 * The name of an actor, good on every node: who it is, not where. A session's id is `v.<visitor>` or `a.<staff>`, a
 * robot's is the conversation that it serves.
 */
export interface Address {
  readonly kind: EntityKind;
  readonly tenant: TenantId;
  readonly id: string;
}

/** The session of a person of that role. */
export function sessionAddress(tenant: TenantId, role: Role, user: UserId): Address {
  return { kind: "session", tenant, id: sessionId(role, user) };
}

/** `v.<id>` for visitors, `a.<id>` for staff: the two families of user ids never meet. */
export function sessionId(role: Role, user: UserId): string {
  return `${isStaff(role) ? "a" : "v"}.${user}`;
}

/** The actor that sequences a conversation. */
export function conversationAddress(tenant: TenantId, conversation: ConversationId): Address {
  return { kind: "conversation", tenant, id: conversation };
}

/** The actor of a skill group. */
export function deskAddress(tenant: TenantId, desk: DeskId): Address {
  return { kind: "desk", tenant, id: desk };
}

/** The robot that answers in a conversation; it lives beside it. */
export function robotAddress(tenant: TenantId, conversation: ConversationId): Address {
  return { kind: "robot", tenant, id: conversation };
}

/** `kind/tenant/id`: the entity's name in the store and on the wire between nodes. */
export function encodeAddress(address: Address): string {
  return `${address.kind}/${address.tenant}/${address.id}`;
}

/** The inverse of encodeAddress; undefined for a text that it never made. */
export function decodeAddress(text: string): Address | undefined {
  const [kind, tenant, id, ...rest] = text.split("/");
  if (kind !== "session" && kind !== "conversation" && kind !== "desk" && kind !== "robot") return undefined;
  if (tenant === undefined || id === undefined || rest.length > 0) return undefined;
  return { kind, tenant: tenant as TenantId, id };
}

/** What is hashed: a visitor's session, support conversations and robots share one key, so they live together. */
function placementKey(address: Address): string {
  switch (address.kind) {
    case "session":
      return `${address.tenant}/${address.id}`;
    case "desk":
      return `${address.tenant}/d.${address.id}`;
    case "conversation":
    case "robot": {
      const visitor = visitorOf(address.id as ConversationId);
      return `${address.tenant}/${visitor === undefined ? address.id : `v.${visitor}`}`;
    }
  }
}

/** The shard that an actor lives in. */
export function shardOf(address: Address, shards: number): number {
  return hash32(placementKey(address)) % shards;
}
