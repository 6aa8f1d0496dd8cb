import { describe, expect, it } from "vitest";
import { batchCommits, overallFailure } from "../../../store/redis/batch.ts";
import { redisKeys } from "../../../store/redis/keys.ts";
import type { ShardCommit } from "../../../store/store.ts";
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

describe("failure of a call", () => {
  const away = unavailable("away");

  it("is unavailable only when no batch was applied", () => {
    expect(overallFailure([away, away], 2).code).toBe("STORE_UNAVAILABLE");
    expect(overallFailure([away], 2).code).toBe("STORE_UNKNOWN_OUTCOME");
  });

  it("is unknown when any batch is, and a bug before all else", () => {
    expect(overallFailure([away, unknownOutcome("lost")], 2).code).toBe("STORE_UNKNOWN_OUTCOME");
    expect(overallFailure([unknownOutcome("lost"), corrupt("bug", {})], 2).code).toBe("STORE_CORRUPT");
  });
});
