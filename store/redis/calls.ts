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
   * `run` answers in the order of its group. @throws Failure STORE_UNAVAILABLE
   */
  script<I extends { readonly shard: number }, T>(
    items: readonly I[],
    run: (connection: RedisConnection, group: readonly I[]) => Promise<readonly T[]>,
  ): Promise<readonly T[]>;
  /** The same, when the answers of the groups belong to no item: they come group after group. */
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
  const runAll = async <I, T>(
    groups: readonly Group<I>[],
    run: (connection: RedisConnection, group: readonly I[]) => Promise<readonly T[]>,
  ): Promise<readonly (readonly T[])[]> => {
    try {
      return await Promise.all(
        groups.map(({ partition, items }) => at(partition, (connection) => run(connection, items))),
      );
    } catch (error) {
      throw asUnavailable(error);
    }
  };
  const partitionOrAll = (partition: number): number => (cluster ? partition : 0);
  return {
    at,
    async ask(questions) {
      const groups = groupBy(questions, (partition) => (cluster ? routes.of(partition) : undefined));
      const answers = await runAll(groups, (connection, group) =>
        connection.send(group.map(({ command }) => command)),
      );
      return inOrder(groups, answers, questions.length);
    },
    async script(items, run) {
      const groups = groupBy(items, partitionOrAll);
      return inOrder(groups, await runAll(groups, run), items.length);
    },
    scriptAll: async (items, run) => (await runAll(groupBy(items, partitionOrAll), run)).flat(),
  };
}

function inOrder<I, T>(
  groups: readonly Group<I>[],
  answers: readonly (readonly T[])[],
  count: number,
): readonly T[] {
  if (groups.length === 1) return answers[0] ?? [];
  const ordered: T[] = Array.from({ length: count });
  for (const [g, { positions }] of groups.entries()) {
    answers[g]?.forEach((answer, i) => (ordered[positions[i] ?? 0] = answer));
  }
  return ordered;
}
