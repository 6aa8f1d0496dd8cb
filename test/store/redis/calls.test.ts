import { describe, expect, it } from "vitest";
import type { Failure } from "../../../base/errors.ts";
import { redisCalls, type RedisCalls } from "../../../store/redis/calls.ts";
import type { RedisConnection } from "../../../store/redis/connection.ts";
import { redisKeys } from "../../../store/redis/keys.ts";
import { answersOf, PartialAnswer } from "../../../store/partial-answer.ts";
import { unavailable, unknownOutcome } from "../../../store/verdict.ts";

const items = [0, 1, 2, 3, 4, 5].map((shard) => ({ shard }));

/** Calls to a cluster of three partitions, of which some fail. */
function calls(away: ReadonlyMap<number, Failure>, cluster = true): RedisCalls {
  const server = { address: "here" } as RedisConnection;
  const routes = {
    of(partition: number): RedisConnection {
      const failure = away.get(partition);
      if (failure !== undefined) throw failure;
      return server;
    },
    serving: () => [],
    connected: () => false,
    trouble: () => undefined,
    note() {},
    close: async () => {},
  };
  return redisCalls(routes, redisKeys("u", 3), cluster);
}

const tens = async (_: RedisConnection, group: readonly { shard: number }[]): Promise<readonly number[]> =>
  group.map(({ shard }) => shard * 10);

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it was to fail");
}

describe("calls to a cluster", () => {
  it("answer in the order of the questions", async () => {
    expect(await calls(new Map()).script(items, tens)).toEqual([0, 10, 20, 30, 40, 50]);
    expect(await calls(new Map(), false).script(items, tens)).toEqual([0, 10, 20, 30, 40, 50]);
  });

  it("tell what some groups have answered when others fail", async () => {
    const error = await rejection(calls(new Map([[1, unknownOutcome("lost")]])).script(items, tens));
    expect(error).toBeInstanceOf(PartialAnswer);
    expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", details: { answered: 4 } });
    expect([...answersOf<number>(error)].sort(([a], [b]) => a - b)).toEqual([
      [0, 0],
      [2, 20],
      [3, 30],
      [5, 50],
    ]);
  });

  it("are unavailable as a whole when all groups fail", async () => {
    const away = new Map([0, 1, 2].map((partition) => [partition, unavailable("gone")]));
    const error = await rejection(calls(away).script(items, tens));
    expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", details: {} });
    expect(answersOf(error).size).toBe(0);
    await expect(calls(away).scriptAll(items, tens)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  it("leave out what belongs to no question and cannot be had", async () => {
    const away = new Map([[1, unavailable("gone")]]);
    expect(await calls(away).scriptAll(items, tens)).toEqual([0, 30, 20, 50]);
    expect(await calls(away).scriptAll([], tens)).toEqual([]);
  });
});
