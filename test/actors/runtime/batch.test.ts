import { describe, expect, it } from "vitest";
import { batched } from "../../../actors/runtime/batch.ts";
import { PartialAnswer } from "../../../store/partial-answer.ts";
import { unavailable } from "../../../store/verdict.ts";
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

  it("gives what was answered while a part of the store is away, also where the answer is that there is nothing", async () => {
    const time = virtualTime();
    const cause = unavailable("scripted");
    const ask = batched(time.clock(), 9, async (queries: readonly number[]): Promise<readonly unknown[]> => {
      expect(queries).toEqual([1, 2, 3]);
      const answers = new Map([
        [0, "zero"],
        [2, undefined],
      ]);
      throw new PartialAnswer(answers, cause);
    });
    const seen = [1, 2, 3].map((query) => watch(ask(query).catch(() => "rejected")));
    await time.advance(1);
    expect(seen.map(({ value }) => value)).toEqual(["zero", "rejected", undefined]);
    expect(seen.every(({ done }) => done)).toBe(true);
  });
});
