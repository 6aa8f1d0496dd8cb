import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EncodedEvent, fromStored, storedForm, wireOf } from "../../actors/encoded-event.ts";
import { viewOf } from "../../actors/server-frames.ts";
import { prevFor, type LogEvent } from "../../protocol/events.ts";
import type { ConversationId } from "../../protocol/ids.ts";

const conv = "s.ann.1" as ConversationId;
const count = fc.nat({ max: 2 ** 40 });
const command = fc.option(fc.record({ p: fc.stringMatching(/^[\w-]{1,8}$/), n: count }), { nil: undefined });

/** Events with anything that a person may say. */
const events: fc.Arbitrary<LogEvent> = fc
  .record({
    head: fc.record({ seq: count, epoch: count, prevAll: count, countAll: count, countStaff: count }),
    aud: fc.constantFrom("all" as const, "staff" as const),
    ts: count,
    text: fc.string({ unit: "binary" }),
    command,
  })
  .map(({ head, aud, ts, text, command }) => ({
    body: { kind: "message", body: { kind: "text", text } },
    ...command,
    by: { role: "agent", id: '"ts":1' },
    ts,
    aud,
    ...head,
  }));

describe("encoded events", () => {
  it("are the event, as stored, as sent to another node, and read again", () => {
    fc.assert(
      fc.property(events, (event) => {
        const stored = storedForm(wireOf(event));
        expect(JSON.parse(stored)).toEqual(event);
        const sent = JSON.parse(JSON.stringify(wireOf(event))) as ReturnType<typeof wireOf>;
        for (const back of [new EncodedEvent(sent), fromStored(stored)]) {
          expect(JSON.parse(JSON.stringify(back))).toEqual(event);
          expect(viewOf(back)).toEqual(viewOf(event));
        }
      }),
    );
  });

  it("are read from any order of fields", () => {
    fc.assert(
      fc.property(events, (event) => {
        const back = fromStored(JSON.stringify(event));
        expect(JSON.parse(JSON.stringify(back))).toEqual(event);
      }),
    );
    expect(() => fromStored('{"seq":1,')).toThrow(SyntaxError);
  });

  it("make the frame that encoding the event would make, once per audience", () => {
    fc.assert(
      fc.property(events, (event) => {
        const encoded = fromStored(storedForm(wireOf(event)));
        for (const reader of ["all", "staff", "all"] as const) {
          const { seq, epoch } = event;
          const frame = { t: "deliver", conv, seq, epoch, prev: prevFor(event, reader), ev: viewOf(event) };
          expect(JSON.parse(encoded.frame(conv, reader))).toEqual(frame);
        }
      }),
    );
  });
});
