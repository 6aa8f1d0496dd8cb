import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomOf } from "../../sim/world/chance.ts";
import { adaptiveAdmission } from "../../edge/admission.ts";

const visit = fc.record({
  gapMs: fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, fc.nat(3000)),
  resume: fc.boolean(),
  lagMs: fc.constantFrom(0, 0, 10, 500),
  storeMs: fc.constantFrom(0, 0, 20, 2000),
});

describe("admission under random crowds", () => {
  it("admits in no span of time more than its burst and its rate, and always says when to come back", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 100 }),
        fc.integer(),
        fc.array(visit, { minLength: 1, maxLength: 600, size: "max" }),
        (perSecond, seed, visits) => {
          let now = 0;
          const admission = adaptiveAdmission(perSecond, randomOf(seed, "admission"), () => now);
          const admitted: number[] = [];
          for (const { gapMs, resume, lagMs, storeMs } of visits) {
            now += gapMs;
            admission.breathe({ lagMs, storeMs, busMs: 0, memory: 0 });
            const waitMs = admission.admit(resume);
            if (waitMs === 0) admitted.push(now);
            else {
              expect(waitMs).toBeGreaterThan(0);
              expect(waitMs).toBeLessThanOrEqual(121_000);
            }
          }
          for (let first = 0; first < admitted.length; first += 7) {
            for (let last = first; last < admitted.length; last += 7) {
              const spanMs = (admitted[last] ?? 0) - (admitted[first] ?? 0);
              const most = Math.max(perSecond / 4, 4) + (perSecond * spanMs) / 1000 + 2;
              expect(last - first + 1).toBeLessThanOrEqual(most);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("admits everybody who comes back as told, in a time that the crowd explains", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 300 }),
        fc.integer(),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 600, size: "max" }),
        (perSecond, seed, crowd) => {
          let now = 0;
          const admission = adaptiveAdmission(perSecond, randomOf(seed, "admission"), () => now);
          const waiting = crowd.map((resume) => ({ at: 0, resume }));
          for (let steps = 0; waiting.length > 0; steps++) {
            expect(steps).toBeLessThan(20 * crowd.length + 100);
            waiting.sort((a, b) => a.at - b.at);
            const [next] = waiting;
            if (next === undefined) break;
            now = next.at;
            const waitMs = admission.admit(next.resume);
            if (waitMs === 0) waiting.shift();
            else next.at = now + waitMs;
          }
          // The slow lane alone has a fifth of the rate; half a second of jitter per time somebody comes back.
          expect(now).toBeLessThan((1000 * crowd.length) / (perSecond * 0.2) + 5000);
        },
      ),
      { numRuns: 200 },
    );
  });
});
