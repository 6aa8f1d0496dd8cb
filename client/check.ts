/**
 * What the server would close the connection over, for good, is refused here, before it is sent: an application's mistake in
 * one call must not cost the others their connection. Texts name the field and what fits, as the server's do.
 */
import { limits } from "../protocol/limits.ts";
import { CONVERSATION_PATTERN, ID_PATTERN, isConversationId, isId } from "../protocol/ids.ts";
import type { Code } from "../protocol/codes.ts";
import type { MessageBody } from "../protocol/events.ts";
import type { CommandBody } from "./lane.ts";
import { Refusal } from "./refusal.ts";
import type { QuestionBody } from "./requests.ts";

/** Room in a frame for its numbers and names. */
const envelopeBytes = 512;
const maxCommandBytes = limits.maxFrameBytes - envelopeBytes;

/** What is wrong with one field, in words; undefined when nothing is. */
type Fault = string | undefined;

/** Why a command would be no valid frame; undefined when it is one. */
export function faultOf(body: CommandBody): Refusal | undefined {
  try {
    const targetFault = "conv" in body ? faultOfConversation(body.conv) : undefined;
    if (targetFault !== undefined) return refusalOf("INVALID", targetFault);
    if (bytesOf(body) > maxCommandBytes)
      return refusalOf("TOO_LARGE", `the command: must be at most ${maxCommandBytes} bytes of JSON`);
    return refusalOf("INVALID", faultOfFields(body));
  } catch {
    // A field that is not there, or one that JSON does not know: callers are not always checked by a compiler.
    return new Refusal("INVALID");
  }
}

/** Why a question would be no valid frame; undefined when it is one. */
export function faultOfQuestion(question: QuestionBody): Refusal | undefined {
  return refusalOf("INVALID", faultOfAsked(question));
}

/** What is wrong with the id of a conversation. */
export function faultOfConversation(conv: unknown): Fault {
  const fits = typeof conv === "string" && isConversationId(conv);
  return fits ? undefined : `conv: must be a string that matches ${CONVERSATION_PATTERN}`;
}

/** What is wrong with a number of an event, or with 0 for none. */
export function faultOfCount(path: string, value: unknown, least = 0): Fault {
  return isCount(value) && value >= least ? undefined : `${path}: must be an integer of at least ${least}`;
}

/** Whether it is a number of an event, or 0 for none. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether it can be a token. */
export function isToken(value: unknown): value is string {
  return faultOfText("token", value, 1, limits.maxTokenUnits) === undefined;
}

function refusalOf(code: Code, fault: Fault): Refusal | undefined {
  return fault === undefined ? undefined : new Refusal(code, fault);
}

function faultOfAsked(question: QuestionBody): Fault {
  switch (question.t) {
    case "sync": {
      const { conv, after = 0, before = 0, limit = 1 } = question;
      return (
        faultOfConversation(conv) ??
        faultOfCount("after", after) ??
        faultOfCount("before", before) ??
        faultOfRange("limit", limit, 1, limits.maxPageEvents)
      );
    }
    case "follow":
      return faultOfConversation(question.conv) ?? faultOfCursor(question.cursor);
    case "list":
      return faultOfId("visitor", question.visitor);
    case "reauth":
      return faultOfText("token", question.token, 1, limits.maxTokenUnits);
  }
}

function faultOfFields(body: CommandBody): Fault {
  switch (body.t) {
    case "open":
      return (
        faultOfId("channel", body.channel) ?? faultOfOptionalId("desk", body.desk) ?? faultOfMeta(body.meta)
      );
    case "create":
      return faultOfName("title", body.title) ?? faultOfMembers(body.members);
    case "send":
    case "note":
      return faultOfBody(body.body);
    case "recall":
      return faultOfCount("seq", body.seq, 1);
    case "rate":
      return (
        faultOfRange("stars", body.stars, 1, 5) ??
        faultOfOptionalText("comment", body.comment, limits.maxCommentUnits)
      );
    case "human":
    case "transfer":
      return faultOfOptionalId("desk", body.desk);
    case "status":
      return body.status === "available" || body.status === "away"
        ? undefined
        : 'status: must be "available" or "away"';
    case "close":
    case "takeover":
    case "join":
    case "leave":
      return undefined;
  }
}

function faultOfBody(body: MessageBody | null | undefined): Fault {
  if (body === null || typeof body !== "object") return "body: must be an object";
  switch (body.kind) {
    case "text":
      return faultOfText("body.text", body.text, 1, limits.maxTextUnits);
    case "attachment":
      return (
        faultOfText("body.url", body.url, 1, limits.maxUrlUnits) ??
        faultOfName("body.name", body.name) ??
        faultOfText("body.mime", body.mime, 3, limits.maxMimeUnits) ??
        faultOfCount("body.bytes", body.bytes)
      );
    case "card":
      return (
        faultOfName("body.title", body.title) ??
        faultOfOptionalText("body.text", body.text, limits.maxTextUnits) ??
        faultOfOptionalText("body.url", body.url, limits.maxUrlUnits)
      );
    case "quick":
      return faultOfText("body.text", body.text, 0, limits.maxTextUnits) ?? faultOfOptions(body.options);
    default:
      return 'body.kind: must be "text" or "attachment" or "card" or "quick"';
  }
}

function faultOfMembers(members: readonly string[]): Fault {
  if (!Array.isArray(members) || members.length > limits.maxInvited)
    return `members: must be an array of at most ${limits.maxInvited} items`;
  return firstOf("members", members, faultOfId);
}

function faultOfOptions(options: readonly string[]): Fault {
  if (!Array.isArray(options) || options.length < 1 || options.length > limits.maxQuickOptions)
    return `body.options: must be an array of 1 to ${limits.maxQuickOptions} items`;
  return firstOf("body.options", options, faultOfName);
}

function faultOfCursor(cursor: unknown): Fault {
  if (cursor === undefined) return undefined;
  if (!Array.isArray(cursor) || cursor.length !== 2) return "cursor: must be an array of 2 items";
  return firstOf("cursor", cursor, faultOfCount);
}

function firstOf(
  path: string,
  values: readonly unknown[],
  faultOfOne: (path: string, value: unknown) => Fault,
): Fault {
  const at = values.findIndex((value) => faultOfOne(path, value) !== undefined);
  return at < 0 ? undefined : faultOfOne(`${path}[${at}]`, values[at]);
}

function faultOfText(path: string, text: unknown, least: number, most: number): Fault {
  if (typeof text === "string" && text.length >= least && text.length <= most) return undefined;
  return `${path}: must be a string of ${least === 0 ? "at most" : `${least} to`} ${most} characters`;
}

function faultOfOptionalText(path: string, text: unknown, most: number): Fault {
  return text === undefined ? undefined : faultOfText(path, text, 0, most);
}

function faultOfName(path: string, text: unknown): Fault {
  return faultOfText(path, text, 1, limits.maxNameUnits);
}

function faultOfId(path: string, id: unknown): Fault {
  return typeof id === "string" && isId(id)
    ? undefined
    : `${path}: must be a string that matches ${ID_PATTERN}`;
}

function faultOfOptionalId(path: string, id: unknown): Fault {
  return id === undefined ? undefined : faultOfId(path, id);
}

function faultOfRange(path: string, value: unknown, least: number, most: number): Fault {
  const fits = isCount(value) && value >= least && value <= most;
  return fits ? undefined : `${path}: must be an integer from ${least} to ${most}`;
}

function faultOfMeta(meta: unknown): Fault {
  const fits = meta === undefined || bytesOf(meta) <= limits.maxMetaBytes;
  return fits ? undefined : `meta: must be at most ${limits.maxMetaBytes} bytes of JSON`;
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
