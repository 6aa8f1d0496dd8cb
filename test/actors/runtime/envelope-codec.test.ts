import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NodeEnvelope } from "../../../actors/runtime/envelope.ts";
import { decodeEnvelope, encodeEnvelope } from "../../../actors/runtime/envelope-codec.ts";
import type { WireEvent } from "../../../actors/encoded-event.ts";
import type { CommandFrame } from "../../../protocol/frames.ts";
import type { ConversationId, TenantId, UserId } from "../../../protocol/ids.ts";

const by = { tenant: "acme" as TenantId, role: "visitor" as const, user: "ann" as UserId };
const conv = "s.ann.1" as ConversationId;
const to = `conversation/acme/${conv}`;

/** As it arrives. */
function roundTrip(envelope: NodeEnvelope): NodeEnvelope {
  return decodeEnvelope(JSON.parse(encodeEnvelope(envelope)));
}

function ask(frame: CommandFrame, digest: number, encodedFrame?: string): NodeEnvelope {
  const { p, n, after } = frame;
  const encoded = encodedFrame === undefined ? {} : { encodedFrame };
  const command = { p, n, after, digest };
  const message = { kind: "command" as const, frame, by };
  return { k: "ask", ask: 7, envelope: { k: "actor", shard: 3, to, message, command, ...encoded } };
}

const counts = fc.nat({ max: 2 ** 40 });
const texts = fc.string({ unit: "binary", minLength: 1 });
const frames = fc
  .record({ n: counts, after: counts, text: texts })
  .map(({ n, after, text }): CommandFrame => {
    return { t: "send", conv, p: "p1", n, after, body: { kind: "text", text } };
  });
const events = fc
  .tuple(counts, counts, fc.constantFrom("all" as const, "staff" as const), counts, counts, counts, texts)
  .map((event): WireEvent => event);

const envelopes: fc.Arbitrary<NodeEnvelope> = fc.oneof(
  fc.tuple(frames, counts).map(([frame, digest]) => ask(frame, digest)),
  fc.tuple(counts, counts, counts, counts, counts).map(([number, seq, epoch, prev, ts]): NodeEnvelope => {
    return {
      k: "reply",
      ask: number,
      reply: { kind: "answer", answer: { kind: "ack", seq, epoch, prev, ts } },
    };
  }),
  fc.array(events).map((list): NodeEnvelope => {
    return { k: "events", shard: 3, epoch: 2, items: list.map((event, i) => ({ to: `${to}${i}`, event })) };
  }),
);

/** What is rare, or says more than the short forms have room for. */
const others: readonly NodeEnvelope[] = [
  { k: "renew" },
  { k: "bounce", ask: 1, shard: 2 },
  { k: "shard", envelope: { k: "unfollow", shard: 1, to: [to] } },
  { k: "ask", ask: 1, envelope: { k: "follow", shard: 1, items: [{ to, after: 3 }] } },
  { k: "ask", ask: 1, envelope: { k: "actor", shard: 1, to, message: { kind: "describe" } } },
  { k: "reply", ask: 1, reply: { kind: "busy" } },
  { k: "reply", ask: 1, reply: { kind: "answer", answer: { kind: "nack", code: "GAP" }, last: 4 } },
  { k: "reply", ask: 1, reply: { kind: "answer", answer: { kind: "nack", code: "INVALID" } } },
  {
    k: "reply",
    ask: 1,
    reply: { kind: "answer", answer: { kind: "ack", seq: 1, epoch: 1, prev: 0, ts: 5 }, last: 4 },
  },
  {
    k: "reply",
    ask: 1,
    reply: { kind: "answer", answer: { kind: "ack", conv, seq: 0, epoch: 0, prev: 0, ts: 0 } },
  },
];

describe("envelopes on the wire", () => {
  it("arrive as they were sent", () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        expect(roundTrip(envelope)).toEqual(envelope);
      }),
    );
    for (const envelope of others) expect(roundTrip(envelope)).toEqual(envelope);
  });

  it("carry a command's frame as its client wrote it", () => {
    const frame: CommandFrame = {
      t: "send",
      conv,
      p: "p1",
      n: 2,
      after: 1,
      body: { kind: "text", text: "né" },
    };
    const written = ` {"body":{"text":"n\\u00e9","kind":"text"},"t":"send", "conv":"${conv}","p":"p1","n":2,"after":1}`;
    const envelope = ask(frame, 5, written);
    expect(encodeEnvelope(envelope)).toContain(written);
    expect(roundTrip(envelope)).toEqual(ask(frame, 5));
  });
});
