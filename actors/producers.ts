/**
 * The numbering of commands per producer and target: which command is new, repeated, early or too late. Pure; the
 * runtime keeps one row per (actor, producer) and writes it in the commit of the command's effects, so that NoDupEffect
 * and SenderFIFO survive any crash.
 */
import { assert } from "../base/assert.ts";
import type { CommandAnswer } from "./behavior.ts";
import type { Code } from "../protocol/codes.ts";
import { limits } from "../protocol/limits.ts";

/** A command's place in its producer's numbering. */
export interface CommandNumber {
  readonly p: string;
  readonly n: number;
  /** The last number before `n` that the producer has not given up; 0 for none. */
  readonly after: number;
  /** Hash of the command's content, to tell a repeat from a reuse. */
  readonly digest: number;
}

/** One remembered answer. */
interface Remembered {
  readonly n: number;
  readonly digest: number;
  readonly answer: CommandAnswer;
}

/** What is known of one producer at one target. */
export interface ProducerRow {
  /** The last number that was answered. */
  readonly last: number;
  /** The last answers, ascending. */
  readonly answers: readonly Remembered[];
  /** How many answers its stored form holds: these, and forgotten ones before them. */
  readonly stored: number;
  /** When it was last written as a whole, in milliseconds of the owner's monotonic clock; -Infinity: not by this owner. */
  readonly wholeAt: number;
}

/** `fresh`: handle it. `repeat`: give the old answer again. Otherwise refuse with the code; nothing changes. */
export type ProducerVerdict =
  | { readonly kind: "fresh" }
  | { readonly kind: "repeat"; readonly answer: CommandAnswer }
  | { readonly kind: "refused"; readonly code: Code; readonly last: number };

const unknown: ProducerRow = { last: 0, answers: [], stored: 0, wholeAt: -Infinity };
const storedMax = 2 * limits.rememberedAnswers;
/** What was written as a whole this long ago is so again, since only that keeps it from expiring. */
const renewMs = limits.producerTtlMs / 2;
/** How long a row lives after it was written as a whole: its time after the last command, whenever that was. */
const rowTtlMs = limits.producerTtlMs + renewMs;

/** Judges a command: accepted iff `after <= last < n`. */
export function judge(row: ProducerRow | undefined, command: CommandNumber): ProducerVerdict {
  const { last, answers } = row ?? unknown;
  if (command.n <= last) {
    const old = answers.find((remembered) => remembered.n === command.n);
    if (old === undefined) return { kind: "refused", code: "SKIPPED", last };
    if (old.digest !== command.digest) return { kind: "refused", code: "PRODUCER_CONFLICT", last };
    return { kind: "repeat", answer: old.answer };
  }
  if (command.after <= last) return { kind: "fresh" };
  return { kind: "refused", code: row === undefined ? "PRODUCER_UNKNOWN" : "GAP", last };
}

/**
 * The row after a fresh command was answered.
 * @param now milliseconds of the owner's monotonic clock
 */
export function remember(
  row: ProducerRow | undefined,
  { n, digest }: CommandNumber,
  answer: CommandAnswer,
  now: number,
): ProducerRow {
  const { answers: before, stored, wholeAt } = row ?? unknown;
  const answers = before.slice(Math.max(0, before.length + 1 - limits.rememberedAnswers));
  answers.push({ n, digest, answer });
  const whole = stored >= storedMax || now - wholeAt > renewMs;
  return whole
    ? { last: n, answers, stored: answers.length, wholeAt: now }
    : { last: n, answers, stored: stored + 1, wholeAt };
}

/**
 * What has to be written for a row that `remember` has just made from another: its last answer, added to the end of what
 * is stored. Only its first row, one in every 32, and one in every 12 hours is written as a whole, which drops what was
 * forgotten.
 */
export function changeOf(row: ProducerRow, before: ProducerRow | undefined): RowChange {
  const { answers, stored, wholeAt } = row;
  const whole = wholeAt !== before?.wholeAt || stored <= before.stored;
  return whole
    ? { op: "keep", value: answers.map(encodeAnswer).join(""), ttlMs: rowTtlMs }
    : { op: "extend", value: answers.slice(-1).map(encodeAnswer).join("") };
}

/** A row's change, without the row's key. */
type RowChange =
  | { readonly op: "keep"; readonly value: string; readonly ttlMs: number }
  | { readonly op: "extend"; readonly value: string };

/** A line of numbers, and after them the code of a refusal or the conversation that was opened. */
function encodeAnswer({ n, digest, answer }: Remembered): string {
  if (answer.kind === "nack") return `${n} ${digest} ${answer.code}\n`;
  const { seq, epoch, prev, ts, conv } = answer;
  return `${n} ${digest} ${seq} ${epoch} ${prev} ${ts}${conv === undefined ? "" : ` ${conv}`}\n`;
}

/** The row of which this is the stored form. */
export function decodeRow(text: string): ProducerRow {
  const lines = text.split("\n").slice(0, -1);
  const answers = lines.slice(-limits.rememberedAnswers).map(decodeAnswer);
  const last = answers.at(-1)?.n ?? 0;
  assert(text.endsWith("\n") && Number.isInteger(last), "a producer's row holds numbers");
  return { last, answers, stored: lines.length, wholeAt: -Infinity };
}

function decodeAnswer(line: string): Remembered {
  const [n, digest, third, ...rest] = line.split(" ");
  const numbered = { n: Number(n), digest: Number(digest) };
  const [epoch, prev, ts, conv] = rest;
  if (ts === undefined) return { ...numbered, answer: { kind: "nack", code: third as Code } };
  const answer = {
    kind: "ack",
    seq: Number(third),
    epoch: Number(epoch),
    prev: Number(prev),
    ts: Number(ts),
  } as const;
  return { ...numbered, answer: conv === undefined ? answer : { ...answer, conv } };
}
