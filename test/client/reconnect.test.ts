import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { calmMs, forgivingMs, Reconnect, reconnectCapMs } from "../../client/reconnect.ts";

const always = (value: number) => () => value;
const waitOf = (decision: ReturnType<Reconnect["closed"]>): number =>
  decision.kind === "wait" ? decision.ms : Number.NaN;

describe("reconnect", () => {
  it("stays away after every code from 4000 to 4099", () => {
    fc.assert(
      fc.property(fc.integer({ min: 4000, max: 4099 }), (code) => {
        expect(new Reconnect(always(0.5)).closed(0, code)).toEqual({ kind: "stop" });
      }),
    );
  });

  it("comes back from such a code when a new token may help", () => {
    expect(new Reconnect(always(0.5)).closed(0, 4002, undefined, true).kind).toBe("wait");
  });

  it("waits somewhere in a span that doubles up to 30 s", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(1006, 1000, 1012, 4100, 4104, 4200, 4203), { maxLength: 40 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (endings, random) => {
          const reconnect = new Reconnect(always(random));
          endings.forEach((code, failures) => {
            const base = code >= 4200 ? 250 : 1000;
            const span = Math.min(reconnectCapMs, base * 2 ** failures);
            const ms = waitOf(reconnect.closed(0, code));
            expect(ms).toBeCloseTo(random * span, 6);
          });
        },
      ),
    );
  });

  it("comes back sooner from codes that say now", () => {
    const now = waitOf(new Reconnect(always(0.9)).closed(0, 4201));
    const later = waitOf(new Reconnect(always(0.9)).closed(0, 4100));
    expect(now).toBeLessThan(later);
  });

  it("takes one doubling back for every five seconds that a connection lasted", () => {
    const afterLife = (lifeMs: number): number => {
      const reconnect = new Reconnect(always(1));
      for (let failure = 0; failure < 4; failure += 1) reconnect.closed(0, 1006);
      reconnect.connected(1000);
      return waitOf(reconnect.closed(1000 + lifeMs, 1006));
    };
    expect([0, 1, 2, 3, 4, 5].map((lives) => afterLife(lives * forgivingMs))).toEqual([
      16_000, 8000, 4000, 2000, 1000, 1000,
    ]);
    expect(afterLife(forgivingMs - 1)).toBe(16_000);
  });

  it("does not come back later and later where each connection lasts a while", () => {
    const reconnect = new Reconnect(always(1));
    for (let loss = 0; loss < 20; loss += 1) {
      reconnect.connected(loss * 20_000);
      expect(waitOf(reconnect.closed(loss * 20_000 + 15_000, 1006))).toBe(1000);
    }
  });

  it("comes back later and later where connections are dropped at once", () => {
    const reconnect = new Reconnect(always(1));
    const waits = [0, 1, 2, 3, 4, 5, 6].map((loss) => {
      reconnect.connected(loss * 60_000);
      return waitOf(reconnect.closed(loss * 60_000 + 4000, 1006));
    });
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it("forgets its backoff after a minute of calm", () => {
    const reconnect = new Reconnect(always(1));
    for (let failure = 0; failure < 40; failure += 1) reconnect.closed(0, 1006);
    reconnect.connected(1000);
    expect(waitOf(reconnect.closed(1000 + calmMs, 1006))).toBe(1000);
  });

  it("forgets at once when the device woke up", () => {
    const reconnect = new Reconnect(always(1));
    for (let failure = 0; failure < 40; failure += 1) reconnect.closed(0, 1006);
    reconnect.forget();
    expect([0, 1].map(() => waitOf(reconnect.closed(0, 1006)))).toEqual([1000, 2000]);
  });

  it("never comes back before the time that the server asked for, nor much later", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 120_000 }),
        fc.integer({ min: 0, max: 20 }),
        (waitMs, failures) => {
          const reconnect = new Reconnect(always(0.99));
          for (let failure = 0; failure < failures; failure += 1) reconnect.closed(0, 4100);
          const ms = waitOf(reconnect.closed(0, 4100, waitMs));
          expect(ms).toBeGreaterThanOrEqual(waitMs);
          expect(ms).toBeLessThanOrEqual(waitMs * 1.25);
        },
      ),
    );
  });
});
