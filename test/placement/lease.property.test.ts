import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Lease } from "../../placement/lease.ts";
import { manualClock } from "../support/manual-clock.ts";

const leaseMs = 4000;

type Step =
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "send" | "freeze" }
  /** One of the renewals that were sent is acknowledged: late, twice, in any order. */
  | { readonly do: "acknowledge"; readonly part: number }
  /** What a thaw needs was begun now, in this term. */
  | { readonly do: "prepare" }
  /** What was prepared then is done. */
  | { readonly do: "thaw"; readonly part: number };

const part = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.nat(3000) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("send" as const, "prepare" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("acknowledge" as const, "thaw" as const), part }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("freeze" as const) }) },
);

describe("lease under random schedules", () => {
  it("lets nothing out but while a renewal is young, and after a thaw that was wholly prepared since it last lapsed", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const clock = manualClock();
        const lease = new Lease(clock, leaseMs);
        const sent: number[] = [];
        const prepared: { readonly term: number; readonly lapses: number }[] = [];
        let renewedAt = -Infinity;
        /** How often the lease has been seen to have lapsed by who never sleeps. */
        let lapses = 0;
        let lapsed = true;
        let open = false;
        const look = (): void => {
          if (!lapsed && clock.now() - renewedAt > leaseMs) {
            lapsed = true;
            lapses++;
            open = false;
          }
        };
        for (const next of steps) {
          if (next.do === "advance") clock.advance(next.ms);
          look();
          if (next.do === "send") sent.push(clock.now());
          else if (next.do === "prepare") prepared.push({ term: lease.term, lapses });
          else if (next.do === "freeze") {
            lease.freeze();
            renewedAt = -Infinity;
            lapsed = true;
            lapses++;
            open = false;
          } else if (next.do === "acknowledge" && sent.length > 0) {
            const at = sent[Math.floor(next.part * sent.length)] ?? 0;
            lease.renewed(at);
            renewedAt = Math.max(renewedAt, at);
            if (lapsed && clock.now() - renewedAt <= leaseMs) lapsed = false;
          } else if (next.do === "thaw" && prepared.length > 0) {
            const plan = prepared[Math.floor(next.part * prepared.length)];
            const thawed = plan !== undefined && lease.thaw(plan.term);
            if (thawed) {
              expect(lapsed).toBe(false);
              expect(plan.lapses).toBe(lapses);
              open = true;
            }
          }
          expect(lease.frozen()).toBe(!open);
          expect(lease.alive()).toBe(clock.now() - renewedAt <= leaseMs);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
