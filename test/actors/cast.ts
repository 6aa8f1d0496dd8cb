import { conversationAddress, deskAddress, sessionAddress, type Address } from "../../actors/address.ts";
import { directoryOf, type ConversationPolicy, type TenantConfig } from "../../actors/directory.ts";
import type { Chronicle } from "../../actors/conversation-state.ts";
import type { Message, Principal } from "../../actors/messages.ts";
import { sessionId } from "../../actors/address.ts";
import type { EventKind } from "../../protocol/events.ts";
import type { ConversationId, DeskId, Role, TenantId, UserId } from "../../protocol/ids.ts";
import { World, type Hosted } from "./world.ts";

/** The tenant of the tests. */
export const tenant = "acme" as TenantId;

const policy: ConversationPolicy = {
  idleMs: 40_000,
  idleNoticeMs: 5_000,
  robotTries: 2,
  agentGraceMs: 30_000,
};

const support = "support" as DeskId;
const sales = "sales" as DeskId;

/** Channel `web` has a robot, `app` and `shop` have none; amy serves both desks, bo one, sue none. */
export const config: TenantConfig = {
  id: tenant,
  name: "Acme",
  channels: [
    { id: "web", name: "Web", desk: support, robot: "rob" },
    { id: "app", name: "App", desk: support },
    { id: "shop", name: "Shop", desk: sales },
  ],
  desks: [
    { id: support, name: "Support" },
    { id: sales, name: "Sales" },
  ],
  robots: [{ id: "rob", name: "Rob", greeting: "Hello!", unknown: "I do not know.", entries: [] }],
  agents: [
    { id: "amy" as UserId, name: "Amy", desks: [support, sales], capacity: 2 },
    { id: "bo" as UserId, name: "Bo", desks: [support], capacity: 1 },
    { id: "sue" as UserId, name: "Sue", desks: [], capacity: 1 },
  ],
  policy,
};

/** A person with a role, the own session, and what a test has them do. */
export interface Person extends Principal {
  readonly session: Address;
}

/** Somebody of the tenant. */
export function person(role: Role, user: string): Person {
  return {
    tenant,
    role,
    user: user as UserId,
    session: sessionAddress(tenant, role, user as UserId),
  };
}

/** The usual people. */
export const vic = person("visitor", "vic");
export const val = person("visitor", "val");
export const amy = person("agent", "amy");
export const bo = person("agent", "bo");
export const sue = person("supervisor", "sue");

/** Addresses. */
export const at = {
  conv: (id: string): Address => conversationAddress(tenant, id as ConversationId),
  desk: (id: string): Address => deskAddress(tenant, id as DeskId),
};

/** A world with the usual tenant; the robot knows the answer to `price`. */
export function usualWorld(): World {
  return new World(directoryOf([config]), {
    answer: (question) => (question.includes("price") ? "It costs 5." : undefined),
  });
}

/** A world with a conversation of vic's that stands at its beginning on this channel. */
export function opened(channel: string): { readonly world: World; readonly conv: Address } {
  const world = usualWorld();
  world.command(vic.session, vic, { t: "open", channel });
  world.settle();
  return { world, conv: at.conv("s.vic.1") };
}

/** Comes online with one device and takes chats. */
export function available(world: World, who: Person): void {
  world.attach(who.session, 1);
  world.command(who.session, who, { t: "status", status: "available" });
  world.settle();
}

/** Says a text. */
export function say(world: World, conv: Address, by: Person, text: string): ReturnType<World["command"]> {
  return world.command(conv, by, { t: "send", conv: conv.id, body: { kind: "text", text } });
}

/** The kinds of a log's events, for one-line cases. */
export function kinds(world: World, conv: Address): readonly EventKind[] {
  return world.actor(conv).log.map(({ body }) => body.kind);
}

/** What the conversation knows from its log. */
export function chronicle(hosted: Hosted): Chronicle {
  return (hosted.live as { log: Chronicle }).log;
}

/** Messages of a kind that are on their way. */
export function onTheWay<K extends Message["kind"]>(
  world: World,
  kind: K,
): readonly Extract<Message, { kind: K }>[] {
  return world.tells
    .map(({ message }) => message)
    .filter((message): message is Extract<Message, { kind: K }> => message.kind === kind);
}

/** The read record's owner. */
export function whoIs(by: Principal): string {
  return sessionId(by.role, by.user);
}
