import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RateLimit } from "../../actors/rate-limit.ts";
import { Pace } from "../../client/pace.ts";
import { limits } from "../../protocol/limits.ts";

describe("pace", () => {
  it("holds nothing back before a server has said what it takes", () => {
    const pace = new Pace();
    pace.spend(10_000, 0);
    expect(pace.room(0)).toBe(Infinity);
    expect(pace.nextAt()).toBeLessThanOrEqual(0);
  });

  it("lets a burst go, then the rate that was told, and says when the next may go", () => {
    const pace = new Pace();
    pace.begin(20, 1000);
    const burst = pace.room(1000);
    expect(burst).toBe(48);
    pace.spend(burst, 1000);
    expect([pace.room(1000), pace.nextAt()]).toEqual([0, 1050]);
    expect(pace.room(1049)).toBe(0);
    expect(pace.room(1200)).toBe(4);
    expect(pace.room(60_000)).toBe(burst);
  });

  it("waits for all that the server asked for", () => {
    const pace = new Pace();
    pace.begin(20, 0);
    pace.refused(700, 0);
    expect([pace.room(699), pace.nextAt()]).toEqual([0, 700]);
    expect(pace.room(701)).toBe(1);
  });

  it("is never refused by the server's own bucket, however late each frame comes", () => {
    const frame = fc.record({ pauseMs: fc.nat(400), delayMs: fc.nat(200) });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 500 }), (frames) => {
        const pace = new Pace();
        const server = new RateLimit(limits.commandsPerSecond, limits.commandBurst, 0);
        pace.begin(limits.commandsPerSecond, 0);
        let now = 0;
        let arrived = 0;
        for (const { pauseMs, delayMs } of frames) {
          now += pauseMs > 100 ? 0 : pauseMs;
          if (pace.room(now) === 0) now = Math.ceil(pace.nextAt());
          pace.spend(1, now);
          arrived = Math.max(arrived, now + delayMs);
          expect(server.take(arrived)).toBe(0);
        }
      }),
    );
  });
});
