import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RateLimit } from "../../actors/rate-limit.ts";

describe("rate limit", () => {
  it("gives the burst at once, then one at a time, and says when", () => {
    const limit = new RateLimit(10, 3, 0);
    expect([0, 0, 0, 0].map((now) => limit.take(now))).toEqual([0, 0, 0, 100]);
    expect(limit.take(100)).toBe(0);
    expect(limit.take(100)).toBe(100);
  });

  it("never gives more than the rate and the burst allow, and no less to who waits as told", () => {
    const gaps = fc.array(fc.nat(300), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        gaps,
        (rate, burst, waits) => {
          const limit = new RateLimit(rate, burst, 0);
          let now = 0;
          let given = 0;
          for (const wait of waits) {
            now += wait;
            const toWait = limit.take(now);
            if (toWait === 0) given++;
            else if (wait % 7 === 0) {
              now += toWait;
              expect(limit.take(now)).toBe(0);
              given++;
            }
            expect(given).toBeLessThanOrEqual(burst + (now / 1000) * rate + 1e-6);
          }
        },
      ),
    );
  });
});
