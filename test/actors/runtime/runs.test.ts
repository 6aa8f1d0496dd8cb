import { describe, expect, it } from "vitest";
import { Runs } from "../../../actors/runtime/runs.ts";
import type { Member, NodeRun, Routing } from "../../../placement/hosting.ts";

function runs() {
  const members = new Map<string, Member>();
  const known: NodeRun[] = [];
  let now = 0;
  const routing = {
    self: { node: "a", incarnation: "2" },
    members: () => members,
    over: ({ node, incarnation }: NodeRun) =>
      known.some((run) => run.node === node && run.incarnation === incarnation),
  } as unknown as Routing;
  const join = (node: string, incarnation: string): void =>
    void members.set(node, { node, incarnation } as Member);
  return { all: new Runs(routing, () => now), members, known, join, pass: (ms: number) => void (now += ms) };
}

const b1 = { node: "b", incarnation: "1" };

describe("runs", () => {
  it("are gone at once when they are known to be over, this node's own too", () => {
    const { all, known, join } = runs();
    join("b", "2");
    known.push(b1);
    expect(all.alive(b1)).toBe(false);
    expect(all.alive({ node: "a", incarnation: "1" })).toBe(false);
    expect(all.alive({ node: "a", incarnation: "2" })).toBe(true);
  });

  it("are given up when another incarnation is shown in their place for half a minute, not for a moment", () => {
    const { all, join, pass } = runs();
    join("b", "0");
    expect(all.alive(b1)).toBe(true);
    pass(29_000);
    all.look();
    expect(all.alive(b1)).toBe(true);
    join("b", "1");
    all.look();
    join("b", "0");
    expect(all.alive(b1)).toBe(true);
    pass(29_000);
    expect(all.alive(b1)).toBe(true);
    pass(2000);
    expect(all.alive(b1)).toBe(false);
  });

  it("are given up when they are missing for half a minute, not for a moment", () => {
    const { all, members, join, pass } = runs();
    join("b", "1");
    expect(all.alive(b1)).toBe(true);
    members.delete("b");
    expect(all.alive(b1)).toBe(true);
    pass(29_000);
    expect(all.alive(b1)).toBe(true);
    pass(2000);
    expect([all.alive(b1), all.alive(b1)]).toEqual([false, false]);
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

  it("are remembered as missing up to a number, and not when they are back or over", () => {
    const { all, known, join } = runs();
    for (let i = 0; i < 2000; i++) all.alive({ node: `n${i}`, incarnation: "1" });
    expect(all.missing).toBe(1000);
    join("n1999", "1");
    all.look();
    const run = { node: "n1998", incarnation: "1" };
    known.push(run);
    all.alive(run);
    expect(all.missing).toBe(998);
  });
});
