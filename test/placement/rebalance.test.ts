import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rebalance, type BalanceInput } from "../../placement/rebalance.ts";

const nobody: ReadonlySet<string> = new Set();

function input(change: Partial<BalanceInput>): BalanceInput {
  return {
    owners: [],
    pinned: new Set(),
    nodes: [],
    leaving: nobody,
    leavingLimit: 1000,
    balanceLimit: 1000,
    ...change,
  };
}

function applied(
  owners: BalanceInput["owners"],
  moves: ReturnType<typeof rebalance>,
): (string | undefined)[] {
  const next = [...owners];
  for (const { shard, to } of moves) next[shard] = to;
  return next;
}

function loadsOf(owners: readonly (string | undefined)[], nodes: readonly string[]): number[] {
  return nodes.map((node) => owners.filter((owner) => owner === node).length);
}

function bounds(shards: number, nodes: number): { low: number; high: number } {
  const mean = shards / nodes;
  return {
    low: Math.min(Math.floor(mean), Math.ceil(mean * 0.95)),
    high: Math.max(Math.ceil(mean), Math.floor(mean * 1.05)),
  };
}

const names = ["a", "b", "c", "d", "e", "f"];
const situations = fc
  .record({
    nodes: fc.subarray(names, { minLength: 1 }),
    size: fc.integer({ min: 1, max: 200 }),
    skew: fc.nat(3),
  })
  .chain(({ nodes, size, skew }) =>
    fc.record({
      nodes: fc.constant(nodes),
      owners: fc.array(fc.option(fc.constantFrom(...nodes.slice(0, skew + 1)), { nil: undefined, freq: 4 }), {
        minLength: size,
        maxLength: size,
      }),
    }),
  );

describe("rebalance", () => {
  it("leaves every shard with an owner, and loads within 5 % or one shard", () => {
    fc.assert(
      fc.property(situations, ({ nodes, owners }) => {
        const after = applied(owners, rebalance(input({ owners, nodes })));
        const { low, high } = bounds(owners.length, nodes.length);
        expect(after).not.toContain(undefined);
        for (const load of loadsOf(after, nodes)) {
          expect(load).toBeGreaterThanOrEqual(low);
          expect(load).toBeLessThanOrEqual(high);
        }
      }),
    );
  });

  it("moves no shard that has an owner more than the loads need", () => {
    fc.assert(
      fc.property(situations, ({ nodes, owners }) => {
        const moves = rebalance(input({ owners, nodes })).filter(({ cause }) => cause === "balance");
        const filled = applied(owners, rebalance(input({ owners, nodes, balanceLimit: 0 })));
        const loads = loadsOf(filled, nodes);
        const { low, high } = bounds(owners.length, nodes.length);
        const over = loads.reduce((sum, load) => sum + Math.max(0, load - high), 0);
        const under = loads.reduce((sum, load) => sum + Math.max(0, low - load), 0);
        expect(moves).toHaveLength(Math.max(over, under));
      }),
    );
  });

  it("changes nothing when it is asked again about its own result", () => {
    fc.assert(
      fc.property(situations, ({ nodes, owners }) => {
        const after = applied(owners, rebalance(input({ owners, nodes })));
        expect(rebalance(input({ owners: after, nodes }))).toEqual([]);
      }),
    );
  });

  it("gives a fourth node at most a quarter and one, and moves nothing between the others", () => {
    for (const shards of [16, 256, 1000]) {
      const owners = Array.from({ length: shards }, (_, shard) => names[shard % 3]);
      const moves = rebalance(input({ owners, nodes: ["a", "b", "c", "d"] }));
      expect(moves.length).toBeLessThanOrEqual(shards / 4 + 1);
      expect(new Set(moves.map(({ to }) => to))).toEqual(new Set(["d"]));
    }
  });

  it("gives the shards of the dead away at once and leaves the rest alone", () => {
    const owners = Array.from({ length: 256 }, (_, shard) =>
      shard % 4 === 3 ? undefined : names[shard % 4],
    );
    const moves = rebalance(input({ owners, nodes: ["a", "b", "c"], balanceLimit: 0 }));
    expect(moves).toHaveLength(64);
    expect(moves.every(({ shard, cause }) => shard % 4 === 3 && cause === "unowned")).toBe(true);
  });

  it("moves no more than its limits allow", () => {
    const owners = Array.from({ length: 100 }, () => "a");
    expect(rebalance(input({ owners, nodes: ["a", "b"], balanceLimit: 10 }))).toHaveLength(10);
    const leaving = rebalance(
      input({ owners, nodes: ["b", "c"], leaving: new Set(["a"]), leavingLimit: 7, balanceLimit: 0 }),
    );
    expect(leaving).toHaveLength(7);
    expect(leaving.every(({ cause }) => cause === "leaving")).toBe(true);
  });

  it("leaves pinned shards and those of nodes that are only silent where they are", () => {
    const owners = ["a", "a", "a", "a", "silent", "silent"];
    const moves = rebalance(input({ owners, nodes: ["a", "b"], pinned: new Set([0, 1, 2]) }));
    expect(moves.map(({ shard }) => shard)).toEqual([3]);
  });

  it("does nothing when there is nobody to give to", () => {
    expect(rebalance(input({ owners: [undefined, "a"], nodes: [] }))).toEqual([]);
    expect(rebalance(input({ owners: ["a"], nodes: ["a"], leaving: new Set(["a"]) }))).toEqual([]);
  });

  it("answers the same whatever the order in which the nodes are named", () => {
    fc.assert(
      fc.property(situations, ({ nodes, owners }) => {
        const reversed = nodes.toReversed();
        expect(rebalance(input({ owners, nodes: reversed }))).toEqual(rebalance(input({ owners, nodes })));
      }),
    );
  });
});
