/**
 * Untrusted text becomes a checked frame. Nothing behind this line sees a frame that its schema does not allow.
 */
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { hash32 } from "../base/hash.ts";
import type { CommandHeader, Parsed } from "../actors/inbound.ts";
import { codes } from "../protocol/codes.ts";
import { commandSchemas, requestSchemas, type CommandFrame, type RequestFrame } from "../protocol/frames.ts";
import { isConversationId, isId, type ConversationId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { fieldFault } from "./field-fault.ts";

/** Parses one text message. */
export type FrameParser = (text: string) => Parsed;

interface Checked {
  readonly schema: TSchema;
  readonly fits: (value: unknown) => boolean;
}

/** Compiles the schemas once. */
export function frameParser(): FrameParser {
  const compile = (schemas: Record<string, TSchema>): Map<string, Checked> =>
    new Map(
      Object.entries(schemas).map(([name, schema]) => {
        const validator = Compile(schema);
        return [name, { schema, fits: (value: unknown) => validator.Check(value) }];
      }),
    );
  const commands = compile(commandSchemas);
  const requests = compile(requestSchemas);

  return (text) => {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return { kind: "bad", reason: "not JSON" };
    }
    if (!isRecord(value)) return { kind: "bad", reason: "no frame type" };
    const { t } = value;
    if (typeof t !== "string") return { kind: "bad", reason: "no frame type" };
    const command = commands.get(t);
    if (command === undefined) {
      const request = requests.get(t);
      if (request === undefined) return { kind: "unknown" };
      if (!request.fits(value)) return malformed(t, fieldFault(request.schema, value));
      return { kind: "request", frame: value as RequestFrame };
    }
    const frame = command.fits(value) ? (value as CommandFrame) : undefined;
    const header = frame === undefined ? headerOf(value) : headerOfValid(frame);
    if (header === undefined) return malformed(t, fieldFault(command.schema, value) ?? lateNumber);
    if (frame === undefined) {
      const code = textTooLong(value) ? "TOO_LARGE" : "INVALID";
      return { kind: "refused", header, code, msg: fieldFault(command.schema, value) ?? codes[code].text };
    }
    if (
      frame.t === "open" &&
      frame.meta !== undefined &&
      Buffer.byteLength(JSON.stringify(frame.meta)) > limits.maxMetaBytes
    ) {
      return { kind: "refused", header, code: "TOO_LARGE", msg: largeMeta };
    }
    return { kind: "command", frame, header, text };
  };
}

const lateNumber = "after: must be less than n";
const largeMeta = `meta: must be at most ${limits.maxMetaBytes} bytes of JSON`;

function malformed(t: string, fault = "unreadable"): Parsed {
  return { kind: "bad", reason: `malformed ${t}: ${fault}` };
}

type Fields = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const ownSessionVerbs = new Set(["open", "status"]);

/** Producer, numbers and target of a frame that its schema allows, which does not compare its numbers. */
function headerOfValid(frame: CommandFrame): CommandHeader | undefined {
  const { p, n, after } = frame;
  if (after >= n) return undefined;
  const digest = hash32(contentOf(frame));
  if (ownSessionVerbs.has(frame.t) || !("conv" in frame)) return { p, n, after, digest };
  return { p, n, after, digest, conv: frame.conv as ConversationId };
}

/** The same of one that it does not allow, when they at least are well formed. */
function headerOf(value: Fields): CommandHeader | undefined {
  const { p, n, after, conv } = value;
  if (typeof p !== "string" || !isId(p)) return undefined;
  if (!isCount(n) || n < 1 || !isCount(after) || after >= n) return undefined;
  const digest = hash32(contentOf(value));
  if (typeof value.t === "string" && ownSessionVerbs.has(value.t)) return { p, n, after, digest };
  if (typeof conv !== "string" || !isConversationId(conv)) return undefined;
  return { p, n, after, digest, conv };
}

/** What a repeat must repeat: all of a command but its numbers. Of what is said, the body says it all. */
function contentOf(value: Fields): string {
  const { t } = value;
  if (t === "send" || t === "note") return `${t} ${JSON.stringify(value.body)}`;
  return JSON.stringify({ ...value, p: 0, n: 0, after: 0 });
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= 2 ** 40;
}

function textTooLong(value: Fields): boolean {
  const { body } = value;
  return isRecord(body) && typeof body.text === "string" && body.text.length > limits.maxTextUnits;
}
