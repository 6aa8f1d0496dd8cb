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

/** The stored form: short, since it is written with every command. */
export function encodeRow(row: ProducerRow): string {
  return JSON.stringify([
    row.last,
    row.answers.map(({ n, digest, answer }) =>
      answer.kind === "nack"
        ? [n, digest, answer.code]
        : [
            n,
            digest,
            answer.seq,
            answer.epoch,
            answer.prev,
            answer.ts,
            ...(answer.conv === undefined ? [] : [answer.conv]),
          ],
    ),
  ]);
}

/** The inverse of encodeRow. */
export function decodeRow(text: string): ProducerRow {
  const [last, answers] = JSON.parse(text) as [number, (string | number)[][]];
  return {
    last,
    answers: answers.map(([n, digest, third, epoch, prev, ts, conv]) => ({
      n: n as number,
      digest: digest as number,
      answer:
        typeof third === "string"
          ? { kind: "nack", code: third as Code }
          : {
              kind: "ack",
              seq: third as number,
              epoch: epoch as number,
              prev: prev as number,
              ts: ts as number,
              ...(conv === undefined ? {} : { conv: conv as string }),
            },
    })),
  };
}
