import type { Clock } from "../../base/clock.ts";
import { Failure } from "../../base/errors.ts";
import { memoryStore } from "../../store/memory.ts";
import { PartialAnswer } from "../../store/partial-answer.ts";
import type { Owner, ShardCommit, Store } from "../../store/store.ts";
import { unavailable, unknownOutcome } from "../../store/verdict.ts";

/**
 * What becomes of a write call: `fine`; `lost`: applied, the answer never arrives; `late`: the call fails and is applied
 * some time afterwards; `away`: not applied; `slow`: applied at once, answered later.
 */
export type StoreFate = "fine" | "lost" | "late" | "away" | "slow";

/** A memory store with faults that a test decides. */
export interface FaultyStore extends Store {
  /** The fate of the write calls from now on. */
  fate: StoreFate;
  /** While true every read fails. */
  deaf: boolean;
  /** The shards of a part that is away. */
  readonly missing: Set<number>;
  /** Write calls in flight now, and the most there were at once. */
  readonly inFlight: number;
  readonly mostInFlight: number;
  /** Every commit call as it was asked. */
  readonly asked: (readonly ShardCommit[])[];
  /** Another run of the store answers, without the last `count` claims and commits. */
  forget(count: number): Promise<void>;
  /** Sets the connection's status. */
  connect(on: boolean): void;
}

const lateMs = 40;
const slowMs = 30;

/** Nothing is wrong with it at first. */
export function faultyStore(clock: Clock): FaultyStore {
  let inner = memoryStore(clock);
  let history: ((store: Store) => Promise<unknown>)[] = [];
  let run = 1;
  let connected = true;
  const handlers: ((connected: boolean) => void)[] = [];
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const apply = async <T>(work: (store: Store) => Promise<T>): Promise<T> => {
    const result = await work(inner);
    history.push(work);
    return result;
  };
  const write = async <T>(work: (store: Store) => Promise<T>): Promise<T> => {
    const { fate } = store;
    if (fate === "away") throw new Failure("STORE_UNAVAILABLE", "the store is away");
    if (fate === "late") {
      clock.after(lateMs, () => void apply(work));
      throw new Failure("STORE_UNKNOWN_OUTCOME", "the answer was lost");
    }
    const result = await apply(work);
    if (fate === "lost") throw new Failure("STORE_UNKNOWN_OUTCOME", "the answer was lost");
    if (fate === "slow") await pause(slowMs);
    return result;
  };
  const read = async <T>(work: () => Promise<T>): Promise<T> => {
    if (store.deaf) throw new Failure("STORE_UNAVAILABLE", "the store is away");
    return work();
  };
  const missing = new Set<number>();
  /** Asks for what is not missing. */
  const partly = async <I extends { readonly shard: number }, T>(
    items: readonly I[],
    ask: (items: readonly I[]) => Promise<readonly T[]>,
  ): Promise<readonly T[]> => {
    const present = [...items.keys()].filter((i) => !missing.has(items[i]?.shard ?? -1));
    if (present.length === items.length) return ask(items);
    const away = unavailable("a part of it is away");
    if (present.length === 0) throw away;
    const results = await ask(items.filter(({ shard }) => !missing.has(shard)));
    throw new PartialAnswer(new Map(present.map((i, n) => [i, results[n]])), away);
  };
  let inFlight = 0;
  let mostInFlight = 0;
  const asked: (readonly ShardCommit[])[] = [];
  const store: FaultyStore = {
    fate: "fine",
    deaf: false,
    missing,
    asked,
    get inFlight() {
      return inFlight;
    },
    get mostInFlight() {
      return mostInFlight;
    },
    async forget(count) {
      history = history.slice(0, Math.max(0, history.length - count));
      const fresh = memoryStore(clock);
      run++;
      for (const work of history) await work(fresh);
      inner = fresh;
    },
    connect(on) {
      connected = on;
      for (const handler of handlers) handler(on);
    },
    claim: (owner, claims) => partly(claims, (some) => write((at) => at.claim(owner, some))),
    async commit(owner: Owner, commits) {
      asked.push(commits.map((commit) => ({ ...commit, writes: [...commit.writes] })));
      mostInFlight = Math.max(mostInFlight, ++inFlight);
      try {
        const some = commits.filter(({ shard }) => !missing.has(shard));
        if (some.length === commits.length) return await write((at) => at.commit(owner, commits));
        const verdicts = some.length > 0 ? await write((at) => at.commit(owner, some)) : [];
        const given = new Map(some.map((commit, n) => [commits.indexOf(commit), verdicts[n]]));
        throw new PartialAnswer(given, unknownOutcome("a part of it is away"));
      } finally {
        inFlight--;
      }
    },
    fences: (shards) => read(() => inner.fences(shards)),
    readLogs: (queries) => partly(queries, (some) => read(() => inner.readLogs(some))),
    tails: (logs) => partly(logs, (some) => read(() => inner.tails(some))),
    load: (entities) => partly(entities, (some) => read(() => inner.load(some))),
    kept: (keys) => partly(keys, (some) => read(() => inner.kept(some))),
    async obligations(shard, limit, after) {
      if (missing.has(shard)) throw unavailable("a part of it is away");
      return read(() => inner.obligations(shard, limit, after));
    },
    due: (shards, limit) =>
      read(() =>
        inner.due(
          shards.filter((shard) => !missing.has(shard)),
          limit,
        ),
      ),
    isMember: (queries) => partly(queries, (some) => read(() => inner.isMember(some))),
    stamp: (node, ttlMs) => inner.stamp(node, ttlMs),
    stamped: () => inner.stamped(),
    runId: () => read(async () => `run ${run}`),
    fullness: () => inner.fullness(),
    connected: () => connected,
    onStatus: (handler) => void handlers.push(handler),
    close: () => inner.close(),
  };
  return store;
}
