import { describe, expect, it } from "vitest";
import { Heartbeat, probeMs } from "../../client/heartbeat.ts";

const period = 25_000;

describe("heartbeat", () => {
  it("pings first at a random part of the period, then once per period", () => {
    const heartbeat = new Heartbeat(period, 0, 0.4);
    expect(heartbeat.nextAt()).toBe(10_000);
    expect(heartbeat.poll(9_999)).toBeUndefined();
    expect(heartbeat.poll(10_000)).toBe("ping");
    heartbeat.heard(10_010);
    expect(heartbeat.nextAt()).toBe(35_000);
    expect(heartbeat.poll(35_000)).toBe("ping");
  });

  it("probes after 1.2 periods of silence and gives up 5 s later", () => {
    const heartbeat = new Heartbeat(period, 0, 0.99);
    heartbeat.poll(24_750);
    expect(heartbeat.nextAt()).toBe(1.2 * period);
    expect(heartbeat.poll(1.2 * period)).toBe("ping");
    expect(heartbeat.poll(1.2 * period + probeMs - 1)).toBeUndefined();
    expect(heartbeat.poll(1.2 * period + probeMs)).toBe("dead");
  });

  it("probes when a command is unanswered for 5 s", () => {
    const heartbeat = new Heartbeat(period, 0, 0.99);
    heartbeat.heard(2_500);
    expect(heartbeat.nextAt(1_000)).toBe(6_000);
    expect(heartbeat.poll(6_000, 1_000)).toBe("ping");
    expect(heartbeat.poll(11_000, 1_000)).toBe("dead");
  });

  it("takes any frame as a sign of life", () => {
    const heartbeat = new Heartbeat(period, 0, 0.99);
    heartbeat.poll(6_000, 1_000);
    heartbeat.heard(7_000);
    expect(heartbeat.poll(11_500, undefined)).toBeUndefined();
  });

  it("asks again every 5 s while a command stays unanswered on a living line", () => {
    const heartbeat = new Heartbeat(period, 0, 0.99);
    expect(heartbeat.poll(6_000, 1_000)).toBe("ping");
    heartbeat.heard(6_010);
    expect(heartbeat.poll(6_020, 1_000)).toBeUndefined();
    expect(heartbeat.poll(11_000, 1_000)).toBe("ping");
  });

  it("probes once more instead of giving up when the device slept through its timer", () => {
    const heartbeat = new Heartbeat(period, 0, 0.99);
    heartbeat.poll(1.2 * period);
    expect(heartbeat.poll(1.2 * period + 60_000)).toBe("ping");
    expect(heartbeat.poll(1.2 * period + 60_000 + probeMs)).toBe("dead");
  });

  it("probes at once when the owner suspects the line", () => {
    const heartbeat = new Heartbeat(period, 0, 0.99);
    heartbeat.suspect(3_000);
    expect(heartbeat.poll(3_000)).toBe("ping");
  });
});
