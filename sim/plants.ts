/**
 * Bugs that are planted on purpose, to see that the checkers find them. They are put in where a node or a client is
 * composed: production code knows nothing of them.
 */
import type { Parsed } from "../actors/inbound.ts";
import type { LogSlice, Store } from "../store/store.ts";

/** One planted bug. */
export interface Plant {
  readonly name: string;
  readonly about: string;
  /** In a node's way to its store. */
  readonly store?: (store: Store) => Store;
  /** In what a node reads from its clients. */
  readonly parse?: (parsed: Parsed) => Parsed;
  /** Added to each agent's capacity. */
  readonly capacity?: number;
}

const lostEvery = 40;

/** All of them. */
export const plants: readonly Plant[] = [
  {
    name: "no-fence",
    about: "the store takes commits of owners that were replaced",
    store: (store) => ({ ...store, commit: (_owner, commits) => commitAnyhow(store, commits) }),
  },
  {
    name: "ack-before-commit",
    about: "a commit counts as done when it has been sent",
    store: (store) => ({
      ...store,
      async commit(owner, commits) {
        void store.commit(owner, commits).catch(() => undefined);
        return commits.map(() => ({ kind: "committed" }));
      },
    }),
  },
  {
    name: "lost-commits",
    about: "one commit of forty is answered and not done",
    store(store) {
      let count = 0;
      return {
        ...store,
        commit: async (owner, commits) =>
          ++count % lostEvery === 0
            ? commits.map(() => ({ kind: "committed" }))
            : store.commit(owner, commits),
      };
    },
  },
  {
    name: "forgotten-producers",
    about: "what was already done is forgotten when a shard changes hands",
    store: (store) => ({ ...store, kept: async (keys) => keys.map(() => undefined) }),
  },
  {
    name: "forgotten-debts",
    about: "unconfirmed messages are not repeated when a shard changes hands",
    store: (store) => ({ ...store, obligations: async () => [] }),
  },
  {
    name: "short-reads",
    about: "a read leaves out the last event of a log",
    store: (store) => ({
      ...store,
      readLogs: async (queries) => (await store.readLogs(queries)).map(withoutLast),
    }),
  },
  { name: "capacity-off-by-one", about: "agents get a chat too many", capacity: 1 },
  {
    name: "lost-body",
    about: "some messages get the text of an earlier one",
    parse: staleBodies(),
  },
];

/** Takes whatever comes, as the present owner's next commit. */
async function commitAnyhow(
  store: Store,
  commits: Parameters<Store["commit"]>[1],
): ReturnType<Store["commit"]> {
  const fences = new Map((await store.fences(1_000_000)).map((fence) => [fence.shard, fence]));
  const verdicts = [];
  for (const commit of commits) {
    const fence = fences.get(commit.shard);
    const taken = fence === undefined ? commit : { ...commit, epoch: fence.epoch, number: fence.last + 1 };
    const [verdict] = await store.commit(fence?.owner ?? "", [taken]);
    verdicts.push(verdict ?? { kind: "committed" as const });
  }
  return verdicts;
}

function withoutLast({ events, end }: LogSlice): LogSlice {
  const last = events.at(-1);
  return last?.seq === end && end > 1 ? { events: events.slice(0, -1), end: end - 1 } : { events, end };
}

function staleBodies(): (parsed: Parsed) => Parsed {
  let count = 0;
  let earlier: unknown;
  return (parsed) => {
    if (parsed.kind !== "command" || parsed.frame.t !== "send") return parsed;
    const { body } = parsed.frame;
    const stale = ++count % lostEvery === 0 ? earlier : undefined;
    earlier = body;
    return stale === undefined
      ? parsed
      : { ...parsed, frame: { ...parsed.frame, body: stale as typeof body } };
  };
}
