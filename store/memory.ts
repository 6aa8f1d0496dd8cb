/**
 * The store in one process's memory: the model that the other adapters are compared with, and the store of the
 * simulator. No wall clock, no chance, no node builtins: the same calls give the same answers.
 */
import type { Clock } from "../base/clock.ts";
import { unreachable } from "../base/assert.ts";
import { DueIndex } from "./due-index.ts";
import { dueShare } from "./due-share.ts";
import { fittingBytes, readsDown } from "./log-part.ts";
import type { LogQuery, LogSlice, ShardCommit, Store, Stored, Verdict, Write } from "./store.ts";
import {
  checkAppends,
  checkCommits,
  fenceAfterClaim,
  judgeClaim,
  judgeCommit,
  unavailable,
  type FenceRow,
} from "./verdict.ts";

interface Shard {
  fence: FenceRow | undefined;
  readonly logs: Map<string, string[]>;
  readonly entities: Map<string, Map<string, string>>;
  readonly kept: Map<string, { readonly value: string; readonly until: number }>;
  /** Expired records are swept when there are this many. */
  sweepAt: number;
  readonly owed: Map<string, string>;
  readonly timers: Map<string, { readonly due: number; readonly value: string }>;
  readonly dueOrder: DueIndex;
  readonly sets: Map<string, Set<string>>;
}

/** A store in memory, which also tells what no other does. */
export interface MemoryStore extends Store {
  /** When a timer is due, by the store's time; undefined when it is not armed. */
  dueAt(timer: Pick<Stored, "shard" | "id">): number | undefined;
}

const smallestSweep = 64;

/**
 * A store that forgets everything with the process.
 * @param clock its `now()` is the store's time
 */
export function memoryStore(clock: Clock): MemoryStore {
  const shards = new Map<number, Shard>();
  const stamps = new Map<string, number>();
  const handlers: ((connected: boolean) => void)[] = [];
  let open = true;

  const shardAt = (number: number): Shard => {
    let shard = shards.get(number);
    if (shard === undefined) shards.set(number, (shard = emptyShard()));
    return shard;
  };
  /** Runs a call and turns what it throws into a rejection, as a remote store would. */
  const call = async <T>(work: () => T): Promise<T> => {
    if (!open) throw unavailable("it is closed");
    return work();
  };

  return {
    claim: (owner, claims) =>
      call(() =>
        claims.map(({ shard: number, epoch }) => {
          const shard = shardAt(number);
          const result = judgeClaim(shard.fence, owner, epoch);
          if (result.kind === "claimed") shard.fence = fenceAfterClaim(shard.fence, owner, epoch);
          return result;
        }),
      ),
    commit: (owner, commits) =>
      call(() => {
        checkCommits(commits);
        const verdicts = commits.map((commit) => {
          const shard = shardAt(commit.shard);
          const verdict = judgeCommit(shard.fence, owner, commit);
          if (verdict.kind === "apply") checkAppends(commit, (log) => shard.logs.get(log)?.length ?? 0);
          return verdict;
        });
        return commits.map((commit, i): Verdict => {
          const verdict = verdicts[i];
          if (verdict === undefined || verdict.kind === "apply") {
            apply(shardAt(commit.shard), commit, clock.now());
            return { kind: "committed" };
          }
          return verdict;
        });
      }),
    fences: (count) =>
      call(() =>
        [...shards]
          .filter(([number]) => number < count)
          .sort(([a], [b]) => a - b)
          .flatMap(([number, { fence }]) =>
            fence === undefined
              ? []
              : [{ shard: number, epoch: fence.epoch, owner: fence.owner, last: fence.last }],
          ),
      ),
    readLogs: (queries) =>
      call(() => queries.map((query) => slice(shards.get(query.shard)?.logs.get(query.log) ?? [], query))),
    tails: (logs) => call(() => logs.map(({ shard, log }) => shards.get(shard)?.logs.get(log)?.at(-1))),
    load: (entities) =>
      call(() =>
        entities.map(({ shard, entity }) =>
          Object.fromEntries(shards.get(shard)?.entities.get(entity) ?? new Map<string, string>()),
        ),
      ),
    kept: (keys) =>
      call(() =>
        keys.map(({ shard, key }) => {
          const record = shards.get(shard)?.kept.get(key);
          return record !== undefined && record.until > clock.now() ? record.value : undefined;
        }),
      ),
    obligations: (number, limit, after) =>
      call(() =>
        [...(shards.get(number)?.owed ?? new Map<string, string>())]
          .filter(([id]) => after === undefined || compareCodePoints(id, after) > 0)
          .sort(([a], [b]) => compareCodePoints(a, b))
          .slice(0, limit)
          .map(([id, value]) => ({ shard: number, id, value })),
      ),
    due: (numbers, limit) =>
      call(() =>
        numbers
          .flatMap((number) => {
            const shard = shards.get(number);
            return (shard?.dueOrder.upTo(clock.now(), dueShare(limit, numbers.length)) ?? []).map(
              ({ due, id }) => ({
                due,
                timer: { shard: number, id, value: shard?.timers.get(id)?.value ?? "" },
              }),
            );
          })
          .sort((a, b) => a.due - b.due)
          .slice(0, limit)
          .map(({ timer }) => timer),
      ),
    dueAt: ({ shard, id }) => shards.get(shard)?.timers.get(id)?.due,
    isMember: (queries) =>
      call(() =>
        queries.map(({ shard, set, member }) => shards.get(shard)?.sets.get(set)?.has(member) ?? false),
      ),
    stamp: (node, ttlMs) => call(() => void stamps.set(node, clock.now() + ttlMs)),
    stamped: () =>
      call(() => {
        for (const [node, until] of stamps) if (until <= clock.now()) stamps.delete(node);
        return [...stamps.keys()].sort();
      }),
    runId: () => call(() => "memory"),
    fullness: () => call(() => 0),
    connected: () => open,
    onStatus: (handler) => void handlers.push(handler),
    async close() {
      if (!open) return;
      open = false;
      for (const handler of handlers) handler(false);
    },
  };
}

function emptyShard(): Shard {
  return {
    fence: undefined,
    logs: new Map(),
    entities: new Map(),
    kept: new Map(),
    sweepAt: smallestSweep,
    owed: new Map(),
    timers: new Map(),
    dueOrder: new DueIndex(),
    sets: new Map(),
  };
}

function apply(shard: Shard, commit: ShardCommit, now: number): void {
  for (const write of commit.writes) applyWrite(shard, write, now);
  if (shard.fence !== undefined) {
    shard.fence = { ...shard.fence, last: commit.number, lastEpoch: commit.epoch };
  }
}

function applyWrite(shard: Shard, write: Write, now: number): void {
  switch (write.op) {
    case "append":
      return void entry(shard.logs, write.log, () => []).push(write.event);
    case "set":
      return void entry(shard.entities, write.entity, () => new Map()).set(write.field, write.value);
    case "unset":
      return remove(shard.entities, write.entity, write.field);
    case "keep":
      shard.kept.set(write.key, { value: write.value, until: now + write.ttlMs });
      return sweep(shard, now);
    case "extend": {
      const record = shard.kept.get(write.key);
      if (record === undefined || record.until <= now) return;
      return void shard.kept.set(write.key, { value: record.value + write.value, until: record.until });
    }
    case "owe":
      return void shard.owed.set(write.id, write.value);
    case "settle":
      return void shard.owed.delete(write.id);
    case "arm":
      disarm(shard, write.id);
      shard.timers.set(write.id, { due: now + write.delayMs, value: write.value });
      return shard.dueOrder.add(now + write.delayMs, write.id);
    case "disarm":
      return disarm(shard, write.id);
    case "join":
      return void entry(shard.sets, write.set, () => new Set()).add(write.member);
    case "leave":
      return remove(shard.sets, write.set, write.member);
    default:
      return unreachable(write);
  }
}

function disarm(shard: Shard, id: string): void {
  const timer = shard.timers.get(id);
  if (timer === undefined) return;
  shard.timers.delete(id);
  shard.dueOrder.remove(timer.due, id);
}

/** Expired records go when their number has doubled: constant cost per record. */
function sweep(shard: Shard, now: number): void {
  if (shard.kept.size < shard.sweepAt) return;
  for (const [key, { until }] of shard.kept) if (until <= now) shard.kept.delete(key);
  shard.sweepAt = Math.max(smallestSweep, shard.kept.size * 2);
}

function entry<T>(map: Map<string, T>, key: string, fresh: () => T): T {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = fresh()));
  return value;
}

/** Takes a part out of a record or set, and the record or set itself when it was the last one. */
function remove(
  groups: Map<string, { delete(part: string): boolean; readonly size: number }>,
  name: string,
  part: string,
): void {
  const group = groups.get(name);
  group?.delete(part);
  if (group?.size === 0) groups.delete(name);
}

function slice(log: readonly string[], query: LogQuery): LogSlice {
  const down = readsDown(query);
  const last = Math.min((query.before ?? Infinity) - 1, log.length);
  const from = Math.max(0, down ? last - query.limit : (query.after ?? 0));
  const to = Math.max(from, down ? last : Math.min(last, from + query.limit));
  const events = log.slice(from, to).map((event, i) => ({ seq: from + i + 1, event }));
  return { events: fittingBytes(events, query), end: log.length };
}

/** The order of the strings' UTF-8 bytes, in which Redis and SQLite sort; UTF-16 units sort differently. */
function compareCodePoints(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  return rank(a, i) - rank(b, i);
}

function rank(text: string, at: number): number {
  if (at >= text.length) return -1;
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
