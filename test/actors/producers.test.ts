import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CommandAnswer } from "../../actors/behavior.ts";
import { Producer, type RowChange } from "../../actors/producers.ts";
import { limits } from "../../protocol/limits.ts";

const ack = (seq: number): CommandAnswer => ({ kind: "ack", seq, epoch: 1, prev: seq - 1, ts: seq });
const command = (n: number, after = n - 1, digest = n) => ({ p: "p", n, after, digest });

/** What the store holds after a change. */
function written(stored: string, { op, value }: RowChange): string {
  return op === "keep" ? value : stored + value;
}

/** A producer whose last answered number is that. */
function answered(last: number): Producer {
  const row = new Producer();
  row.remember(command(last, 0), ack(last), 0);
  return row;
}

describe("producers", () => {
  it("accept a command iff `after <= last < n`", () => {
    const row = answered(5);
    expect(row.judge(command(6)).kind).toBe("fresh");
    expect(row.judge(command(9, 5)).kind).toBe("fresh");
    expect(row.judge(command(9, 8))).toEqual({ kind: "refused", code: "GAP", last: 5 });
    expect(row.judge(command(4))).toEqual({ kind: "refused", code: "SKIPPED", last: 5 });
  });

  it("tell an unknown producer from a gap", () => {
    expect(new Producer().judge(command(1)).kind).toBe("fresh");
    expect(new Producer().judge(command(3, 2))).toEqual({
      kind: "refused",
      code: "PRODUCER_UNKNOWN",
      last: 0,
    });
  });

  it("give a repeat its old answer, and refuse another body", () => {
    const row = new Producer();
    row.remember(command(1), ack(7), 0);
    expect(row.judge(command(1))).toEqual({ kind: "repeat", answer: ack(7) });
    expect(row.judge(command(1, 0, 99))).toEqual({ kind: "refused", code: "PRODUCER_CONFLICT", last: 1 });
  });

  it("survive being stored, whatever was answered", () => {
    const answer = fc.oneof(
      fc.record({
        kind: fc.constant("nack" as const),
        code: fc.constantFrom("CLOSED" as const, "INVALID" as const),
      }),
      fc
        .tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat(), fc.constantFrom(null, "s.v-1.1z", "g.room"))
        .map(([seq, epoch, prev, ts, conv]) => ({
          kind: "ack" as const,
          seq,
          epoch,
          prev,
          ts,
          ...(conv === null ? {} : { conv }),
        })),
    );
    fc.assert(
      fc.property(fc.array(answer, { minLength: 1, maxLength: 140, size: "max" }), (answers) => {
        const row = new Producer();
        let stored = "";
        for (const [i, one] of answers.entries()) {
          stored = written(stored, row.remember(command(i + 1), one, i));
          expect(stored.split("\n").length - 1).toBeLessThanOrEqual(2 * limits.rememberedAnswers);
        }
        const again = new Producer(stored);
        expect(again.size).toBe(row.size);
        for (let n = 1; n <= answers.length + 1; n++)
          expect(again.judge(command(n))).toEqual(row.judge(command(n)));
      }),
    );
  });

  it("never expire within a day of their last command", () => {
    const step = fc.record({
      afterMs: fc.constantFrom(1, 3_600_000, 7 * 3_600_000, 23 * 3_600_000),
      reload: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: "max" }), (steps) => {
        let row = new Producer();
        let [now, until, stored] = [0, 0, ""];
        for (const [i, { afterMs, reload }] of steps.entries()) {
          now += afterMs;
          if (row.size > 0) expect(until).toBeGreaterThan(now);
          if (reload && row.size > 0) row = new Producer(stored);
          const change = row.remember(command(i + 1), ack(i), now);
          if (change.op === "keep") until = now + change.ttlMs;
          stored = written(stored, change);
        }
      }),
    );
  });

  it("agree with a model that remembers everything", () => {
    const step = fc.record({
      n: fc.integer({ min: 1, max: 60 }),
      back: fc.integer({ min: 1, max: 5 }),
      digest: fc.nat(1),
      reload: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const model = new Map<number, { digest: number; answer: CommandAnswer }>();
        let row = new Producer();
        let stored = "";
        let last = 0;
        for (const [i, { n, back, digest, reload }] of steps.entries()) {
          const after = Math.max(0, n - back);
          const verdict = row.judge({ p: "p", n, after, digest });
          const old = model.get(n);
          const remembered = [...model.keys()].slice(-limits.rememberedAnswers).includes(n);
          if (n > last && after <= last) {
            expect(verdict).toEqual({ kind: "fresh" });
            const answer = ack(i + 1);
            stored = written(stored, row.remember({ p: "p", n, after, digest }, answer, i));
            model.set(n, { digest, answer });
            last = n;
          } else if (n > last)
            expect(verdict).toMatchObject({ code: last === 0 ? "PRODUCER_UNKNOWN" : "GAP", last });
          else if (old === undefined || !remembered) expect(verdict).toMatchObject({ code: "SKIPPED" });
          else if (old.digest !== digest) expect(verdict).toMatchObject({ code: "PRODUCER_CONFLICT" });
          else expect(verdict).toEqual({ kind: "repeat", answer: old.answer });
          if (reload && stored !== "") row = new Producer(stored);
          expect(row.size).toBeLessThanOrEqual(limits.rememberedAnswers);
        }
      }),
    );
  });
});
