/**
 * One process's access to the simulated store. Boundary: nothing is sent twice; a commit whose answer is lost throws
 * STORE_UNKNOWN_OUTCOME, and the weather on the ways to and from `store` loses answers and requests.
 */
import type { ShardCommit, Store } from "../../store/store.ts";
import { unavailable, unknownOutcome } from "../../store/verdict.ts";
import type { Costs } from "./costs.ts";
import type { Process } from "./process.ts";
import { Remote, type RemoteParts } from "./remote.ts";
import type { StoreServer } from "./store-server.ts";

const failures = { unavailable, unknown: unknownOutcome };

/** The store as one process sees it. */
export function simulatedStore(
  parts: RemoteParts,
  costs: Costs,
  process: Process,
  server: StoreServer,
): Store {
  const remote = new Remote(parts, failures, process, server, "store");
  let open = true;

  function call<T>(
    what: string,
    items: number,
    run: (store: Store) => Promise<T>,
    changes = false,
  ): Promise<T> {
    if (!open) return Promise.reject(unavailable("it is closed"));
    const costMs = costs.storeCallMs + items * costs.storeWriteMs;
    return remote.call(what, changes, () => run(server.primary), costMs);
  }

  return {
    claim: (owner, claims) =>
      call(`claim ${owner} ${claims.length}`, claims.length, async (store) => {
        const results = await store.claim(owner, claims);
        claims.forEach(({ shard, epoch }, i) => {
          if (results[i]?.kind !== "claimed") return;
          server.note({ kind: "claim", at: server.process.clock.now(), owner, shard, epoch });
        });
        return results;
      }),
    commit: (owner, commits) =>
      call(
        describe(commits),
        commits.reduce((sum, { writes }) => sum + writes.length, 0),
        async (store) => {
          const verdicts = await store.commit(owner, commits);
          commits.forEach((commit, i) => {
            if (verdicts[i]?.kind === "committed")
              server.note({ kind: "commit", at: server.process.clock.now(), owner, commit });
          });
          return verdicts;
        },
        true,
      ),
    fences: (shards) => call("fences", 1, (store) => store.fences(shards)),
    readLogs: (queries) => call("readLogs", queries.length, (store) => store.readLogs(queries)),
    tails: (logs) => call("tails", logs.length, (store) => store.tails(logs)),
    load: (entities) => call("load", entities.length, (store) => store.load(entities)),
    kept: (keys) => call("kept", keys.length, (store) => store.kept(keys)),
    obligations: (shard, limit, after) =>
      call("obligations", 1, (store) => store.obligations(shard, limit, after)),
    due: (shards, limit) => call("due", 1, (store) => store.due(shards, limit)),
    isMember: (queries) => call("isMember", queries.length, (store) => store.isMember(queries)),
    stamp: (node, ttlMs) => call(`stamp ${node}`, 1, (store) => store.stamp(node, ttlMs)),
    stamped: () => call("stamped", 1, (store) => store.stamped()),
    runId: () => call("runId", 1, async () => server.runId),
    fullness: () => call("fullness", 1, (store) => store.fullness()),
    connected: () => open && remote.uplink.up,
    onStatus: (handler) => remote.uplink.onStatus(handler),
    async close() {
      open = false;
      remote.close();
    },
  };
}

/** Enough of a commit to tell two runs apart. */
function describe(commits: readonly ShardCommit[]): string {
  return commits
    .map(({ shard, epoch, number, writes }) => `${shard}.${epoch}.${number}.${writes.length}`)
    .join();
}
