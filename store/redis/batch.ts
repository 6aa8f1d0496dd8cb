import type { Failure } from "../../base/errors.ts";
import { PartialAnswer } from "../partial-answer.ts";
import type { Owner, ShardCommit, Verdict, Write } from "../store.ts";
import { brokenLog, unknownOutcome } from "../verdict.ts";
import type { RedisKeys } from "./keys.ts";

/** One run of commit.lua: commits of several shards that one server serves. */
export interface CommitBatch {
  readonly partition: number;
  readonly commits: ShardCommit[];
  /** Where each of them stood in the call. */
  readonly positions: number[];
  readonly keys: string[];
  readonly args: (string | number)[];
  /** About how many bytes the arguments take. */
  bytes: number;
}

/** A script must not hold the server up for long: what is larger becomes several. */
const batchBytes = 256 * 1024;
/** What Redis' protocol adds to an argument, roughly. */
const argumentBytes = 8;

/**
 * Lays commits out for commit.lua. In a cluster one batch stays within one partition.
 * @param commits as `checkCommits` lets them pass
 * @param cluster whether a script reaches only the keys of one partition
 */
export function batchCommits(
  keys: RedisKeys,
  cluster: boolean,
  owner: Owner,
  commits: readonly ShardCommit[],
): readonly CommitBatch[] {
  const batches: CommitBatch[] = [];
  const open = new Map<number, CommitBatch>();
  for (const [position, commit] of commits.entries()) {
    const partition = keys.partitionOf(commit.shard);
    const group = cluster ? partition : 0;
    const { args, bytes } = encodeWrites(commit.writes);
    let batch = open.get(group);
    if (batch === undefined || batch.bytes + bytes > batchBytes) {
      batch = {
        partition,
        commits: [],
        positions: [],
        keys: [],
        args: [owner, cluster ? "1" : "0"],
        bytes: 0,
      };
      batches.push(batch);
      open.set(group, batch);
    }
    batch.commits.push(commit);
    batch.positions.push(position);
    batch.keys.push(keys.fence(commit.shard));
    batch.args.push(commit.epoch, commit.number, args.length);
    for (const arg of args) batch.args.push(arg);
    batch.bytes += bytes;
  }
  return batches;
}

/**
 * The arguments for one shard. What a command costs is mostly that it is one: all events of a log, whose numbers follow
 * each other, are added by one, and what extends a record by one, in the place of the first.
 */
function encodeWrites(writes: readonly Write[]): { args: (string | number)[]; bytes: number } {
  const logs = new Map<string, { readonly first: number; readonly events: string[] }>();
  /** Where the value that extends a record stands in `others`, while it may still grow. */
  const extended = new Map<string, number>();
  const others: (string | number)[] = [];
  for (const write of writes) {
    if (write.op === "append") {
      const { log, seq, event } = write;
      const known = logs.get(log);
      if (known === undefined) logs.set(log, { first: seq, events: [event] });
      else known.events.push(event);
    } else if (write.op === "extend") {
      const at = extended.get(write.key);
      if (at === undefined) extended.set(write.key, others.push("e", write.key, write.value) - 1);
      else others[at] = `${others[at]}${write.value}`;
    } else {
      if (write.op === "keep") extended.delete(write.key);
      encodeWrite(others, write);
    }
  }
  const args: (string | number)[] = [];
  for (const [log, { first, events }] of logs) {
    args.push("a", log, first, events.length);
    for (const event of events) args.push(event);
  }
  for (const arg of others) args.push(arg);
  let bytes = 0;
  for (const arg of args) bytes += argumentBytes + (typeof arg === "string" ? arg.length : argumentBytes);
  return { args, bytes };
}

/** One letter and its arguments; commit.lua knows how many each has. */
function encodeWrite(args: (string | number)[], write: Exclude<Write, { op: "append" | "extend" }>): number {
  switch (write.op) {
    case "set":
      return args.push("s", write.entity, write.field, write.value);
    case "unset":
      return args.push("u", write.entity, write.field);
    case "keep":
      return args.push("k", write.key, Math.max(1, Math.ceil(write.ttlMs)), write.value);
    case "owe":
      return args.push("o", write.id, write.value);
    case "settle":
      return args.push("x", write.id);
    case "arm":
      return args.push("t", write.id, Math.ceil(write.delayMs), write.value);
    case "disarm":
      return args.push("d", write.id);
    case "join":
      return args.push("j", write.set, write.member);
    case "leave":
      return args.push("l", write.set, write.member);
  }
}

/** The verdicts of one batch as commit.lua writes them. */
export function decodeVerdicts(answer: unknown): readonly Verdict[] {
  return list(answer).map((verdict): Verdict => {
    if (verdict === 0) return { kind: "committed" };
    const [kind, first, second] = list(verdict);
    if (kind === "f") return { kind: "fenced", epoch: Number(first), owner: String(second) };
    return { kind: kind === "h" ? "ahead" : "stale", last: Number(first) };
  });
}

/** Names the append that commit.lua refused as `CORRUPT <commit> <argument> <end>`, if it was that. */
export function brokenAppend(batch: CommitBatch, reply: string): Failure | undefined {
  const [, commit, argument, end] = /^CORRUPT (\d+) (\d+) (\d+)/.exec(reply) ?? [];
  if (argument === undefined) return undefined;
  const shard = batch.commits[Number(commit) - 1]?.shard ?? -1;
  const log = String(batch.args[Number(argument)]);
  return brokenLog(shard, log, Number(end), Number(batch.args[Number(argument) + 1]));
}

/**
 * What to say of a call of which only parts failed: unavailable only if nothing at all was applied.
 * @param failures those of its batches, at least one
 * @param verdicts those of its other batches, by position in the call
 */
export function overallFailure(
  failures: readonly Failure[],
  verdicts: ReadonlyMap<number, Verdict>,
): Failure {
  const corruption = failures.find(({ code }) => code === "STORE_CORRUPT");
  if (corruption !== undefined) return corruption;
  const first = failures.find(({ code }) => code === "STORE_UNKNOWN_OUTCOME") ?? failures[0];
  if (first === undefined) return unknownOutcome("no reason is known");
  if (verdicts.size === 0) return first;
  return new PartialAnswer(
    verdicts,
    unknownOutcome(`parts of it were applied, others not: ${first.message}`, first),
  );
}

/** An array of what Redis answered. */
export function list(answer: unknown): readonly unknown[] {
  return Array.isArray(answer) ? (answer as readonly unknown[]) : [];
}
