/**
 * The store in one SQLite file, for installations of one node. Durable when a commit is acknowledged (WAL,
 * synchronous=FULL): survives restart, kill -9 and loss of power. It blocks the event loop while it commits, so all
 * calls of one turn share a transaction. Guarantees FenceMonotone, EpochOwnerUnique, NoLostAck.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { present, unreachable } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { Failure, messageOf } from "../base/errors.ts";
import { dueShare } from "./due-share.ts";
import { fittingBytes, readsDown } from "./log-part.ts";
import { fromFirst, schema, schemaVersion, statements } from "./sqlite/schema.ts";
import { storeTime } from "./sqlite/time.ts";
import type { LogQuery, LogSlice, Owner, ShardCommit, Store, Verdict, Write } from "./store.ts";
import {
  checkAppends,
  checkCommits,
  checkShards,
  fenceAfterClaim,
  judgeClaim,
  judgeCommit,
  unavailable,
  unknownOutcome,
  type FenceRow,
} from "./verdict.ts";

type Statements = Readonly<Record<keyof typeof statements, StatementSync>>;
type Row = ReturnType<StatementSync["get"]>;

/** Where the file is. */
export interface SqliteStoreOptions {
  readonly file: string;
  readonly clock: Clock;
  /** How many there are; fixed when the file is created. Undefined: whoever opens it knows. */
  readonly shards?: number | undefined;
}

interface Waiting {
  readonly owner: Owner;
  readonly commits: readonly ShardCommit[];
  readonly resolve: (verdicts: readonly Verdict[]) => void;
  readonly reject: (error: Failure) => void;
}

/** How long another process may hold the file before a call fails. */
const lockTimeoutMs = 1000;
const sweepEveryMs = 10_000;

/**
 * Opens or creates the file, and the folders above it.
 * @throws Failure STORE_CONFIG when the file is not one of ours, was written by a newer version, or was made with
 * another number of shards
 */
export function sqliteStore(options: SqliteStoreOptions): Store {
  const { file, clock } = options;
  const database = openDatabase(file, options.shards);
  const run = prepare(database);
  const time = storeTime(clock, Number(text(run.meta.get("time"), "value")));
  const runId = text(run.meta.get("run_id"), "value");
  const handlers: ((connected: boolean) => void)[] = [];
  let waiting: Waiting[] = [];
  let sweptAt = 0;
  let open = true;

  const call = async <T>(work: () => T): Promise<T> => {
    if (!open) throw unavailable("it is closed");
    try {
      return work();
    } catch (error) {
      throw error instanceof Failure ? error : unavailable(messageOf(error), error);
    }
  };
  /** One transaction around `work`; nothing of it stands when it throws. */
  const transact = <T>(work: (now: number) => T): T => {
    run.begin.run();
    let result: T;
    try {
      const now = time();
      result = work(now);
      run.setMeta.run(String(now), "time");
    } catch (error) {
      if (database.isTransaction) run.rollback.run();
      throw error instanceof Failure ? error : unavailable(messageOf(error), error);
    }
    try {
      run.commit.run();
    } catch (error) {
      if (database.isTransaction) run.rollback.run();
      throw unknownOutcome(messageOf(error), error);
    }
    return result;
  };
  const flush = (): void => {
    const group = waiting;
    if (group.length === 0) return;
    waiting = [];
    try {
      const outcomes = transact((now) => {
        if (now - sweptAt >= sweepEveryMs) {
          sweptAt = now;
          run.sweep.run(now);
        }
        return group.map(({ owner, commits }) => decide(run, owner, commits, now));
      });
      group.forEach(({ resolve, reject }, i) => {
        const outcome = present(outcomes[i], "a call has an outcome");
        if (outcome instanceof Failure) reject(outcome);
        else resolve(outcome);
      });
    } catch (error) {
      const failure = error instanceof Failure ? error : unavailable(messageOf(error), error);
      for (const { reject } of group) reject(failure);
    }
  };

  return {
    claim: (owner, claims) =>
      call(() => {
        flush();
        return transact(() =>
          claims.map(({ shard, epoch }) => {
            const fence = fenceOf(run, shard);
            const result = judgeClaim(fence, owner, epoch);
            if (result.kind === "claimed") {
              const next = fenceAfterClaim(fence, owner, epoch);
              run.setFence.run(shard, next.epoch, next.owner, next.last, next.lastEpoch);
            }
            return result;
          }),
        );
      }),
    async commit(owner, commits) {
      if (!open) throw unavailable("it is closed");
      if (waiting.length === 0) clock.soon(flush);
      return new Promise((resolve, reject) => waiting.push({ owner, commits, resolve, reject }));
    },
    fences: (shards) =>
      call(() =>
        run.fences.all(shards).map((row) => ({
          shard: integer(row, "shard"),
          epoch: integer(row, "epoch"),
          owner: text(row, "owner"),
          last: integer(row, "last"),
        })),
      ),
    readLogs: (queries) => call(() => queries.map((query) => readLog(run, query))),
    tails: (logs) => call(() => logs.map(({ shard, log }) => optional(run.tail.get(shard, log), "event"))),
    load: (entities) =>
      call(() =>
        entities.map(({ shard, entity }) =>
          Object.fromEntries(
            run.load.all(shard, entity).map((row) => [text(row, "field"), text(row, "value")] as const),
          ),
        ),
      ),
    kept: (keys) =>
      call(() => keys.map(({ shard, key }) => optional(run.kept.get(shard, key, time()), "value"))),
    obligations: (shard, limit, after) =>
      call(() => {
        const rows =
          after === undefined ? run.owedFromStart.all(shard, limit) : run.owed.all(shard, after, limit);
        return rows.map((row) => ({ shard, id: text(row, "id"), value: text(row, "value") }));
      }),
    due: (shards, limit) =>
      call(() => {
        const now = time();
        const share = dueShare(limit, shards.length);
        return shards
          .flatMap((shard) =>
            run.due.all(shard, now, share).map((row) => ({ shard, row, due: integer(row, "due") })),
          )
          .sort((a, b) => a.due - b.due)
          .slice(0, limit)
          .map(({ shard, row }) => ({ shard, id: text(row, "id"), value: text(row, "value") }));
      }),
    isMember: (queries) =>
      call(() => queries.map(({ shard, set, member }) => run.isMember.get(shard, set, member) !== undefined)),
    stamp: (node, ttlMs) =>
      call(() =>
        transact((now) => {
          run.sweepStamps.run(now);
          run.stamp.run(node, now + Math.ceil(ttlMs));
        }),
      ),
    stamped: () => call(() => run.stamped.all(time()).map((row) => text(row, "node"))),
    runId: () => call(() => runId),
    fullness: () => call(() => 0),
    connected: () => open,
    onStatus: (handler) => void handlers.push(handler),
    async close() {
      if (!open) return;
      try {
        flush();
        // The time goes into the file once more: what was answered by it holds after a restart too.
        transact(() => undefined);
      } finally {
        open = false;
        database.close();
        for (const handler of handlers) handler(false);
      }
    },
  };
}

function openDatabase(file: string, shards: number | undefined): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true });
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: lockTimeoutMs });
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    createSchema(database, file);
    if (shards !== undefined) keepShards(database, shards);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof Failure) throw error;
    throw new Failure(
      "STORE_CONFIG",
      `cannot use ${file} as the store: ${messageOf(error)}`,
      { file },
      error,
    );
  }
}

function createSchema(database: DatabaseSync, file: string): void {
  database.exec("BEGIN IMMEDIATE");
  const version = integer(database.prepare("PRAGMA user_version").get(), "user_version");
  if (version > schemaVersion) {
    throw new Failure(
      "STORE_CONFIG",
      `${file} was written by a newer version of Usher (layout ${version}, this one knows ${schemaVersion})`,
      { file, version, known: schemaVersion },
    );
  }
  if (version === 0) {
    if (database.prepare("SELECT 1 FROM sqlite_schema").get() !== undefined) {
      throw new Failure("STORE_CONFIG", `${file} is another program's database`, { file });
    }
    database.exec(schema);
  } else if (version < schemaVersion) database.exec(fromFirst);
  database.exec("COMMIT");
}

/** A file without a number, as older versions made it, takes the present one. */
function keepShards(database: DatabaseSync, shards: number): void {
  database.prepare("INSERT OR IGNORE INTO meta VALUES ('shards', ?)").run(String(shards));
  const kept = database.prepare("SELECT value FROM meta WHERE name = 'shards'").get();
  checkShards(Number(text(kept, "value")), shards);
}

function prepare(database: DatabaseSync): Statements {
  const prepared = Object.entries(statements).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(prepared) as Statements;
}

/** The verdicts of one call, its writes carried out; or the reason why the whole call changes nothing. */
function decide(
  run: Statements,
  owner: Owner,
  commits: readonly ShardCommit[],
  now: number,
): readonly Verdict[] | Failure {
  try {
    checkCommits(commits);
    const verdicts = commits.map((commit) => {
      const verdict = judgeCommit(fenceOf(run, commit.shard), owner, commit);
      if (verdict.kind === "apply") {
        checkAppends(commit, (log) => Number(run.end.get(commit.shard, log)?.["seq"] ?? 0));
      }
      return verdict;
    });
    return verdicts.map((verdict, i): Verdict => {
      if (verdict.kind !== "apply") return verdict;
      const { shard, epoch, number, writes } = present(commits[i], "a verdict has a commit");
      for (const write of writes) applyWrite(run, shard, write, now);
      run.setLast.run(number, epoch, shard);
      return { kind: "committed" };
    });
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

function applyWrite(run: Statements, shard: number, write: Write, now: number): void {
  switch (write.op) {
    case "append":
      return void run.append.run(shard, write.log, write.seq, write.event);
    case "set":
      return void run.set.run(shard, write.entity, write.field, write.value);
    case "unset":
      return void run.unset.run(shard, write.entity, write.field);
    case "keep":
      return void run.keep.run(shard, write.key, write.value, now + Math.ceil(write.ttlMs));
    case "extend":
      return void run.extend.run(write.value, shard, write.key, now);
    case "owe":
      return void run.owe.run(shard, write.id, write.value);
    case "settle":
      return void run.settle.run(shard, write.id);
    case "arm":
      // The millisecond that has begun does not count: a timer is never early.
      return void run.arm.run(shard, write.id, now + 1 + Math.ceil(write.delayMs), write.value);
    case "disarm":
      return void run.disarm.run(shard, write.id);
    case "join":
      return void run.join.run(shard, write.set, write.member);
    case "leave":
      return void run.leave.run(shard, write.set, write.member);
    default:
      return unreachable(write);
  }
}

function fenceOf(run: Statements, shard: number): FenceRow | undefined {
  const row = run.fence.get(shard);
  if (row === undefined) return undefined;
  return {
    epoch: integer(row, "epoch"),
    owner: text(row, "owner"),
    last: integer(row, "last"),
    lastEpoch: integer(row, "last_epoch"),
  };
}

function readLog(run: Statements, query: LogQuery): LogSlice {
  const { shard, log, after, before = Number.MAX_SAFE_INTEGER, limit } = query;
  const rows = readsDown(query)
    ? run.down.all(shard, log, before, limit).toReversed()
    : run.up.all(shard, log, after ?? 0, before, limit);
  const events = rows.map((row) => ({ seq: integer(row, "seq"), event: text(row, "event") }));
  return {
    events: fittingBytes(events, query),
    end: Number(run.end.get(shard, log)?.["seq"] ?? 0),
  };
}

function optional(row: Row, column: string): string | undefined {
  return row === undefined ? undefined : text(row, column);
}

function text(row: Row, column: string): string {
  const value = row?.[column];
  if (typeof value !== "string") throw unavailable(`column ${column} holds no text`);
  return value;
}

function integer(row: Row, column: string): number {
  const value = row?.[column];
  if (typeof value !== "number") throw unavailable(`column ${column} holds no number`);
  return value;
}
