import { describe, expect, it } from "vitest";
import { batched } from "../../../actors/runtime/batch.ts";
import { virtualTime } from "../../support/virtual-clock.ts";
import { watch } from "./rig.ts";

describe("batched", () => {
  it("asks in one call what was asked in one turn, split at the bound, each with its own answer", async () => {
    const time = virtualTime();
    const calls: (readonly number[])[] = [];
    const ask = batched(time.clock(), 3, async (queries: readonly number[]) => {
      calls.push(queries);
      return queries.map((query) => query * 10);
    });
    const seen = [1, 2, 3, 4].map((query) => watch(ask(query)));
    await time.advance(1);
    const later = watch(ask(5));
    await time.advance(1);
    expect(calls).toEqual([[1, 2, 3], [4], [5]]);
    expect([...seen, later].map(({ value }) => value)).toEqual([10, 20, 30, 40, 50]);
  });

  it("rejects those whose call failed, and only those", async () => {
    const time = virtualTime();
    const ask = batched(time.clock(), 1, async ([query]: readonly number[]) => {
      if (query === 2) throw new Error("scripted");
      return [query];
    });
    const seen = [1, 2, 3].map((query) => watch(ask(query).catch(() => "rejected")));
    await time.advance(1);
    expect(seen.map(({ value }) => value)).toEqual([1, "rejected", 3]);
  });
});
