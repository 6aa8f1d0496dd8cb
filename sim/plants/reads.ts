/** Mistakes around what a node reads: after a shard changed hands, at the edges of a log, before it is durable. */
import type { LogSlice, Store, Write } from "../../store/store.ts";
import { onStore, type Plant } from "./plant.ts";

const offeredAtOnceMs = 1000;

/** The bugs of this family. */
export const readPlants: readonly Plant[] = [
  {
    name: "dedupe-forgotten",
    about: "which commands were done is kept in memory and forgotten when the shard changes hands",
    begin: () =>
      onStore((store) => ({
        kept: async (keys) =>
          (await store.kept(keys)).map((row, i) =>
            keys[i]?.key.startsWith("p/") === true ? undefined : row,
          ),
      })),
  },
  {
    name: "debts-forgotten",
    about: "a new owner does not take up the unconfirmed messages that the old one left",
    begin: () => onStore(() => ({ obligations: async () => [] })),
  },
  {
    name: "timers-lost-on-handoff",
    about: "timers live in the owner's memory: a new owner knows only those that it has armed itself",
    begin: () => onStore(ownTimersOnly),
  },
  {
    name: "timers-early",
    about: "timers fire when they are looked at, whether or not they are due",
    begin: () => onStore(eagerTimers),
  },
  {
    name: "timers-twice",
    about: "firing a timer and removing it are not one commit: the removal is forgotten",
    begin: () =>
      onStore((store) => ({
        commit: (owner, commits) =>
          store.commit(
            owner,
            commits.map((commit) => ({
              ...commit,
              writes: commit.writes.filter(({ op }) => op !== "disarm"),
            })),
          ),
      })),
  },
  {
    name: "resume-off-by-one",
    about: "a log is read on from the event after the next one",
    begin: () =>
      onStore((store) => ({
        readLogs: (queries) =>
          store.readLogs(
            queries.map((query) =>
              query.after === undefined || query.after === 0 ? query : { ...query, after: query.after + 1 },
            ),
          ),
      })),
  },
  {
    name: "short-reads",
    about: "a read leaves out the last event of a log",
    begin: () =>
      onStore((store) => ({
        readLogs: async (queries) => (await store.readLogs(queries)).map(withoutLast),
      })),
  },
  {
    name: "read-before-commit",
    about: "reads are answered with events whose commit is still on its way",
    begin: () => onStore(dirtyReads),
  },
  {
    name: "reservations-not-restored",
    about: "an agent's reserved slots are missing when the session is loaded again",
    begin: () => onStore((store) => loadWithout(store, "session/", "r:")),
  },
  {
    name: "queue-not-restored",
    about: "a desk's queue lives in memory: after a failover nobody waits any more",
    begin: () => onStore((store) => loadWithout(store, "desk/", "w:")),
  },
  {
    name: "stale-cache-after-handoff",
    about: "a node keeps what it once loaded, and believes it when the shard comes back to it",
    begin: () =>
      onStore((store) => {
        const known = new Map<string, Readonly<Record<string, string>>>();
        return {
          async load(entities) {
            const fresh = await store.load(entities);
            return entities.map(({ entity }, i) => {
              const fields = known.get(entity) ?? fresh[i] ?? {};
              if (Object.keys(fields).length > 0) known.set(entity, fields);
              return fields;
            });
          },
        };
      }),
  },
];

function ownTimersOnly(store: Store): Partial<Store> {
  const own = new Set<string>();
  return {
    async commit(owner, commits) {
      const verdicts = await store.commit(owner, commits);
      for (const { writes } of commits) for (const write of writes) if (write.op === "arm") own.add(write.id);
      return verdicts;
    },
    due: async (shards, limit) => (await store.due(shards, limit)).filter(({ id }) => own.has(id)),
  };
}

/** Offers every timer that this run has armed a second ago, due or not. */
function eagerTimers(store: Store, ports: { readonly clock: { now(): number } }): Partial<Store> {
  const armed = new Map<string, { readonly shard: number; readonly value: string; readonly at: number }>();
  return {
    async commit(owner, commits) {
      const verdicts = await store.commit(owner, commits);
      for (const { shard, writes } of commits) {
        for (const write of writes) {
          if (write.op === "arm") armed.set(write.id, { shard, value: write.value, at: ports.clock.now() });
          else if (write.op === "disarm") armed.delete(write.id);
        }
      }
      return verdicts;
    },
    async due(shards, limit) {
      const due = [...(await store.due(shards, limit))];
      const known = new Set(due.map(({ id }) => id));
      const since = ports.clock.now() - offeredAtOnceMs;
      for (const [id, { shard, value, at }] of armed)
        if (at < since && !known.has(id) && shards.includes(shard)) due.push({ shard, id, value });
      return due.slice(0, limit);
    },
  };
}

function withoutLast({ events, end }: LogSlice): LogSlice {
  const last = events.at(-1);
  return last?.seq === end && end > 1 ? { events: events.slice(0, -1), end: end - 1 } : { events, end };
}

/** Reads see this run's appends from the moment at which they are sent. */
function dirtyReads(store: Store): Partial<Store> {
  const under = new Map<string, Map<number, string>>();
  const note = (
    writes: readonly Write[],
    change: (log: Map<number, string>, seq: number, event: string) => void,
  ) => {
    for (const write of writes) {
      if (write.op !== "append") continue;
      const log = under.get(write.log) ?? new Map<number, string>();
      under.set(write.log, log);
      change(log, write.seq, write.event);
    }
  };
  return {
    async commit(owner, commits) {
      for (const { writes } of commits) note(writes, (log, seq, event) => void log.set(seq, event));
      const verdicts = await store.commit(owner, commits);
      for (const { writes } of commits) note(writes, (log, seq) => void log.delete(seq));
      return verdicts;
    },
    async readLogs(queries) {
      return (await store.readLogs(queries)).map((slice, i) => {
        const query = queries[i];
        const log = query === undefined ? undefined : under.get(query.log);
        if (query?.after === undefined || log === undefined) return slice;
        const events = [...slice.events];
        let { end } = slice;
        if (events.length > 0 ? events.at(-1)?.seq !== end : query.after !== end) return slice;
        for (
          let event = log.get(end + 1);
          event !== undefined && events.length < query.limit;
          event = log.get(end + 1)
        )
          events.push({ seq: ++end, event });
        return { events, end };
      });
    },
    async tails(logs) {
      return (await store.tails(logs)).map((tail, i) => {
        const newest = [...(under.get(logs[i]?.log ?? "") ?? [])].sort(([a], [b]) => b - a)[0];
        return newest?.[1] ?? tail;
      });
    },
  };
}

function loadWithout(store: Store, kind: string, prefix: string): Partial<Store> {
  return {
    load: async (entities) =>
      (await store.load(entities)).map((fields, i) =>
        entities[i]?.entity.startsWith(kind) === true
          ? Object.fromEntries(Object.entries(fields).filter(([field]) => !field.startsWith(prefix)))
          : fields,
      ),
  };
}
