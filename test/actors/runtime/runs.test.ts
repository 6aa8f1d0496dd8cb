import { describe, expect, it } from "vitest";
import { Runs } from "../../../actors/runtime/runs.ts";
import type { Member, Routing } from "../../../placement/hosting.ts";

function runs() {
  const members = new Map<string, Member>();
  let now = 0;
  const routing = { self: { node: "a", incarnation: "2" }, members: () => members } as unknown as Routing;
  const join = (node: string, incarnation: string): void =>
    void members.set(node, { node, incarnation } as Member);
  return { all: new Runs(routing, () => now), members, join, pass: (ms: number) => void (now += ms) };
}

const b1 = { node: "b", incarnation: "1" };

describe("runs", () => {
  it("are replaced when another incarnation appears, this node's own too", () => {
    const { all, join } = runs();
    join("b", "2");
    expect([all.replaced(b1), all.alive(b1)]).toEqual([true, false]);
    expect(all.replaced({ node: "a", incarnation: "1" })).toBe(true);
    expect(all.alive({ node: "a", incarnation: "2" })).toBe(true);
  });

  it("are given up when they are missing for half a minute, not for a moment", () => {
    const { all, members, join, pass } = runs();
    join("b", "1");
    expect(all.alive(b1)).toBe(true);
    members.delete("b");
    expect(all.alive(b1)).toBe(true);
    pass(29_000);
    expect([all.alive(b1), all.replaced(b1)]).toEqual([true, false]);
    pass(2000);
    expect([all.alive(b1), all.replaced(b1)]).toEqual([false, false]);
  });

  it("count an absence from when it began, not from an earlier one", () => {
    const { all, members, join, pass } = runs();
    all.alive(b1);
    join("b", "1");
    all.look();
    pass(100_000);
    members.delete("b");
    expect(all.alive(b1)).toBe(true);
  });
});
