/** Mistakes around commits: fences, verdicts, and what happens before the store has answered. */
import { codeOf } from "../../base/errors.ts";
import type { ShardCommit, Store, Verdict, Write } from "../../store/store.ts";
import { everyNth, onStore, type Plant } from "./plant.ts";

const committed: Verdict = { kind: "committed" };
const lostEvery = 40;

/** The bugs of this family. */
export const commitPlants: readonly Plant[] = [
  {
    name: "no-fence",
    about: "the store appends whatever comes, from whoever it comes: nobody asks who owns the shard",
    begin: () => ({ server: withoutFence }),
  },
  {
    name: "ack-before-commit",
    about: "a commit counts as done when it has been sent",
    begin: () =>
      onStore((store) => ({
        async commit(owner, commits) {
          void store.commit(owner, commits).catch(() => undefined);
          return commits.map(() => committed);
        },
      })),
  },
  {
    name: "refusal-not-read",
    about: "only a thrown error counts as a failed commit; that the fence refused it is not looked at",
    begin: () =>
      onStore((store) => ({
        commit: async (owner, commits) =>
          (await store.commit(owner, commits)).map((verdict) =>
            verdict.kind === "fenced" ? committed : verdict,
          ),
      })),
  },
  {
    name: "timeout-is-success",
    about: "a commit whose answer is lost is believed to have been done",
    begin: () =>
      onStore((store) => ({
        async commit(owner, commits) {
          try {
            return await store.commit(owner, commits);
          } catch (error) {
            if (codeOf(error) !== "STORE_UNKNOWN_OUTCOME") throw error;
            return commits.map(() => committed);
          }
        },
      })),
  },
  {
    name: "lost-commits",
    about: "one commit of forty is answered and not done",
    begin: () =>
      onStore((store) => {
        const lost = everyNth(lostEvery);
        return {
          commit: async (owner, commits) =>
            lost() ? commits.map(() => committed) : store.commit(owner, commits),
        };
      }),
  },
  {
    name: "forgetting-unnoticed",
    about: "nobody looks whether the store has forgotten: the next commit is numbered to fit",
    begin: () =>
      onStore((store) => ({
        runId: async () => "always the same",
        async commit(owner, commits) {
          const verdicts = [...(await store.commit(owner, commits))];
          for (const [i, verdict] of verdicts.entries()) {
            const commit = commits[i];
            if (verdict.kind !== "ahead" || commit === undefined) continue;
            const [again] = await store.commit(owner, [{ ...commit, number: verdict.last + 1 }]);
            verdicts[i] = again ?? verdict;
          }
          return verdicts;
        },
      })),
  },
  {
    name: "dedupe-row-later",
    about: "what was done for a producer is written with the shard's next commit, not with its own",
    begin: () =>
      onStore((store) => {
        const lag = new RowLag();
        return {
          commit: (owner, commits) =>
            store.commit(
              owner,
              commits.map((one) => lag.change(one)),
            ),
        };
      }),
  },
];

/** Commits of owners that were replaced are taken as if they were the next ones; each log takes what comes. */
function withoutFence(store: Store): Store {
  return {
    ...store,
    async commit(owner, commits) {
      const fences = new Map((await store.fences(Infinity)).map((fence) => [fence.shard, fence]));
      const verdicts: Verdict[] = [];
      for (const commit of commits) {
        const fence = fences.get(commit.shard);
        const replaced = fence !== undefined && (fence.owner !== owner || fence.epoch !== commit.epoch);
        const [verdict] = replaced
          ? await store.commit(fence.owner, [
              {
                ...commit,
                epoch: fence.epoch,
                number: fence.last + 1,
                writes: await atTheEnd(store, commit),
              },
            ])
          : await store.commit(owner, [commit]);
        verdicts.push(verdict ?? committed);
      }
      return verdicts;
    },
  };
}

/** The same writes, with each event behind whatever its log holds now. */
async function atTheEnd(store: Store, { shard, writes }: ShardCommit): Promise<Write[]> {
  const ends = new Map<string, number>();
  const moved: Write[] = [];
  for (const write of writes) {
    if (write.op !== "append") {
      moved.push(write);
      continue;
    }
    const { log } = write;
    const end = ends.get(log) ?? (await store.readLogs([{ shard, log, limit: 1 }]))[0]?.end ?? 0;
    ends.set(log, end + 1);
    moved.push({ ...write, seq: end + 1 });
  }
  return moved;
}

/** Holds each shard's producer rows back until its next commit; a repeat of a commit stays as it was. */
class RowLag {
  readonly #last = new Map<number, { readonly number: number; readonly changed: ShardCommit }>();
  readonly #held = new Map<number, readonly Write[]>();

  change(commit: ShardCommit): ShardCommit {
    const { shard, number, epoch, writes } = commit;
    const last = this.#last.get(shard);
    if (last?.number === number && last.changed.epoch === epoch) return last.changed;
    const rows = writes.filter(isRow);
    const changed = {
      ...commit,
      writes: [...(this.#held.get(shard) ?? []), ...writes.filter((write) => !isRow(write))],
    };
    this.#held.set(shard, rows);
    this.#last.set(shard, { number, changed });
    return changed;
  }
}

function isRow(write: Write): boolean {
  return (write.op === "keep" || write.op === "extend") && write.key.startsWith("p/");
}
