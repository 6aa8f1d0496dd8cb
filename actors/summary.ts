import type { LogEvent } from "../protocol/events.ts";
import type { ConversationSummary, Cursor } from "../protocol/frames.ts";
import { visitorOf, type ConversationId } from "../protocol/ids.ts";
import type { Described } from "./messages.ts";

/** Whether an event may stand behind the end of a conversation and tell nothing of it. */
export function mayFollowTheEnd({ body }: LogEvent): boolean {
  return body.kind === "note" || body.kind === "recalled";
}

/**
 * What is known of a conversation: what the session said, or what its first event tells and the last one that may not
 * follow its end.
 */
export function summaryOf(
  conv: ConversationId,
  described: Described | undefined,
  first: LogEvent | undefined,
  tail: LogEvent | undefined,
): ConversationSummary {
  const visitor = visitorOf(conv);
  const body = first?.body;
  const channel = described?.channel ?? (body?.kind === "opened" ? body.channel : undefined);
  const title = described?.title ?? (body?.kind === "created" ? body.title : undefined);
  const ended = tail?.body.kind === "closed" || tail?.body.kind === "rated";
  return {
    conv,
    kind: visitor === undefined ? "group" : "support",
    open: !ended && (described?.open ?? true),
    openedAt: described?.openedAt ?? first?.ts ?? 0,
    ...(visitor === undefined ? {} : { visitor }),
    ...(channel === undefined ? {} : { channel }),
    ...(title === undefined ? {} : { title }),
  };
}

/** The cursor at an event. */
export function cursorAt(event: LogEvent | undefined): Cursor {
  return event === undefined ? [0, 0] : [event.seq, event.epoch];
}
