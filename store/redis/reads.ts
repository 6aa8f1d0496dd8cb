import type { LogQuery, LogSlice, Store, Stored } from "../store.ts";
import { list } from "./batch.ts";
import type { RedisCalls } from "./calls.ts";
import type { Command } from "./connection.ts";
import type { RedisKeys } from "./keys.ts";
import { scripts } from "./scripts.ts";

/** The part of the store that only reads. */
export type RedisReads = Pick<
  Store,
  "fences" | "readLogs" | "tails" | "load" | "kept" | "obligations" | "due" | "isMember" | "stamped"
>;

/** Reads in as few round trips as there are servers. */
export function redisReads(calls: RedisCalls, keys: RedisKeys): RedisReads {
  return {
    async fences(count) {
      const shards = Array.from({ length: count }, (_, shard) => shard);
      const answers = await calls.ask(
        shards.map((shard) => ({ shard, command: ["hmget", keys.fence(shard), "e", "o", "n"] })),
      );
      return shards.flatMap((shard) => {
        const [epoch, owner, last] = list(answers[shard]);
        if (typeof epoch !== "string") return [];
        return [{ shard, epoch: Number(epoch), owner: String(owner), last: Number(last ?? 0) }];
      });
    },
    async readLogs(queries) {
      // The length first: what is appended between the two commands then only makes the slice longer than the length.
      const answers = await calls.ask(
        queries.flatMap((query) => [
          { shard: query.shard, command: ["xlen", keys.log(query.shard, query.log)] as const },
          { shard: query.shard, command: rangeCommand(keys, query) },
        ]),
      );
      return queries.map((query, i) => decodeSlice(query, answers[2 * i], answers[2 * i + 1]));
    },
    async tails(logs) {
      const answers = await calls.ask(
        logs.map(({ shard, log }) => ({
          shard,
          command: ["xrevrange", keys.log(shard, log), "+", "-", "COUNT", 1],
        })),
      );
      return answers.map((answer) => decodeEvents(answer)[0]?.event);
    },
    async load(entities) {
      const answers = await calls.ask(
        entities.map(({ shard, entity }) => ({ shard, command: ["hgetall", keys.entity(shard, entity)] })),
      );
      return answers.map(decodeFields);
    },
    async kept(records) {
      const answers = await calls.ask(
        records.map(({ shard, key }) => ({ shard, command: ["get", keys.kept(shard, key)] })),
      );
      return answers.map((answer) => (typeof answer === "string" ? answer : undefined));
    },
    obligations: (shard, limit, after) =>
      calls.scriptAll([{ shard }], async (connection) => {
        const from = after === undefined ? "-" : `(${after}`;
        const answer = await connection.run(
          scripts.obligations,
          [keys.owed(shard), keys.owedValues(shard)],
          [from, limit],
        );
        return chunks(list(answer), 2).map(([id, value]) => ({
          shard,
          id: String(id),
          value: String(value),
        }));
      }),
    async due(shards, limit) {
      const found = await calls.scriptAll(
        shards.map((shard) => ({ shard })),
        async (connection, group) => {
          const answer = await connection.run(
            scripts.due,
            group.map(({ shard }) => keys.timers(shard)),
            [limit],
          );
          return chunks(list(answer), 4).map(([key, id, value, due]) => ({
            due: Number(due),
            timer: {
              shard: group[Number(key) - 1]?.shard ?? -1,
              id: String(id),
              value: String(value),
            } as Stored,
          }));
        },
      );
      return [...found]
        .sort((a, b) => a.due - b.due)
        .slice(0, limit)
        .map(({ timer }) => timer);
    },
    async isMember(queries) {
      const answers = await calls.ask(
        queries.map(({ shard, set, member }) => ({
          shard,
          command: ["sismember", keys.members(shard, set), member],
        })),
      );
      return answers.map((answer) => answer === 1);
    },
    stamped: () =>
      calls.scriptAll([{ shard: keys.commonPartition }], async (connection) =>
        list(await connection.run(scripts.stamp, [keys.stamps], [])).map(String),
      ),
  };
}

function rangeCommand(keys: RedisKeys, { shard, log, after, before, limit }: LogQuery): Command {
  const key = keys.log(shard, log);
  const end = before === undefined ? "+" : `${Math.max(0, before - 1)}`;
  if (after === undefined && before !== undefined) return ["xrevrange", key, end, "-", "COUNT", limit];
  return ["xrange", key, `${(after ?? 0) + 1}`, end, "COUNT", limit];
}

function decodeSlice({ after, before }: LogQuery, length: unknown, range: unknown): LogSlice {
  const events = decodeEvents(range);
  const ascending = after === undefined && before !== undefined ? events.toReversed() : events;
  return { events: ascending, end: Math.max(Number(length), ascending.at(-1)?.seq ?? 0) };
}

/** Stream entries: ["<seq>-0", ["e", event]]. */
function decodeEvents(range: unknown): { seq: number; event: string }[] {
  return list(range).map((entry) => {
    const [id, fields] = list(entry);
    return { seq: Number.parseInt(String(id), 10), event: String(list(fields)[1]) };
  });
}

/** ioredis turns the answer of HGETALL into an object, whose own names are not all harmless: `__proto__`. */
function decodeFields(answer: unknown): Readonly<Record<string, string>> {
  if (Array.isArray(answer)) {
    return Object.fromEntries(
      chunks(list(answer), 2).map(([field, value]) => [String(field), String(value)]),
    );
  }
  return Object.fromEntries(Object.entries(answer ?? {}).map(([field, value]) => [field, String(value)]));
}

function chunks(flat: readonly unknown[], size: number): (readonly unknown[])[] {
  return Array.from({ length: Math.ceil(flat.length / size) }, (_, i) =>
    flat.slice(i * size, (i + 1) * size),
  );
}
