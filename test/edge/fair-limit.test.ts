import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairLimit, type FairLimitSizes } from "../../edge/http/fair-limit.ts";

const sizes: FairLimitSizes = {
  perSecond: 200,
  burst: 200,
  reserve: 100,
  own: { perSecond: 5, burst: 20 },
  addresses: 50,
};

/** How many of `count` tokens one address gets at once. */
function takeAll(limit: FairLimit, address: string, now: number, count: number): number {
  let taken = 0;
  for (let i = 0; i < count; i++) if (limit.take(address, now) === 0) taken++;
  return taken;
}

describe("a fair limit", () => {
  it("gives one address that is alone all there is, as if it were for all", () => {
    const limit = new FairLimit(sizes, 0);
    let taken = takeAll(limit, "a", 0, 1000);
    expect(taken).toBe(sizes.burst + sizes.own.burst);
    for (let now = 1; now <= 10_000; now++) {
      taken += takeAll(limit, "a", now, 5);
      expect(taken).toBeGreaterThanOrEqual(Math.floor(sizes.burst + (now * sizes.perSecond) / 1000 - 1e-6));
    }
  });

  it("keeps a share for another beside a greedy one", () => {
    const limit = new FairLimit(sizes, 0);
    takeAll(limit, "greedy", 0, 1000);
    expect(takeAll(limit, "b", 0, 100)).toBe(sizes.own.burst);
    for (let now = 200; now < 60_000; now += 200) {
      takeAll(limit, "greedy", now, 100);
      expect(limit.take("b", now + 100)).toBe(0);
    }
  });

  it("says when to come back, and holds to it while nobody else asks", () => {
    const limit = new FairLimit(sizes, 0);
    takeAll(limit, "a", 0, 1000);
    const waitMs = limit.take("a", 0);
    expect(waitMs).toBeGreaterThan(0);
    expect(limit.take("a", waitMs)).toBe(0);
  });

  it("gives no more in all than its bounds, whoever asks", () => {
    const asks = fc.array(fc.tuple(fc.nat({ max: 20 }), fc.nat({ max: 300 }), fc.nat({ max: 400 })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(asks, (steps) => {
        const limit = new FairLimit(sizes, 0);
        let [now, taken] = [0, 0];
        for (const [address, afterMs, count] of steps) {
          now += afterMs;
          taken += takeAll(limit, `address ${address}`, now, count);
          expect(taken).toBeLessThanOrEqual(
            sizes.burst + sizes.reserve + (now * sizes.perSecond) / 1000 + 1e-6,
          );
        }
      }),
    );
  });

  it("remembers nobody while there is enough, and a bounded number when there is not", () => {
    const limit = new FairLimit(sizes, 0);
    takeAll(limit, "a", 0, 100);
    expect(limit.remembered).toBe(0);
    takeAll(limit, "a", 0, 1000);
    for (let i = 0; i < 1000; i++) limit.take(`address ${i}`, 0);
    expect(limit.remembered).toBe(sizes.addresses);
  });

  it("forgets who asked once, not who asks again and again", () => {
    const limit = new FairLimit({ ...sizes, reserve: 5000, own: { perSecond: 5, burst: 1 } }, 0);
    expect(takeAll(limit, "a", 0, 1000)).toBe(sizes.burst + 1);
    for (let i = 0; i < 1000; i++) {
      if (i % 11 < 2) expect(limit.take("a", 0)).toBeGreaterThan(0);
      expect(limit.take(`other ${i}`, 0)).toBe(0);
    }
    expect(limit.take("other 0", 0)).toBe(0);
    expect(limit.take("other 999", 0)).toBeGreaterThan(0);
  });
});
