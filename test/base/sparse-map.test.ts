import { describe, expect, it } from "vitest";
import { SparseMap } from "../../base/sparse-map.ts";

describe("sparse map", () => {
  it("keeps what was set, in that order, and forgets what was deleted", () => {
    const map = new SparseMap<string, number>();
    expect([map.size, map.has("a"), map.get("a"), map.delete("a"), [...map.values()]]).toEqual([
      0,
      false,
      undefined,
      false,
      [],
    ]);
    map.set("b", 2);
    map.set("a", 1);
    map.set("b", 3);
    expect([...map.entries()]).toEqual([
      ["b", 3],
      ["a", 1],
    ]);
    expect(map.delete("b")).toBe(true);
    expect([map.size, map.has("b"), [...map.values()]]).toEqual([1, false, [1]]);
  });

  it("can be filled again after it was emptied, also while its values are walked through", () => {
    const map = new SparseMap<string, number>();
    map.set("a", 1);
    map.set("b", 2);
    for (const value of map.values()) if (value === 1) map.delete("b");
    expect([...map.entries()]).toEqual([["a", 1]]);
    map.delete("a");
    map.set("c", 3);
    expect([map.size, map.get("c")]).toEqual([1, 3]);
    map.clear();
    expect([map.size, [...map.entries()]]).toEqual([0, []]);
  });
});
