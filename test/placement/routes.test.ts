import { describe, expect, it } from "vitest";
import { Routes } from "../../placement/routes.ts";
import type { ShardEntry, ShardTable } from "../../placement/shard-table.ts";

const a = { node: "a", incarnation: "1" };
const b = { node: "b", incarnation: "1" };

function table(...shards: ShardEntry[]): ShardTable {
  return { generation: 1, writer: "w", dead: [], shards };
}

describe("routes", () => {
  it("follows the table and tells which shards changed", () => {
    const routes = new Routes(2);
    const changes: (readonly number[])[] = [];
    routes.onRoutes((shards) => changes.push(shards));
    expect(routes.route(0)).toBeUndefined();
    routes.take(table({ kind: "stable", owner: a, epoch: 1 }, { kind: "stable", owner: b, epoch: 1 }));
    routes.take(table({ kind: "stable", owner: a, epoch: 1 }, { kind: "moving", owner: b, epoch: 1, to: a }));
    routes.take(table({ kind: "stable", owner: a, epoch: 1 }, { kind: "stable", owner: a, epoch: 2 }));
    routes.take(table({ kind: "stable", owner: a, epoch: 1 }, { kind: "stable", owner: a, epoch: 2 }));
    expect(changes).toEqual([[0, 1], [1], [1]]);
    expect(routes.route(1)).toEqual({ owner: a, epoch: 2, state: "stable" });
  });

  it("believes a higher epoch from anybody, and neither an equal nor a lower one", () => {
    const routes = new Routes(1);
    routes.take(table({ kind: "stable", owner: a, epoch: 5 }));
    expect(routes.correct(0, b, 5)).toBe(false);
    expect(routes.correct(0, b, 4)).toBe(false);
    expect(routes.route(0)?.owner).toEqual(a);
    expect(routes.correct(0, b, 6)).toBe(true);
    expect(routes.route(0)).toEqual({ owner: b, epoch: 6, state: "stable" });
  });

  it("keeps a higher epoch when an older table comes by, and takes the table at the equal epoch", () => {
    const routes = new Routes(1);
    routes.correct(0, b, 6);
    routes.take(table({ kind: "stable", owner: a, epoch: 5 }));
    expect(routes.route(0)?.owner).toEqual(b);
    routes.take(table({ kind: "stable", owner: a, epoch: 6 }));
    expect(routes.route(0)?.owner).toEqual(a);
  });

  it("ignores a shard that does not exist", () => {
    const routes = new Routes(1);
    expect(routes.correct(1, a, 1)).toBe(false);
    expect(routes.correct(-1, a, 1)).toBe(false);
  });
});
