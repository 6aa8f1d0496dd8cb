import { limits } from "../protocol/limits.ts";
import { isConversationId, isId } from "../protocol/ids.ts";
import type { Code } from "../protocol/codes.ts";
import type { MessageBody } from "../protocol/events.ts";
import type { CommandBody } from "./lane.ts";

/** Room in a frame for its numbers and names. */
const envelopeBytes = 512;

/**
 * Why a command would be no valid frame; undefined when it is one. Checked before sending, because the server closes
 * a connection over a malformed or oversized frame for good.
 */
export function faultOf(body: CommandBody): Code | undefined {
  if ("conv" in body && !isConversationId(body.conv)) return "INVALID";
  if (new TextEncoder().encode(JSON.stringify(body)).length > limits.maxFrameBytes - envelopeBytes)
    return "TOO_LARGE";
  return isWellFormed(body) ? undefined : "INVALID";
}

function isWellFormed(body: CommandBody): boolean {
  switch (body.t) {
    case "open":
      return isId(body.channel) && isOptionalId(body.desk) && metaBytes(body.meta) <= limits.maxMetaBytes;
    case "create":
      return isShort(body.title) && body.members.length <= limits.maxInvited && body.members.every(isId);
    case "send":
    case "note":
      return isBody(body.body);
    case "recall":
      return Number.isSafeInteger(body.seq) && body.seq >= 1;
    case "rate":
      return [1, 2, 3, 4, 5].includes(body.stars) && (body.comment?.length ?? 0) <= 2000;
    case "human":
    case "transfer":
      return isOptionalId(body.desk);
    case "status":
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
      return body.text.length >= 1 && body.text.length <= limits.maxTextUnits;
    case "attachment":
      return isShort(body.name) && body.url.length >= 1 && body.url.length <= 2048 && body.mime.length >= 3;
    case "card":
      return isShort(body.title) && (body.text?.length ?? 0) <= limits.maxTextUnits;
    case "quick":
      return body.options.length >= 1 && body.options.length <= 20 && body.options.every(isShort);
  }
}

function isShort(text: string): boolean {
  return text.length >= 1 && text.length <= 256;
}

function isOptionalId(id: string | undefined): boolean {
  return id === undefined || isId(id);
}

function metaBytes(meta: unknown): number {
  return meta === undefined ? 0 : new TextEncoder().encode(JSON.stringify(meta)).length;
}
