import { describe, expect, it } from "vitest";
import { Lease } from "../../placement/lease.ts";
import { manualClock } from "../support/manual-clock.ts";

function thawed(): { clock: ReturnType<typeof manualClock>; lease: Lease } {
  const clock = manualClock();
  const lease = new Lease(clock, 4000);
  lease.renewed(clock.now());
  lease.thaw(lease.term);
  return { clock, lease };
}

describe("lease", () => {
  it("is frozen from the start until a renewal and a thaw", () => {
    const clock = manualClock();
    const lease = new Lease(clock, 4000);
    expect(lease.frozen()).toBe(true);
    expect(lease.thaw(lease.term)).toBe(false);
    lease.renewed(clock.now());
    expect(lease.frozen()).toBe(true);
    expect(lease.thaw(lease.term)).toBe(true);
    expect(lease.frozen()).toBe(false);
  });

  it("freezes when the last acknowledged renewal was sent more than four seconds ago", () => {
    const { clock, lease } = thawed();
    clock.advance(4000);
    expect(lease.frozen()).toBe(false);
    clock.advance(1);
    expect(lease.frozen()).toBe(true);
  });

  it("counts a renewal from when it was sent, not from when it was answered", () => {
    const { clock, lease } = thawed();
    const sentAt = clock.now() + 100;
    clock.advance(3000);
    lease.renewed(sentAt);
    clock.advance(1100);
    expect(lease.frozen()).toBe(false);
    clock.advance(1);
    expect(lease.frozen()).toBe(true);
  });

  it("stays frozen when a renewal comes before anybody noticed that the lease had run out", () => {
    const { clock, lease } = thawed();
    clock.advance(10_000);
    lease.renewed(clock.now());
    expect(lease.alive()).toBe(true);
    expect(lease.frozen()).toBe(true);
  });

  it("thaws only for what was done in the present term", () => {
    const { clock, lease } = thawed();
    const before = lease.term;
    clock.advance(10_000);
    lease.renewed(clock.now());
    expect(lease.thaw(before)).toBe(false);
    expect(lease.thaw(lease.term)).toBe(true);
    expect(lease.thaw(lease.term)).toBe(false);
  });

  it("is not shortened by an older renewal that is answered late", () => {
    const { clock, lease } = thawed();
    clock.advance(2000);
    lease.renewed(clock.now());
    lease.renewed(500);
    clock.advance(4000);
    expect(lease.frozen()).toBe(false);
  });

  it("needs a new renewal and a thaw after a freeze on purpose", () => {
    const { clock, lease } = thawed();
    lease.freeze();
    expect(lease.frozen()).toBe(true);
    expect(lease.thaw(lease.term)).toBe(false);
    lease.renewed(clock.now());
    expect(lease.thaw(lease.term)).toBe(true);
  });
});
