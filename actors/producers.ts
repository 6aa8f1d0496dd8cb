/**
 * The numbering of commands per producer and target: which command is new, repeated, early or too late. Pure; the
 * runtime keeps one row per (actor, producer) and writes it in the commit of the command's effects, so that NoDupEffect
 * and SenderFIFO survive any crash.
 */
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
}

/** `fresh`: handle it. `repeat`: give the old answer again. Otherwise refuse with the code; nothing changes. */
export type ProducerVerdict =
  | { readonly kind: "fresh" }
  | { readonly kind: "repeat"; readonly answer: CommandAnswer }
  | { readonly kind: "refused"; readonly code: Code; readonly last: number };

const unknown: ProducerRow = { last: 0, answers: [] };

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

/** The row after a fresh command was answered. */
export function remember(
  row: ProducerRow | undefined,
  command: CommandNumber,
  answer: CommandAnswer,
): ProducerRow {
  const answers = (row ?? unknown).answers;
  const kept =
    answers.length >= limits.rememberedAnswers ? answers.slice(1 - limits.rememberedAnswers) : answers;
  return { last: command.n, answers: [...kept, { n: command.n, digest: command.digest, answer }] };
}

/**
 * The stored form: short, since it is written with every command. Numbers are kept as distances from the last ones, which
 * are small in a running conversation.
 */
export function encodeRow({ last, answers }: ProducerRow): string {
  const base = baseOf(answers);
  return JSON.stringify([
    last,
    base,
    answers.map(({ n, digest, answer }) => {
      if (answer.kind === "nack") return [last - n, digest, answer.code];
      const { seq, epoch, prev, ts, conv } = answer;
      const numbers = [last - n, digest, base[0] - seq, base[1] - epoch, seq - prev, base[2] - ts];
      return conv === undefined ? numbers : [...numbers, conv];
    }),
  ]);
}

type Base = readonly [seq: number, epoch: number, ts: number];

/** What the last acknowledgement says. */
function baseOf(answers: readonly Remembered[]): Base {
  const answer = answers.at(-1)?.answer;
  return answer?.kind === "ack" ? [answer.seq, answer.epoch, answer.ts] : [0, 0, 0];
}

type Stored =
  | readonly [back: number, digest: number, code: Code]
  | readonly [
      back: number,
      digest: number,
      seq: number,
      epoch: number,
      prev: number,
      ts: number,
      conv?: string,
    ];

/** The inverse of encodeRow. */
export function decodeRow(text: string): ProducerRow {
  const [last, base, stored] = JSON.parse(text) as [number, Base, Stored[]];
  return { last, answers: stored.map((one) => decodeAnswer(last, base, one)) };
}

function decodeAnswer(last: number, [baseSeq, baseEpoch, baseTs]: Base, stored: Stored): Remembered {
  const n = last - stored[0];
  const digest = stored[1];
  if (stored.length === 3) return { n, digest, answer: { kind: "nack", code: stored[2] } };
  const seq = baseSeq - stored[2];
  const conv = stored[6];
  return {
    n,
    digest,
    answer: {
      kind: "ack",
      seq,
      epoch: baseEpoch - stored[3],
      prev: seq - stored[4],
      ts: baseTs - stored[5],
      ...(conv === undefined ? {} : { conv }),
    },
  };
}
