/**
 * What the server would close the connection over, for good, is refused here, before it is sent: an application's mistake in
 * one call must not cost the others their connection.
 */
import { limits } from "../protocol/limits.ts";
import { isConversationId, isId } from "../protocol/ids.ts";
import type { Code } from "../protocol/codes.ts";
import type { MessageBody } from "../protocol/events.ts";
import type { CommandBody } from "./lane.ts";
import type { QuestionBody } from "./requests.ts";

/** Room in a frame for its numbers and names. */
const envelopeBytes = 512;

/** Why a command would be no valid frame; undefined when it is one. */
export function faultOf(body: CommandBody): Code | undefined {
  try {
    if ("conv" in body && !isConversationId(body.conv)) return "INVALID";
    if (bytesOf(body) > limits.maxFrameBytes - envelopeBytes) return "TOO_LARGE";
    return isWellFormed(body) ? undefined : "INVALID";
  } catch {
    // A field that is not there, or one that JSON does not know: callers are not always checked by a compiler.
    return "INVALID";
  }
}

/** Why a question would be no valid frame; undefined when it is one. */
export function faultOfQuestion(question: QuestionBody): Code | undefined {
  return isValidQuestion(question) ? undefined : "INVALID";
}

/** Whether it is a number of an event, or 0 for none. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether it can be a token. */
export function isToken(value: unknown): value is string {
  return typeof value === "string" && value.length >= 1 && value.length <= limits.maxTokenUnits;
}

function isValidQuestion(question: QuestionBody): boolean {
  switch (question.t) {
    case "sync": {
      const { conv, after = 0, before = 0, limit = 1 } = question;
      const isSize = isCount(limit) && limit >= 1 && limit <= limits.maxPageEvents;
      return isConversationId(conv) && isCount(after) && isCount(before) && isSize;
    }
    case "follow":
      return isConversationId(question.conv) && (question.cursor?.every(isCount) ?? true);
    case "list":
      return isId(question.visitor);
    case "reauth":
      return isToken(question.token);
  }
}

function isWellFormed(body: CommandBody): boolean {
  switch (body.t) {
    case "open":
      return isId(body.channel) && isOptionalId(body.desk) && metaBytes(body.meta) <= limits.maxMetaBytes;
    case "create":
      return isName(body.title) && body.members.length <= limits.maxInvited && body.members.every(isId);
    case "send":
    case "note":
      return isBody(body.body);
    case "recall":
      return isCount(body.seq) && body.seq >= 1;
    case "rate":
      return [1, 2, 3, 4, 5].includes(body.stars) && isOptionalText(body.comment, limits.maxCommentUnits);
    case "human":
    case "transfer":
      return isOptionalId(body.desk);
    case "status":
      return body.status === "available" || body.status === "away";
    case "close":
    case "takeover":
    case "join":
    case "leave":
      return true;
  }
}

function isBody(body: MessageBody): boolean {
  switch (body.kind) {
    case "text":
      return isText(body.text, 1, limits.maxTextUnits);
    case "attachment": {
      const { url, name, mime, bytes } = body;
      const isFile = isText(url, 1, limits.maxUrlUnits) && isText(mime, 3, limits.maxMimeUnits);
      return isFile && isName(name) && isCount(bytes);
    }
    case "card": {
      const { title, text, url } = body;
      const isRest = isOptionalText(text, limits.maxTextUnits) && isOptionalText(url, limits.maxUrlUnits);
      return isName(title) && isRest;
    }
    case "quick": {
      const { text, options } = body;
      const isChoice = options.length >= 1 && options.length <= limits.maxQuickOptions;
      return isText(text, 0, limits.maxTextUnits) && isChoice && options.every(isName);
    }
    default:
      return false;
  }
}

function isText(text: unknown, least: number, most: number): boolean {
  return typeof text === "string" && text.length >= least && text.length <= most;
}

function isOptionalText(text: unknown, most: number): boolean {
  return text === undefined || isText(text, 0, most);
}

function isName(text: unknown): boolean {
  return isText(text, 1, limits.maxNameUnits);
}

function isOptionalId(id: string | undefined): boolean {
  return id === undefined || isId(id);
}

function metaBytes(meta: unknown): number {
  return meta === undefined ? 0 : bytesOf(meta);
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}
