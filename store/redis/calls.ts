import type { Failure } from "../../base/errors.ts";
import { PartialAnswer } from "../partial-answer.ts";
import type { Command, RedisConnection } from "./connection.ts";
import { asUnavailable, redisFailure } from "./failures.ts";
import type { RedisKeys } from "./keys.ts";
import type { RedisRoutes } from "./routes.ts";

/** Sends questions to whoever can answer them and puts the answers back into the order of the questions. */
export interface RedisCalls {
  /** Runs something on the server that holds a partition. Failures as they are, see connection.ts. */
  at<T>(partition: number, work: (connection: RedisConnection) => Promise<T>): Promise<T>;
  /** Asks commands, all those of one server in one go. @throws Failure STORE_UNAVAILABLE */
  ask(
    questions: readonly { readonly shard: number; readonly command: Command }[],
  ): Promise<readonly unknown[]>;
  /**
   * Runs scripts over items, one script per group: all items together, or in a cluster those of one partition.
   * `run` answers in the order of its group. @throws Failure STORE_UNAVAILABLE, or PartialAnswer with what some groups
   * have answered
   */
  script<I extends { readonly shard: number }, T>(
    items: readonly I[],
    run: (connection: RedisConnection, group: readonly I[]) => Promise<readonly T[]>,
  ): Promise<readonly T[]>;
  /**
   * The same, when the answers of the groups belong to no item: they come group after group, those that fail are left
   * out. @throws Failure STORE_UNAVAILABLE when all of them fail
   */
  scriptAll<I extends { readonly shard: number }, T>(
    items: readonly I[],
    run: (connection: RedisConnection, group: readonly I[]) => Promise<readonly T[]>,
  ): Promise<readonly T[]>;
}

interface Group<I> {
  readonly partition: number;
  readonly items: I[];
  /** Where each item stood in the call. */
  readonly positions: number[];
}

/** @param cluster whether a script reaches only the keys of one partition */
export function redisCalls(routes: RedisRoutes, keys: RedisKeys, cluster: boolean): RedisCalls {
  const at: RedisCalls["at"] = async (partition, work) => {
    try {
      return await work(routes.of(partition));
    } catch (error) {
      const failure = redisFailure(error);
      routes.note(failure);
      throw failure;
    }
  };
  const groupBy = <I extends { readonly shard: number }>(
    items: readonly I[],
    keyOf: (partition: number) => unknown,
  ): readonly Group<I>[] => {
    const groups = new Map<unknown, Group<I>>();
    for (const [position, item] of items.entries()) {
      const partition = keys.partitionOf(item.shard);
      const key = keyOf(partition);
      let group = groups.get(key);
      if (group === undefined) groups.set(key, (group = { partition, items: [], positions: [] }));
      group.items.push(item);
      group.positions.push(position);
    }
    return [...groups.values()];
  };
  /** Waits for every group, none longer than a command may take: one that fails must not hide what others answer. */
  const runAll = <I, T>(
    groups: readonly Group<I>[],
    run: (connection: RedisConnection, group: readonly I[]) => Promise<readonly T[]>,
  ): Promise<readonly PromiseSettledResult<readonly T[]>[]> =>
    Promise.allSettled(
      groups.map(({ partition, items }) => at(partition, (connection) => run(connection, items))),
    );
  const partitionOrAll = (partition: number): number => (cluster ? partition : 0);
  return {
    at,
    async ask(questions) {
      const groups = groupBy(questions, (partition) => (cluster ? routes.of(partition) : undefined));
      const outcomes = await runAll(groups, (connection, group) =>
        connection.send(group.map(({ command }) => command)),
      );
      const failed = outcomes.find(isRejected);
      if (failed !== undefined) throw asUnavailable(failed.reason);
      return inOrder(groups, outcomes, questions.length);
    },
    async script(items, run) {
      const groups = groupBy(items, partitionOrAll);
      const outcomes = await runAll(groups, run);
      const failed = outcomes.find(isRejected);
      if (failed === undefined) return inOrder(groups, outcomes, items.length);
      throw partly(groups, outcomes, asUnavailable(failed.reason));
    },
    async scriptAll(items, run) {
      const outcomes = await runAll(groupBy(items, partitionOrAll), run);
      const answered = outcomes.filter(isFulfilled);
      const failed = outcomes.find(isRejected);
      if (failed !== undefined && answered.length === 0) throw asUnavailable(failed.reason);
      return answered.flatMap(({ value }) => value);
    },
  };
}

function isFulfilled<T>(outcome: PromiseSettledResult<T>): outcome is PromiseFulfilledResult<T> {
  return outcome.status === "fulfilled";
}

function isRejected(outcome: PromiseSettledResult<unknown>): outcome is PromiseRejectedResult {
  return outcome.status === "rejected";
}

/** The answers of groups that have all answered. */
function inOrder<I, T>(
  groups: readonly Group<I>[],
  outcomes: readonly PromiseSettledResult<readonly T[]>[],
  count: number,
): readonly T[] {
  const ordered: T[] = Array.from({ length: count });
  for (const [g, outcome] of outcomes.entries()) {
    if (outcome.status === "rejected") continue;
    if (groups.length === 1) return outcome.value;
    const positions = groups[g]?.positions ?? [];
    outcome.value.forEach((answer, i) => (ordered[positions[i] ?? 0] = answer));
  }
  return ordered;
}

/** What to say when some groups have failed. */
function partly<I>(
  groups: readonly Group<I>[],
  outcomes: readonly PromiseSettledResult<readonly unknown[]>[],
  failure: Failure,
): Failure {
  const answers = new Map<number, unknown>();
  for (const [g, outcome] of outcomes.entries()) {
    if (outcome.status === "rejected") continue;
    groups[g]?.positions.forEach((position, i) => answers.set(position, outcome.value[i]));
  }
  return answers.size === 0 ? failure : new PartialAnswer(answers, failure);
}
