/**
 * The numbered commands of one connection. Role: finds the target, asks its actor, turns the answer into `ack` or `nack`.
 * Boundary: numbering and entitlement are the actor's; refused here is only what the same command may be sent again for,
 * or what any number of that target would be refused for, since such an answer uses no number up. Invariants: one answer
 * per command within its bound; at most `askInFlightMax` wait (StormBounded).
 */
import { codes, type Code } from "../protocol/codes.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import type { ConversationId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { conversationAddress, encodeAddress, sessionAddress, shardOf, type Address } from "./address.ts";
import type { ConnectionParts } from "./client-port.ts";
import type { CommandHeader, Parsed } from "./inbound.ts";
import type { Principal } from "./messages.ts";
import type { RateLimit } from "./rate-limit.ts";
import { ownConversation } from "./requests.ts";
import type { AskReply, ShardEnvelope } from "./runtime/envelope.ts";

/** What commands need of their connection. */
export interface CommandsPort {
  readonly parts: ConnectionParts;
  readonly rate: RateLimit;
  frame(frame: ServerFrame): void;
  /** Writes the acknowledgement of an own `send`: where it follows the device's position, that is its delivery. */
  own(conv: ConversationId, ack: Ack): void;
}

/** The frame that acknowledges a command. */
export type Ack = Extract<ServerFrame, { t: "ack" }>;

/** What the edge found wrong with a command. */
type Fault = Pick<Extract<Parsed, { kind: "refused" }>, "code" | "msg">;

type ParsedCommand = Extract<Parsed, { kind: "command" | "refused" }>;

const askInFlightMax = 256;
const busyWaitMs = 250;
const fullWaitMs = 5000;

/** Whom commands go to: the conversation's actor, or without one the author's own session. */
interface Target {
  readonly conv: ConversationId | undefined;
  readonly shard: number;
  /** The encoded address. */
  readonly to: string;
}

/** The commands of one connection. */
export class Commands {
  readonly #port: CommandsPort;
  #asking = 0;
  #last: Target | undefined;

  constructor(port: CommandsPort) {
    this.#port = port;
  }

  /** Takes one command and answers it in time. */
  take(by: Principal, parsed: ParsedCommand): void {
    const { header } = parsed;
    const { parts, rate } = this.#port;
    const waitMs = rate.take(parts.clock.now());
    if (waitMs > 0) return this.#nack(header, "RATE_LIMITED", { waitMs });
    if (this.#asking >= askInFlightMax) return this.#busy(header);
    const begins = parsed.kind === "command" && (parsed.frame.t === "open" || parsed.frame.t === "create");
    if (begins && parts.storeFull()) return this.#nack(header, "BUSY", { waitMs: fullWaitMs, why: "store" });
    const target = this.#targetOf(by, header.conv);
    if (target === undefined) return this.#nack(header, "FORBIDDEN", {});
    const isSend = parsed.kind === "command" && parsed.frame.t === "send";
    // The actor keeps the code for repeats; the field is found anew in each.
    const fault = parsed.kind === "refused" ? { code: parsed.code, msg: parsed.msg } : undefined;
    this.#asking++;
    parts.askThen(envelopeOf(by, target, parsed), limits.commandMs, (reply) => {
      this.#asking--;
      this.#answer(header, isSend, reply, fault);
    });
  }

  /** Where a command goes; the last place is remembered, since people mostly speak in one conversation. */
  #targetOf(by: Principal, conv: ConversationId | undefined): Target | undefined {
    if (this.#last !== undefined && this.#last.conv === conv) return this.#last;
    const address = addressOf(by, conv);
    if (address === undefined) return undefined;
    const shard = shardOf(address, this.#port.parts.shards);
    return (this.#last = { conv, shard, to: encodeAddress(address) });
  }

  #answer(header: CommandHeader, isSend: boolean, reply: AskReply | undefined, fault?: Fault): void {
    if (reply?.kind !== "answer") return this.#busy(header);
    const { answer, last } = reply;
    if (answer.kind === "nack")
      return this.#nack(header, answer.code, {
        ...(last === undefined ? {} : { last }),
        ...(fault?.code === answer.code ? { msg: fault.msg } : {}),
      });
    const { seq, epoch, prev, ts } = answer;
    const conv = answer.conv ?? header.conv;
    const { p, n } = header;
    if (conv === undefined) return this.#port.frame({ t: "ack", p, n, seq, epoch, prev, ts });
    const ack: Ack = { t: "ack", conv, p, n, seq, epoch, prev, ts };
    if (isSend && header.conv !== undefined) this.#port.own(header.conv, ack);
    else this.#port.frame(ack);
  }

  #busy(header: CommandHeader): void {
    this.#nack(header, "BUSY", { waitMs: busyWaitMs, why: this.#port.parts.trouble() });
  }

  #nack(
    header: CommandHeader,
    code: Code,
    more: Omit<Extract<ServerFrame, { t: "nack" }>, "t" | "p" | "n" | "code" | "retry" | "conv">,
  ): void {
    const { p, n, conv } = header;
    const { retry } = codes[code];
    this.#port.frame({ t: "nack", ...(conv === undefined ? {} : { conv }), p, n, code, retry, ...more });
  }
}

function addressOf(by: Principal, conv: ConversationId | undefined): Address | undefined {
  if (conv === undefined) return sessionAddress(by.tenant, by.role, by.user);
  return ownConversation(by, conv) ? conversationAddress(by.tenant, conv) : undefined;
}

function envelopeOf(by: Principal, { shard, to }: Target, parsed: ParsedCommand): ShardEnvelope {
  const { p, n, after, digest } = parsed.header;
  const command = { p, n, after, digest };
  if (parsed.kind === "refused") return { k: "refusal", shard, to, command, code: parsed.code };
  const { frame, text } = parsed;
  return { k: "actor", shard, to, message: { kind: "command", frame, by }, command, encodedFrame: text };
}
