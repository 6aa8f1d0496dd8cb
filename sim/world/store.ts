/**
 * One process's access to the simulated store. Boundary: nothing is sent twice; a commit whose answer is lost throws
 * STORE_UNKNOWN_OUTCOME, and the weather on the ways to and from `store` loses answers and requests.
 */
import { dueShare } from "../../store/due-share.ts";
import type { ShardCommit, Store } from "../../store/store.ts";
import { unavailable, unknownOutcome } from "../../store/verdict.ts";
import type { Costs } from "./costs.ts";
import type { Process } from "./process.ts";
import { Remote, type RemoteParts } from "./remote.ts";
import type { StoreMaster } from "./store-master.ts";
import { answered, partsOf, together } from "./store-parts.ts";
import type { StoreServer } from "./store-server.ts";

const failures = { unavailable, unknown: unknownOutcome };

/** The store as one process sees it. */
export function simulatedStore(
  parts: RemoteParts,
  costs: Costs,
  process: Process,
  server: StoreServer,
): Store {
  const remotes = new Map(
    server.masters.map((master) => [
      master,
      new Remote(parts, failures, process, master, master.process.name),
    ]),
  );
  const all = [...remotes];
  const handlers: ((connected: boolean) => void)[] = [];
  let open = true;
  const connected = (): boolean => open && all.every(([, { uplink }]) => uplink.up);
  let known = connected();
  const look = (): void => {
    if (connected() === known) return;
    known = !known;
    for (const handler of handlers) handler(known);
  };
  for (const [, { uplink }] of all) uplink.onStatus(look);

  /** Asks one master. */
  function at<T>(
    master: StoreMaster,
    what: string,
    costMs: number,
    run: (store: Store) => Promise<T>,
    changes = false,
  ): Promise<T> {
    const remote = remotes.get(master);
    if (!open || remote === undefined) return Promise.reject(unavailable("it is closed"));
    return remote.call(what, changes, () => run(server.primary), costMs);
  }

  const readMs = (items: number): number => costs.storeCallMs + items * costs.storeWriteMs;
  const writeMs = (items: number): number => readMs(items) + costs.storeSyncMs;

  /** Asks whoever holds what is asked for. */
  const read = <I extends { readonly shard: number }, T>(
    what: string,
    items: readonly I[],
    run: (store: Store, items: readonly I[]) => Promise<readonly T[]>,
  ): Promise<readonly T[]> =>
    together(
      partsOf(server, items),
      (part) => at(part.master, what, readMs(part.items.length), (store) => run(store, part.items)),
      false,
    );

  /** Asks everybody. */
  const ofAll = <T>(what: string, run: (store: Store, master: StoreMaster) => Promise<T>): Promise<T[]> =>
    Promise.all(server.masters.map((master) => at(master, what, readMs(1), (store) => run(store, master))));

  return {
    claim: (owner, claims) =>
      together(
        partsOf(server, claims),
        ({ master, items }) =>
          at(master, `claim ${owner} ${items.length}`, writeMs(items.length), async (store) => {
            const results = await store.claim(owner, items);
            items.forEach(({ shard, epoch }, i) => {
              if (results[i]?.kind !== "claimed") return;
              server.note({ kind: "claim", at: master.process.clock.now(), owner, shard, epoch });
            });
            return results;
          }),
        false,
      ),
    commit: (owner, commits) =>
      together(
        partsOf(server, commits),
        ({ master, items }) =>
          at(
            master,
            describe(items),
            writeMs(items.reduce((sum, { writes }) => sum + writes.length, 0)),
            async (store) => {
              const verdicts = await store.commit(owner, items);
              items.forEach((commit, i) => {
                if (verdicts[i]?.kind === "committed")
                  server.note({ kind: "commit", at: master.process.clock.now(), owner, commit });
              });
              return verdicts;
            },
            true,
          ),
        true,
      ),
    fences: async (shards) =>
      (
        await ofAll("fences", async (store, master) =>
          (await store.fences(shards)).filter(({ shard }) => server.masterOf(shard) === master),
        )
      )
        .flat()
        .sort((a, b) => a.shard - b.shard),
    readLogs: (queries) => read("readLogs", queries, (store, items) => store.readLogs(items)),
    tails: (logs) => read("tails", logs, (store, items) => store.tails(items)),
    load: (entities) => read("load", entities, (store, items) => store.load(items)),
    kept: (keys) => read("kept", keys, (store, items) => store.kept(items)),
    obligations: (shard, limit, after) =>
      at(server.masterOf(shard), "obligations", readMs(1), (store) => store.obligations(shard, limit, after)),
    async due(shards, limit) {
      const share = dueShare(limit, shards.length);
      const asked = partsOf(
        server,
        shards.map((shard) => ({ shard })),
      );
      const outcomes = await Promise.allSettled(
        asked.map(({ master, items }) =>
          at(master, "due", readMs(1), async (store) => {
            const timers = await Promise.all(items.map(({ shard }) => store.due([shard], share)));
            return timers.flat().map((timer) => ({ due: server.dueAt(timer), timer }));
          }),
        ),
      );
      return answered(outcomes)
        .flat()
        .sort((a, b) => a.due - b.due)
        .slice(0, limit)
        .map(({ timer }) => timer);
    },
    isMember: (queries) => read("isMember", queries, (store, items) => store.isMember(items)),
    stamp: (node, ttlMs) =>
      at(server.masterOf(0), `stamp ${node}`, writeMs(1), (store) => store.stamp(node, ttlMs)),
    stamped: () => at(server.masterOf(0), "stamped", readMs(1), (store) => store.stamped()),
    runId: async () => (await ofAll("runId", async (_, { runId }) => runId)).join(),
    fullness: async () => Math.max(...(await ofAll("fullness", (store) => store.fullness()))),
    connected,
    onStatus: (handler) => void handlers.push(handler),
    async close() {
      open = false;
      for (const [, remote] of all) remote.close();
      look();
    },
  };
}

/** Enough of a commit to tell two runs apart. */
function describe(commits: readonly ShardCommit[]): string {
  return commits
    .map(({ shard, epoch, number, writes }) => `${shard}.${epoch}.${number}.${writes.length}`)
    .join();
}
