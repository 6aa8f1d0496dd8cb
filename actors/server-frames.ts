import { codes, type Code } from "../protocol/codes.ts";
import type { EventView, LogEvent } from "../protocol/events.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import { isConversationId, type ConversationId } from "../protocol/ids.ts";

/** A refusal that belongs to no command. */
export function errorFrame(code: Code, id?: string | number, msg?: string, waitMs?: number): ServerFrame {
  const { retry, text } = codes[code];
  return {
    t: "err",
    ...(id === undefined ? {} : { id }),
    code,
    msg: msg ?? text,
    retry,
    ...(waitMs === undefined ? {} : { waitMs }),
  };
}

/** The part of an event that every reader gets. */
export function viewOf(event: LogEvent): EventView {
  const { ts, by, p, n, body } = event;
  return { ts, by, p, n, body };
}

/** Narrowing for frames whose pattern was checked at the edge. */
export function conversationOf(conv: string): ConversationId | undefined {
  return isConversationId(conv) ? conv : undefined;
}
