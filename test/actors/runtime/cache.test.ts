import { describe, expect, it } from "vitest";
import { Cache } from "../../../actors/runtime/cache.ts";

describe("cache", () => {
  it("knows that there is nothing, once that was loaded", () => {
    const cache = new Cache<string | undefined>(4);
    cache.set("k", undefined, 0);
    expect([cache.has("k"), cache.get("k"), cache.has("x")]).toEqual([true, undefined, false]);
  });

  it("stays within its bound while commits are always under way", () => {
    const cache = new Cache<number>(10);
    for (let number = 1; number <= 1000; number++) {
      cache.set(`${number}`, number, number);
      cache.trim(number - 3);
    }
    const size = Array.from({ length: 1001 }, (_, i) => cache.has(`${i}`)).filter(Boolean).length;
    expect(size).toBeLessThanOrEqual(10);
    expect(cache.get("1000")).toBe(1000);
  });

  it("drops nothing that no commit holds yet", () => {
    const cache = new Cache<number>(4);
    for (let i = 0; i < 20; i++) cache.set(`${i}`, i, 7);
    cache.trim(6);
    expect(cache.has("0")).toBe(true);
    cache.trim(7);
    expect([cache.has("0"), cache.has("19")]).toEqual([false, true]);
  });
});
