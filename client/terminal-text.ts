import type { Author, EventBody, MessageBody } from "../protocol/events.ts";
import type { ConversationEvent } from "./log-view.ts";

/** What somebody said, as one readable text. */
export function textOf(body: MessageBody): string {
  switch (body.kind) {
    case "text":
      return body.text;
    case "attachment":
      return `[${body.name}, ${body.mime}, ${body.bytes} bytes] ${body.url}`;
    case "card":
      return [body.title, body.text, body.url].filter((part) => part !== undefined).join(" - ");
    case "quick":
      return [body.text, ...body.options.map((option, index) => `  ${index + 1}) ${option}`)].join("\n");
  }
}

/** One event of a log as a line for people; `own` is who reads it. */
export function lineOf(
  event: ConversationEvent,
  own: { readonly user: string; readonly role: string },
): string {
  const { by, body } = event.ev;
  const who = by.id === own.user && by.role === own.role ? "me" : nameOf(by);
  if (body.kind === "message") return `${who}: ${textOf(body.body)}`;
  if (body.kind === "note") return `${who} (note): ${textOf(body.body)}`;
  return `* ${happened(body, who)}`;
}

function nameOf(by: Author): string {
  if (by.role === "robot") return "robot";
  return by.role === "system" ? "system" : `${by.id} (${by.role})`;
}

function happened(body: Exclude<EventBody, { kind: "message" | "note" }>, who: string): string {
  switch (body.kind) {
    case "opened":
      return `conversation opened on ${body.channel}`;
    case "created":
      return `${who} created the group ${body.title}`;
    case "recalled":
      return `${who} took message ${body.seq} back`;
    case "queued":
      return `waiting for a person at ${body.desk} (${body.why})`;
    case "assigned":
      return `${body.agent} has taken the conversation`;
    case "unassigned":
      return `${body.agent} has left the conversation (${body.why})`;
    case "idle":
      return `quiet for long; closes in ${Math.round(body.closesInMs / 1000)} s`;
    case "closed":
      return `conversation closed (${body.why})`;
    case "rated":
      return `rated ${body.stars} of 5${body.comment === undefined ? "" : `: ${body.comment}`}`;
    case "lost":
      return `the server lost events up to ${body.through}`;
  }
}
