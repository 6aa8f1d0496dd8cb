/**
 * The requests that are not numbered commands: reading, listing, following, typing. Each is checked for entitlement
 * here, since none of them wakes the conversation's actor.
 */
import { prevFor, visibleTo, type Audience, type LogEvent } from "../protocol/events.ts";
import type { Item, RequestFrame, ServerFrame } from "../protocol/frames.ts";
import { isStaff, visitorOf, type ConversationId, type UserId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { within } from "../base/clock.ts";
import { conversationAddress, encodeAddress, sessionAddress, sessionId, shardOf } from "./address.ts";
import type { ClientPort, ConnectionParts } from "./client-port.ts";
import type { Principal, SessionDescription } from "./messages.ts";
import { conversationOf, errorFrame, viewOf } from "./server-frames.ts";

type Request = Exclude<RequestFrame, { t: "auth" | "reauth" | "dack" | "ping" | "pong" }>;

/**
 * Whether a command of this person may be addressed to the conversation at all: customers reach their own support
 * conversations and nothing else.
 */
export function ownConversation({ role, user }: Principal, conv: ConversationId): boolean {
  return isStaff(role) || visitorOf(conv) === user;
}

/** Whether this person may read the conversation whoever else is in it: staff any support conversation, customers their own. */
export function mayReadByToken(principal: Principal, conv: ConversationId): boolean {
  return ownConversation(principal, conv) && visitorOf(conv) !== undefined;
}

/**
 * Whether this person may read the conversation: staff every support conversation, members their groups. Undefined when
 * that cannot be found out now.
 */
export async function mayRead(
  parts: ConnectionParts,
  principal: Principal,
  conv: ConversationId,
): Promise<boolean | undefined> {
  if (!ownConversation(principal, conv)) return false;
  if (mayReadByToken(principal, conv)) return true;
  return parts.isMember(principal.tenant, conv, sessionId(principal.role, principal.user));
}

/** Answers one request of an attached connection. */
export async function answerRequest(connection: ClientPort, by: Principal, frame: Request): Promise<void> {
  switch (frame.t) {
    case "sync":
      return sync(connection, by, frame);
    case "list":
      return list(connection, by, frame);
    case "follow":
      return follow(connection, by, frame);
    case "unfollow":
      return void connection.subscriptions.end(frame.conv);
    case "read": {
      const conv = conversationOf(frame.conv);
      if (conv !== undefined && connection.subscriptions.get(conv) !== undefined)
        connection.noteRead(conv, frame.seq);
      return;
    }
    case "typing":
      return typing(connection, by, frame.conv);
  }
}

async function sync(
  connection: ClientPort,
  by: Principal,
  frame: Extract<Request, { t: "sync" }>,
): Promise<void> {
  const { id, after, before } = frame;
  const conv = conversationOf(frame.conv);
  if (conv === undefined || (after === undefined) === (before === undefined)) {
    return connection.frame(errorFrame("INVALID", id, "sync takes either after or before"));
  }
  if (!(await admitted(connection, by, conv, id))) return;
  const log = encodeAddress(conversationAddress(by.tenant, conv));
  const range = after === undefined ? { before: before ?? 0 } : { after };
  const reader: Audience = isStaff(by.role) ? "staff" : "all";
  const page = await readVisible(connection.parts, log, range, frame.limit ?? limits.maxPageEvents, reader);
  if (page === undefined) return connection.frame(busy(id, logAway));
  if (page.end === 0) return connection.frame(errorFrame("NOT_FOUND", id));
  connection.frame({ t: "page", id, conv, items: page.items, more: page.more });
}

/** Answers the request with a refusal unless the conversation may be read. */
async function admitted(
  connection: ClientPort,
  by: Principal,
  conv: ConversationId,
  id: string | number,
): Promise<boolean> {
  const may = await mayRead(connection.parts, by, conv);
  if (may === undefined) connection.frame(busy(id, "membership cannot be read now"));
  if (may === false) connection.frame(errorFrame("FORBIDDEN", id));
  return may === true;
}

function busy(id: string | number, why: string): ServerFrame {
  return errorFrame("BUSY", id, why, busyWaitMs);
}

interface VisiblePage {
  readonly items: readonly Item[];
  readonly more: boolean;
  readonly end: number;
}

const emptyPagesMax = 20;
const busyWaitMs = 500;
const logAway = "the log cannot be read now";

/** A page with something on it for this reader, unless nothing follows. */
async function readVisible(
  parts: ConnectionParts,
  log: string,
  range: { after: number } | { before: number },
  limit: number,
  reader: Audience,
): Promise<VisiblePage | undefined> {
  let from = range;
  for (let tries = 0; ; tries++) {
    const page = await parts.hub.page(log, from, limit);
    if (page === undefined) return undefined;
    const up = "after" in from;
    const events = fitting(page.events, up);
    const first = events[0]?.seq ?? 1;
    const last = events.at(-1)?.seq ?? page.end;
    const more = up ? last < page.end : first > 1;
    const items = events
      .filter((event) => visibleTo(event, reader))
      .map((event) => ({
        seq: event.seq,
        epoch: event.epoch,
        prev: prevFor(event, reader),
        ev: viewOf(event),
      }));
    if (items.length > 0 || !more || tries >= emptyPagesMax) return { items, more, end: page.end };
    from = up ? { after: last } : { before: first };
  }
}

/** As many events as one page may hold in bytes, from the end where reading goes on; one at least. */
function fitting(events: readonly LogEvent[], up: boolean): readonly LogEvent[] {
  const ordered = up ? events : events.toReversed();
  let bytes = 0;
  let taken = 0;
  for (const event of ordered) {
    bytes += utf8Bytes(JSON.stringify(event));
    if (bytes > limits.maxPageBytes && taken > 0) break;
    taken++;
  }
  return up ? events.slice(0, taken) : events.slice(events.length - taken);
}

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

async function list(
  connection: ClientPort,
  by: Principal,
  frame: Extract<Request, { t: "list" }>,
): Promise<void> {
  if (!isStaff(by.role)) return connection.frame(errorFrame("FORBIDDEN", frame.id));
  const session = sessionAddress(by.tenant, "visitor", frame.visitor as UserId);
  const shard = shardOf(session, connection.parts.shards);
  const message = { kind: "describe", history: true } as const;
  const reply = await connection.parts.ask(
    { k: "actor", shard, to: encodeAddress(session), message },
    limits.commandMs,
  );
  if (reply?.kind !== "value") return connection.frame(busy(frame.id, "the session cannot be reached now"));
  const { follows } = reply.value as SessionDescription;
  const convs = follows.map((item) => ({ ...item, visitor: frame.visitor }));
  connection.frame({ t: "list", id: frame.id, convs });
}

async function follow(
  connection: ClientPort,
  by: Principal,
  frame: Extract<Request, { t: "follow" }>,
): Promise<void> {
  const { id } = frame;
  const conv = conversationOf(frame.conv);
  if (conv === undefined) return connection.frame(errorFrame("FORBIDDEN", id));
  if (!(await admitted(connection, by, conv, id))) return;
  const { subscriptions, parts } = connection;
  if (subscriptions.size >= limits.maxFollowed && subscriptions.get(conv) === undefined) {
    return connection.frame(errorFrame("INVALID", id, "too many conversations are followed"));
  }
  const subscription = subscriptions.begin(conv);
  if (subscription === undefined) return;
  const followed = await within(parts.clock, limits.commandMs, subscription.followed);
  const beginning =
    followed === true && !subscription.empty
      ? await subscription.begin(undefined, frame.cursor, false)
      : undefined;
  if (!subscriptions.isCurrent(subscription)) {
    return connection.frame(errorFrame("INVALID", id, "followed anew, or not any more"));
  }
  if (beginning !== undefined) {
    connection.frame({ t: "conv", id, ...beginning.frame, recovered: beginning.recovered });
    return beginning.go();
  }
  subscriptions.end(conv);
  connection.frame(subscription.empty ? errorFrame("NOT_FOUND", id) : busy(id, logAway));
}

function typing(connection: ClientPort, by: Principal, text: string): void {
  const conv = conversationOf(text);
  if (conv === undefined || connection.subscriptions.get(conv) === undefined) return;
  if (!connection.mayType(conv)) return;
  const address = conversationAddress(by.tenant, conv);
  connection.parts.send({
    k: "cast",
    shard: shardOf(address, connection.parts.shards),
    to: encodeAddress(address),
    frame: { t: "typing", conv, user: by.user, role: by.role },
    audience: "all",
  });
}
