import type { LogQuery, LogSlice, Store, Stored } from "../store.ts";
import { dueShare } from "../due-share.ts";
import { readsDown } from "../log-part.ts";
import { list } from "./batch.ts";
import type { RedisCalls } from "./calls.ts";
import type { RedisKeys } from "./keys.ts";
import { scripts } from "./scripts.ts";

/** The part of the store that only reads. */
export type RedisReads = Pick<
  Store,
  "fences" | "readLogs" | "tails" | "load" | "kept" | "obligations" | "due" | "isMember" | "stamped"
>;

/** One read, as read.lua takes it. */
interface Read {
  readonly shard: number;
  readonly key: string;
  readonly args: readonly (string | number)[];
  /** How many entries it may bring. */
  readonly most: number;
}

/** A script must not hold the server up for long, nor fill its memory: what may bring more becomes several. */
const entriesPerScript = 1024;
/** An actor has a few fields. */
const usualFields = 8;

/** Reads in as few round trips as there are servers. */
export function redisReads(calls: RedisCalls, keys: RedisKeys): RedisReads {
  /** The decoded answers in the order of the reads. */
  const read = <T>(reads: readonly Read[], decode: (answer: unknown) => T): Promise<readonly T[]> =>
    calls.script(reads, async (connection, group) => {
      const answers = await Promise.all(
        portions(group).map((portion) =>
          connection.run(
            scripts.read,
            portion.map(({ key }) => key),
            portion.flatMap(({ args }) => args),
          ),
        ),
      );
      return answers.flatMap((answer) => list(answer).map(decode));
    });
  return {
    readLogs: (queries) =>
      read(
        queries.map((query) => logRead(keys, query)),
        decodeSlice,
      ),
    async fences(count) {
      const shards = Array.from({ length: count }, (_, shard) => shard);
      const answers = await calls.ask(
        shards.map((shard) => ({ shard, command: ["get", keys.fence(shard)] })),
      );
      return shards.flatMap((shard) => {
        const [, epoch, last, owner] = /^(\d+) (\d+) -?\d+ (.*)$/.exec(String(answers[shard])) ?? [];
        return owner === undefined ? [] : [{ shard, epoch: Number(epoch), owner, last: Number(last) }];
      });
    },
    tails: (logs) =>
      read(
        logs.map((log) => logRead(keys, { ...log, before: Number.MAX_SAFE_INTEGER, limit: 1 })),
        (answer) => decodeSlice(answer).events[0]?.event,
      ),
    load: (entities) =>
      read(
        entities.map(({ shard, entity }) => ({
          shard,
          key: keys.entity(shard, entity),
          args: ["e"],
          most: usualFields,
        })),
        (answer) =>
          Object.fromEntries(chunks(list(answer), 2).map(([field, value]) => [String(field), String(value)])),
      ),
    kept: (records) =>
      read(
        records.map(({ shard, key }) => ({ shard, key: keys.kept(shard, key), args: ["k"], most: 1 })),
        (answer) => (typeof answer === "string" ? answer : undefined),
      ),
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
            [limit, dueShare(limit, shards.length)],
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
    isMember: (queries) =>
      read(
        queries.map(({ shard, set, member }) => ({
          shard,
          key: keys.members(shard, set),
          args: ["s", member],
          most: 1,
        })),
        (answer) => answer === 1,
      ),
    stamped: () =>
      calls.scriptAll([{ shard: keys.commonPartition }], async (connection) =>
        list(await connection.run(scripts.stamp, [keys.stamps], [])).map(String),
      ),
  };
}

function logRead(keys: RedisKeys, query: LogQuery): Read {
  const { shard, log, after = 0, before, limit, bytes = "" } = query;
  const to = before === undefined ? "" : Math.max(0, before - 1);
  const from = readsDown(query) ? "" : after + 1;
  return { shard, key: keys.log(shard, log), args: ["l", from, to, limit, bytes], most: limit };
}

/** A log as read.lua tells it: its length, the number of the first event that follows, events. */
function decodeSlice(answer: unknown): LogSlice {
  const [end, first, ...events] = list(answer);
  return {
    events: events.map((event, i) => ({ seq: Number(first) + i, event: String(event) })),
    end: Number(end),
  };
}

/** Cuts reads into runs of the script that bring no more than they may. */
function portions(reads: readonly Read[]): readonly (readonly Read[])[] {
  const cut: Read[][] = [];
  let room = 0;
  for (const read of reads) {
    if (room < read.most) {
      cut.push([]);
      room = entriesPerScript;
    }
    room -= read.most;
    cut.at(-1)?.push(read);
  }
  return cut;
}

function chunks(flat: readonly unknown[], size: number): (readonly unknown[])[] {
  return Array.from({ length: Math.ceil(flat.length / size) }, (_, i) =>
    flat.slice(i * size, (i + 1) * size),
  );
}
