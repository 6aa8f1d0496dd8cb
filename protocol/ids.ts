/** A string that only its own parser makes: two kinds of id cannot be mixed up. */
export type Brand<Name extends string> = string & { readonly __brand: Name };

/** One customer of the installation. */
export type TenantId = Brand<"Tenant">;
/** A visitor's or an agent's id, unique per tenant and role family. */
export type UserId = Brand<"User">;
/** One conversation: opaque to clients. `s.<visitor>.<n>` is a support conversation, `g.<random>` a group. */
export type ConversationId = Brand<"Conversation">;
/** One skill group's desk. */
export type DeskId = Brand<"Desk">;

/** What a token allows: customers are visitors; everybody else is staff. */
export type Role = "visitor" | "agent" | "supervisor" | "admin";

/** True for the roles that work for the tenant. */
export function isStaff(role: Role): boolean {
  return role !== "visitor";
}

/** The pattern of user, device, desk and producer ids: no dot, since a dot joins the parts of longer ids. */
export const ID_PATTERN = "^[A-Za-z0-9_-]{1,64}$";
/** The pattern of tenant ids. */
export const TENANT_PATTERN = "^[a-z0-9-]{1,32}$";
/** The pattern of conversation ids. */
export const CONVERSATION_PATTERN = "^(s\\.[A-Za-z0-9_-]{1,64}\\.[0-9a-z]{1,10}|g\\.[A-Za-z0-9_-]{1,64})$";

/** Whether the text is a well-formed user, device, desk or producer id. */
export function isId(text: string): boolean {
  return idRegExp.test(text);
}

/** Whether the text is a well-formed conversation id. */
export function isConversationId(text: string): text is ConversationId {
  return conversationRegExp.test(text);
}

/** Whether the text is a well-formed tenant id. */
export function isTenantId(text: string): text is TenantId {
  return tenantRegExp.test(text);
}

/** The n-th support conversation of a visitor, n from 1. */
export function supportConversation(visitor: UserId, n: number): ConversationId {
  return `s.${visitor}.${n.toString(36)}` as ConversationId;
}

/** The visitor whom a support conversation belongs to; undefined for a group. */
export function visitorOf(conversation: ConversationId): UserId | undefined {
  if (!conversation.startsWith("s.")) return undefined;
  return conversation.slice(2, conversation.lastIndexOf(".")) as UserId;
}

const idRegExp = new RegExp(ID_PATTERN);
const conversationRegExp = new RegExp(CONVERSATION_PATTERN);
const tenantRegExp = new RegExp(TENANT_PATTERN);
