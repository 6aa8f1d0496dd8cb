/**
 * The requests that are not numbered commands: reading, listing, following, typing. Each is checked for entitlement
 * here, since none of them wakes the conversation's actor.
 */
import { utf8Bytes } from "../base/utf8.ts";
import { prevFor, visibleTo, type Audience, type LogEvent } from "../protocol/events.ts";
import type { Item, RequestFrame, ServerFrame } from "../protocol/frames.ts";
import { isStaff, visitorOf, type ConversationId, type UserId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { within } from "../base/clock.ts";
import { conversationAddress, encodeAddress, sessionAddress, sessionId, shardOf } from "./address.ts";
import type { ClientPort, ConnectionParts } from "./client-port.ts";
import type { Principal, SessionDescription } from "./messages.ts";
import { readMost } from "./runtime/loads.ts";
import { conversationOf, errorFrame, viewOf } from "./server-frames.ts";

type Request = Exclude<RequestFrame, { t: "auth" | "reauth" | "unfollow" | "dack" | "ping" | "pong" }>;

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

/** Reads for one page: a log may hold many events that are not for this reader. */
const readsMax = 100;
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
  const up = "after" in range;
  const found: LogEvent[] = [];
  let from = range;
  let room: number = limits.maxPageBytes;
  for (let reads = 1; ; reads++) {
    const page = await parts.hub.page(log, from, reads === 1 ? limit : readMost.limit);
    if (page === undefined) return undefined;
    const ordered = up ? page.events : page.events.toReversed();
    const visible = ordered.filter((event) => visibleTo(event, reader));
    const taken = fitting(visible.slice(0, limit - found.length), room, found.length === 0);
    found.push(...taken.events);
    room -= taken.bytes;
    const cut = taken.events.length < visible.length;
    const reached = (cut ? found : ordered).at(-1)?.seq;
    const more = reached !== undefined && (up ? reached < page.end : reached > 1);
    if (cut || found.length === limit || !more || reads >= readsMax) {
      const items = (up ? found : found.toReversed()).map((event) => itemOf(event, reader));
      return { items, more, end: page.end };
    }
    from = up ? { after: reached } : { before: reached };
  }
}

function itemOf(event: LogEvent, reader: Audience): Item {
  const { seq, epoch } = event;
  return { seq, epoch, prev: prevFor(event, reader), ev: viewOf(event) };
}

/** As many of the events, in this order, as there is room for; one at least if it `must`. */
function fitting(
  events: readonly LogEvent[],
  room: number,
  must: boolean,
): { readonly events: readonly LogEvent[]; readonly bytes: number } {
  let bytes = 0;
  for (const [i, event] of events.entries()) {
    const size = utf8Bytes(JSON.stringify(event));
    if (bytes + size > room && (i > 0 || !must)) return { events: events.slice(0, i), bytes };
    bytes += size;
  }
  return { events, bytes };
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
    followed === true && !subscription.empty ? await subscription.begin(undefined, frame.cursor) : undefined;
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
