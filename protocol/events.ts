import type { Role } from "./ids.ts";

/** Who may see an event: everybody in the conversation, or staff alone. */
export type Audience = "all" | "staff";

/** Who did it. The robot and the server are authors too. */
export interface Author {
  readonly role: Role | "robot" | "system";
  readonly id: string;
}

/** What people and robots say. */
export type MessageBody =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "attachment";
      readonly url: string;
      readonly name: string;
      readonly mime: string;
      readonly bytes: number;
    }
  | { readonly kind: "card"; readonly title: string; readonly text?: string; readonly url?: string }
  | { readonly kind: "quick"; readonly text: string; readonly options: readonly string[] };

/** Why a conversation ended. */
export type CloseReason = "agent" | "visitor" | "idle";

/**
 * Everything that can stand in a conversation's log. `message` and `note` are content: they count as unread.
 * `p` and `n` of the command that caused an event stand beside it, so that a client finds its own.
 */
export type EventBody =
  | {
      readonly kind: "opened";
      readonly channel: string;
      readonly desk: string;
      readonly robot?: string;
      readonly meta: unknown;
    }
  | { readonly kind: "created"; readonly title: string }
  | { readonly kind: "message"; readonly body: MessageBody }
  | { readonly kind: "note"; readonly body: MessageBody }
  | { readonly kind: "recalled"; readonly seq: number }
  | {
      readonly kind: "queued";
      readonly desk: string;
      readonly why: "asked" | "robot" | "transfer" | "returned";
    }
  | { readonly kind: "assigned"; readonly agent: string; readonly assignment: string }
  | {
      readonly kind: "unassigned";
      readonly agent: string;
      readonly assignment: string;
      readonly why: "transfer" | "offline" | "takeover";
    }
  | { readonly kind: "idle"; readonly closesInMs: number }
  | { readonly kind: "closed"; readonly why: CloseReason }
  | { readonly kind: "rated"; readonly stars: number; readonly comment?: string }
  | { readonly kind: "lost"; readonly through: number };

/** The kinds of event. */
export type EventKind = EventBody["kind"];

/** Whether an event is content that counts as unread. */
export function isContent(kind: EventKind): boolean {
  return kind === "message" || kind === "note";
}

/** Who may see each kind of event. */
export function audienceOf(kind: EventKind): Audience {
  return kind === "note" ? "staff" : "all";
}

/** The part of an event that is the same for every reader: the `ev` of `deliver` and of a page's items. */
export interface EventView {
  /** Wall time of the owner when it sequenced the event, for people to read. */
  readonly ts: number;
  readonly by: Author;
  readonly p?: string | undefined;
  readonly n?: number | undefined;
  readonly body: EventBody;
}

/** One event as it stands in a log, numbers 1..n without a hole (SeqDense). */
export interface LogEvent extends EventView {
  readonly seq: number;
  /** The shard's epoch when it was sequenced; with `seq` it is a cursor. */
  readonly epoch: number;
  readonly aud: Audience;
  /** Number of the event before it that a visitor may see; for staff it is always `seq - 1`. */
  readonly prevAll: number;
  /** Content events of audience `all` up to and including this one. */
  readonly countAll: number;
  /** Content events of any audience up to and including this one. */
  readonly countStaff: number;
}

/** The number of the event before this one, as a reader of that audience sees the log. */
export function prevFor(event: { seq: number; prevAll: number }, reader: Audience): number {
  return reader === "staff" ? event.seq - 1 : event.prevAll;
}

/** Whether a reader of that audience may see the event. */
export function visibleTo(event: { aud: Audience }, reader: Audience): boolean {
  return reader === "staff" || event.aud === "all";
}

/** Content events up to and including this one, as a reader of that audience counts. */
export function countFor(event: { countAll: number; countStaff: number }, reader: Audience): number {
  return reader === "staff" ? event.countStaff : event.countAll;
}
