import { describe, expect, it } from "vitest";
import { batchCommits, overallFailure } from "../../../store/redis/batch.ts";
import { redisKeys } from "../../../store/redis/keys.ts";
import type { ShardCommit, Write } from "../../../store/store.ts";
import { corrupt, unavailable, unknownOutcome } from "../../../store/verdict.ts";

const keys = redisKeys("u", 16);

function commit(shard: number, bytes: number): ShardCommit {
  return { shard, epoch: 1, number: 1, writes: [{ op: "owe", id: "i", value: "x".repeat(bytes) }] };
}

function shardsOf(cluster: boolean, commits: readonly ShardCommit[]): number[][] {
  return batchCommits(keys, cluster, "n/1", commits).map((batch) => batch.commits.map(({ shard }) => shard));
}

describe("commit batch", () => {
  it("serves all shards at once on one server", () => {
    expect(shardsOf(false, [commit(1, 10), commit(2, 10), commit(17, 10)])).toEqual([[1, 2, 17]]);
  });

  it("stays within one partition in a cluster", () => {
    expect(shardsOf(true, [commit(1, 10), commit(2, 10), commit(17, 10)])).toEqual([[1, 17], [2]]);
  });

  it("ends at a quarter of a megabyte, and takes a larger commit alone", () => {
    const commits = [
      commit(1, 200_000),
      commit(2, 50_000),
      commit(3, 50_000),
      commit(4, 900_000),
      commit(5, 1),
    ];
    expect(shardsOf(false, commits)).toEqual([[1, 2], [3], [4], [5]]);
  });

  it("remembers where each commit stood in the call", () => {
    const batches = batchCommits(keys, true, "n/1", [commit(2, 1), commit(1, 1), commit(18, 1)]);
    expect(batches.map(({ positions }) => positions)).toEqual([[0, 2], [1]]);
  });
});

describe("arguments of a commit", () => {
  const argsOf = (writes: readonly Write[]): unknown[] =>
    batchCommits(keys, false, "n/1", [{ shard: 1, epoch: 4, number: 7, writes }])[0]?.args.slice(2) ?? [];

  it("add all events of a log at once, and before everything else", () => {
    const writes: Write[] = [
      { op: "settle", id: "i" },
      { op: "append", log: "a", seq: 3, event: "three" },
      { op: "append", log: "b", seq: 1, event: "one" },
      { op: "append", log: "a", seq: 4, event: "four" },
    ];
    expect(argsOf(writes)).toEqual([
      4,
      7,
      13,
      "a",
      "a",
      3,
      2,
      "three",
      "four",
      "a",
      "b",
      1,
      1,
      "one",
      "x",
      "i",
    ]);
  });

  it("extend a record once, until it is begun anew", () => {
    const writes: Write[] = [
      { op: "extend", key: "p", value: "1" },
      { op: "extend", key: "q", value: "x" },
      { op: "extend", key: "p", value: "2" },
      { op: "keep", key: "p", value: "", ttlMs: 5 },
      { op: "extend", key: "p", value: "3" },
      { op: "extend", key: "p", value: "4" },
    ];
    expect(argsOf(writes).slice(3)).toEqual(
      [
        ["e", "p", "12"],
        ["e", "q", "x"],
        ["k", "p", 5, ""],
        ["e", "p", "34"],
      ].flat(),
    );
  });
});

describe("failure of a call", () => {
  const away = unavailable("away");
  const given = new Map([[1, { kind: "committed" } as const]]);

  it("is unavailable only when no batch was applied", () => {
    expect(overallFailure([away, away], new Map()).code).toBe("STORE_UNAVAILABLE");
    expect(overallFailure([away], given)).toMatchObject({ code: "STORE_UNKNOWN_OUTCOME", answers: given });
  });

  it("is unknown when any batch is, and a bug before all else", () => {
    expect(overallFailure([away, unknownOutcome("lost")], new Map()).code).toBe("STORE_UNKNOWN_OUTCOME");
    expect(overallFailure([unknownOutcome("lost"), corrupt("bug", {})], given).code).toBe("STORE_CORRUPT");
  });
});
