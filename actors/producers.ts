/**
 * The numbering of commands per producer and target: which command is new, repeated, early or too late. The runtime
 * keeps one row per (actor, producer) and writes it in the commit of the command's effects, so that NoDupEffect and
 * SenderFIFO survive any crash. A row changes in place, since each message changes one: whoever has it, has it alone.
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

/** `fresh`: handle it. `repeat`: give the old answer again. Otherwise refuse with the code; nothing changes. */
export type ProducerVerdict =
  | { readonly kind: "fresh" }
  | { readonly kind: "repeat"; readonly answer: CommandAnswer }
  | { readonly kind: "refused"; readonly code: Code; readonly last: number };

const storedMax = 2 * limits.rememberedAnswers;
/** What was written as a whole this long ago is so again, since only that keeps it from expiring. */
const renewMs = limits.producerTtlMs / 2;
/** How long a row lives after it was written as a whole: its time after the last command, whenever that was. */
const rowTtlMs = limits.producerTtlMs + renewMs;

/** A row's change, without the row's key. */
export type RowChange =
  | { readonly op: "keep"; readonly value: string; readonly ttlMs: number }
  | { readonly op: "extend"; readonly value: string };

/** What is known of one producer at one target. */
export class Producer {
  /** The last number that was answered; 0: nothing is known. */
  #last = 0;
  /** The last answers, ascending. */
  #answers: Remembered[] = [];
  /** How many answers its stored form holds: these, and forgotten ones before them. */
  #stored = 0;
  /** When it was last written as a whole, in milliseconds of the owner's monotonic clock; -Infinity: not by this owner. */
  #wholeAt = -Infinity;

  /** @param stored its stored form; undefined when there is none */
  constructor(stored?: string) {
    if (stored === undefined) return;
    const lines = stored.split("\n").slice(0, -1);
    this.#answers = lines.slice(-limits.rememberedAnswers).map(decodeAnswer);
    this.#last = this.#answers.at(-1)?.n ?? 0;
    this.#stored = lines.length;
    assert(stored.endsWith("\n") && Number.isInteger(this.#last), "a producer's row holds numbers");
  }

  /** How many answers it remembers. */
  get size(): number {
    return this.#answers.length;
  }

  /** Judges a command: accepted iff `after <= last < n`. */
  judge(command: CommandNumber): ProducerVerdict {
    const last = this.#last;
    if (command.n <= last) {
      const old = this.#answers.find((remembered) => remembered.n === command.n);
      if (old === undefined) return { kind: "refused", code: "SKIPPED", last };
      if (old.digest !== command.digest) return { kind: "refused", code: "PRODUCER_CONFLICT", last };
      return { kind: "repeat", answer: old.answer };
    }
    if (command.after <= last) return fresh;
    return { kind: "refused", code: last === 0 ? "PRODUCER_UNKNOWN" : "GAP", last };
  }

  /**
   * Remembers the answer to a fresh command. What has to be written is that answer, added to the end of what is stored.
   * Only the first one, one in every 32, and one in every 12 hours writes the row as a whole, which drops what was
   * forgotten.
   * @param now milliseconds of the owner's monotonic clock
   */
  remember({ n, digest }: CommandNumber, answer: CommandAnswer, now: number): RowChange {
    const remembered = { n, digest, answer };
    this.#last = n;
    this.#answers.push(remembered);
    if (this.#answers.length > limits.rememberedAnswers) this.#answers.shift();
    const whole = this.#stored >= storedMax || now - this.#wholeAt > renewMs;
    if (!whole) {
      this.#stored++;
      return { op: "extend", value: encodeAnswer(remembered) };
    }
    this.#stored = this.#answers.length;
    this.#wholeAt = now;
    return { op: "keep", value: this.#answers.map(encodeAnswer).join(""), ttlMs: rowTtlMs };
  }
}

const fresh: ProducerVerdict = { kind: "fresh" };

/** A line of numbers, and after them the code of a refusal or the conversation that was opened. */
function encodeAnswer({ n, digest, answer }: Remembered): string {
  if (answer.kind === "nack") return `${n} ${digest} ${answer.code}\n`;
  const { seq, epoch, prev, ts, conv } = answer;
  return `${n} ${digest} ${seq} ${epoch} ${prev} ${ts}${conv === undefined ? "" : ` ${conv}`}\n`;
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
