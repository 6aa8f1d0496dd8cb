import { Failure } from "../base/errors.ts";
import type { ClaimResult, Owner, ShardCommit, Verdict, Write } from "./store.ts";

/** A fence with what is needed to recognise a repeat: the epoch under which the last commit was written. */
export interface FenceRow {
  readonly epoch: number;
  readonly owner: Owner;
  readonly last: number;
  /** -1 while nothing was committed. */
  readonly lastEpoch: number;
}

/** Decides a claim: a higher epoch wins, the same epoch only for the same owner. */
export function judgeClaim(fence: FenceRow | undefined, owner: Owner, epoch: number): ClaimResult {
  if (fence === undefined) return { kind: "claimed", last: 0 };
  if (epoch > fence.epoch || (epoch === fence.epoch && owner === fence.owner)) {
    return { kind: "claimed", last: fence.last };
  }
  return { kind: "fenced", epoch: fence.epoch, owner: fence.owner };
}

/** The fence after a claim that `judgeClaim` granted. */
export function fenceAfterClaim(fence: FenceRow | undefined, owner: Owner, epoch: number): FenceRow {
  return { epoch, owner, last: fence?.last ?? 0, lastEpoch: fence?.lastEpoch ?? -1 };
}

/** Decides a commit: a verdict, or `apply` when it is the next one and its writes have to be carried out. */
export function judgeCommit(
  fence: FenceRow | undefined,
  owner: Owner,
  commit: ShardCommit,
): Verdict | { readonly kind: "apply" } {
  if (fence === undefined) return { kind: "fenced", epoch: 0, owner: "" };
  if (fence.epoch !== commit.epoch || fence.owner !== owner) {
    return { kind: "fenced", epoch: fence.epoch, owner: fence.owner };
  }
  if (commit.number === fence.last + 1) return { kind: "apply" };
  if (commit.number > fence.last) return { kind: "ahead", last: fence.last };
  if (commit.number === fence.last && fence.lastEpoch === commit.epoch) return { kind: "committed" };
  return { kind: "stale", last: fence.last };
}

/**
 * Refuses calls that no correct owner makes, before anything is touched.
 * @throws Failure STORE_CORRUPT
 */
export function checkCommits(commits: readonly ShardCommit[]): void {
  const seen = new Set<number>();
  for (const commit of commits) {
    const { shard } = commit;
    if (seen.has(shard)) throw corrupt(`two commits of shard ${shard} in one call`, { shard });
    seen.add(shard);
    if (!Number.isSafeInteger(commit.number)) throw corrupt("a commit's number is no integer", { shard });
    checkWrites(shard, commit.writes);
  }
}

function checkWrites(shard: number, writes: readonly Write[]): void {
  const ends = new Map<string, number>();
  for (const write of writes) {
    checkWrite(shard, write);
    if (write.op !== "append") continue;
    const { log, seq } = write;
    const end = ends.get(log);
    if (end !== undefined && seq !== end + 1) throw brokenLog(shard, log, end, seq);
    ends.set(log, seq);
  }
}

function checkWrite(shard: number, write: Write): void {
  if (write.op === "append" && !(Number.isSafeInteger(write.seq) && write.seq > 0)) {
    throw corrupt("an event's number is no positive integer", { shard, log: write.log, seq: write.seq });
  }
  const span = write.op === "keep" ? write.ttlMs : write.op === "arm" ? write.delayMs : 0;
  if (!(span >= 0 && span <= longestMs)) {
    throw corrupt("a time span is negative or too long", { shard, op: write.op, span });
  }
}

/** A thousand years: beyond it the stores' integers would be at risk. */
const longestMs = 1000 * 366 * 24 * 3600 * 1000;

/**
 * Checks that the appends of a commit, which follow each other as `checkCommits` has seen, continue their logs.
 * @param endOf the number of a log's last stored event, 0 when it is empty
 * @throws Failure STORE_CORRUPT
 */
export function checkAppends(commit: ShardCommit, endOf: (log: string) => number): void {
  const seen = new Set<string>();
  for (const write of commit.writes) {
    if (write.op !== "append" || seen.has(write.log)) continue;
    seen.add(write.log);
    const end = endOf(write.log);
    if (write.seq !== end + 1) throw brokenLog(commit.shard, write.log, end, write.seq);
  }
}

/** An append that would break SeqDense. */
export function brokenLog(shard: number, log: string, end: number, seq: number): Failure {
  return corrupt(`event ${seq} cannot follow event ${end}`, { shard, log, end, seq });
}

/** The writer is wrong: a bug, not a fault of the store. */
export function corrupt(message: string, details: Readonly<Record<string, unknown>>): Failure {
  return new Failure("STORE_CORRUPT", `refused a commit: ${message}`, details);
}

/** The store cannot be reached, and nothing was applied. */
export function unavailable(message: string, cause?: unknown): Failure {
  return new Failure("STORE_UNAVAILABLE", `the store is unavailable: ${message}`, {}, cause);
}

/** The commit may have been applied or not: ask again with the same number. */
export function unknownOutcome(message: string, cause?: unknown): Failure {
  return new Failure("STORE_UNKNOWN_OUTCOME", `the outcome of a commit is unknown: ${message}`, {}, cause);
}

/**
 * Which shard holds what follows from their number: with another one, what is there would not be found.
 * @param made the number that the store was made with
 * @throws Failure STORE_CONFIG
 */
export function checkShards(made: number, shards: number): void {
  if (made === shards) return;
  const message =
    `the store was made with USHER_SHARDS=${made}, but this node is set to ${shards} and would not find what is there: ` +
    `set USHER_SHARDS=${made}, or begin with an empty store`;
  throw new Failure("STORE_CONFIG", message, { expected: shards, actual: made });
}
