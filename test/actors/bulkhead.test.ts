import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bulkhead } from "../../actors/bulkhead.ts";
import { virtualTime, type VirtualTime } from "../support/virtual-clock.ts";

interface World {
  readonly time: VirtualTime;
  readonly bulkhead: Bulkhead<number>;
  /** Where each number goes; what is missing goes nowhere. */
  readonly nodes: Map<number, string>;
  /** What was begun, in this order. */
  readonly begun: number[];
  readonly underWay: Map<number, { readonly node: string; readonly end: () => void }>;
  /** Ends one that is under way. */
  end(item: number): Promise<void>;
}

function bulkheadWorld(atOnce: number): World {
  const time = virtualTime();
  const nodes = new Map<number, string>();
  const begun: number[] = [];
  const underWay: World["underWay"] = new Map();
  const bulkhead: Bulkhead<number> = new Bulkhead({
    clock: time.clock(),
    again: (item) => bulkhead.add(item),
    atOnce: () => atOnce,
    nodeOf: (item) => nodes.get(item),
    async run(item) {
      expect(underWay.has(item)).toBe(false);
      begun.push(item);
      await new Promise<void>((end) => underWay.set(item, { node: nodes.get(item) ?? "", end }));
      underWay.delete(item);
    },
  });
  return {
    time,
    nodes,
    begun,
    underWay,
    bulkhead,
    async end(item) {
      underWay.get(item)?.end();
      // The one that ends, and what it makes room for.
      for (let turns = 0; turns < 5; turns++) await Promise.resolve();
    },
  };
}

describe("bulkhead", () => {
  it("lets a few begin towards each node, the rest in the order in which they came", async () => {
    const { bulkhead, nodes, begun, end } = bulkheadWorld(2);
    for (let i = 0; i < 6; i++) nodes.set(i, i < 4 ? "a" : "b");
    for (let i = 0; i < 6; i++) bulkhead.add(i);
    expect(begun).toEqual([0, 1, 4, 5]);
    expect(bulkhead.waiting).toBe(2);
    await end(1);
    expect(begun).toEqual([0, 1, 4, 5, 2]);
    await end(4);
    await end(0);
    expect(begun).toEqual([0, 1, 4, 5, 2, 3]);
    expect(bulkhead.waiting).toBe(0);
  });

  it("does once what is added many times, and once more what is added while it is under way", async () => {
    const { bulkhead, nodes, begun, end } = bulkheadWorld(1);
    nodes.set(1, "a").set(2, "a");
    for (let times = 0; times < 3; times++) bulkhead.add(1);
    for (let times = 0; times < 3; times++) bulkhead.add(2);
    await end(1);
    await end(2);
    expect(begun).toEqual([1, 2, 1]);
    await end(1);
    expect(begun).toEqual([1, 2, 1]);
  });

  it("moves what waits to the line of its new node, and forgets what has none until it is added again", async () => {
    const { bulkhead, nodes, begun } = bulkheadWorld(1);
    nodes.set(1, "dead").set(2, "dead").set(3, "dead");
    for (const item of [1, 2, 3]) bulkhead.add(item);
    nodes.set(2, "b").delete(3);
    for (const item of [2, 3]) bulkhead.add(item);
    expect(begun).toEqual([1, 2]);
    expect(bulkhead.waiting).toBe(0);
    nodes.set(3, "c");
    bulkhead.add(3);
    expect(begun).toEqual([1, 2, 3]);
  });

  it("gives the place of what takes long to the next, and still does nothing twice at a time", async () => {
    const { time, bulkhead, nodes, begun, end } = bulkheadWorld(1);
    for (const item of [1, 2, 3, 4]) nodes.set(item, "a");
    for (const item of [1, 2, 3]) bulkhead.add(item);
    await time.advance(400);
    expect(begun).toEqual([1]);
    await time.advance(200);
    expect(begun).toEqual([1, 2]);
    bulkhead.add(1);
    await end(2);
    expect(begun).toEqual([1, 2, 3]);
    bulkhead.add(4);
    await end(1);
    expect(begun).toEqual([1, 2, 3]);
    await end(3);
    expect(begun).toEqual([1, 2, 3, 4]);
    await end(4);
    expect(begun).toEqual([1, 2, 3, 4, 1]);
    expect(bulkhead.waiting).toBe(0);
  });

  it("does not do what was dropped, not even again", async () => {
    const { bulkhead, nodes, begun, end } = bulkheadWorld(1);
    nodes.set(1, "a").set(2, "a");
    bulkhead.add(1);
    bulkhead.add(1);
    bulkhead.add(2);
    bulkhead.drop(1);
    bulkhead.drop(2);
    await end(1);
    expect(begun).toEqual([1]);
    expect(bulkhead.waiting).toBe(0);
  });
});

const steps = fc.array(
  fc.record({
    do: fc.constantFrom("add" as const, "add" as const, "drop" as const, "end" as const, "move" as const),
    item: fc.nat(9),
    node: fc.constantFrom("a", "b", "c"),
  }),
  { maxLength: 80 },
);

describe("bulkhead under random schedules", () => {
  it("never does too much at once or one thing twice, and leaves nothing undone", async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 3 }), async (script, atOnce) => {
        const { bulkhead, nodes, begun, underWay, end } = bulkheadWorld(atOnce);
        for (let item = 0; item < 10; item++) nodes.set(item, "a");
        const wanted = new Set<number>();
        const check = (): void => {
          const towards = new Map<string, number>();
          for (const { node } of underWay.values()) towards.set(node, (towards.get(node) ?? 0) + 1);
          for (const count of towards.values()) expect(count).toBeLessThanOrEqual(atOnce);
          for (const item of begun.splice(0)) wanted.delete(item);
        };
        for (const step of script) {
          if (step.do === "add") {
            wanted.add(step.item);
            bulkhead.add(step.item);
          } else if (step.do === "drop") {
            wanted.delete(step.item);
            bulkhead.drop(step.item);
          } else if (step.do === "end") await end(step.item);
          else if (bulkhead.waiting > 0 && !underWay.has(step.item)) {
            nodes.set(step.item, step.node);
            if (wanted.has(step.item)) bulkhead.add(step.item);
          }
          check();
        }
        for (let rounds = 0; rounds < 100 && underWay.size > 0; rounds++) {
          for (const item of [...underWay.keys()]) await end(item);
          check();
        }
        expect([...wanted]).toEqual([]);
        expect([bulkhead.waiting, underWay.size]).toEqual([0, 0]);
      }),
      { numRuns: 300 },
    );
  });
});
