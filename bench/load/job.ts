/** What the bench process and a generator process say to each other. */
import type { Seat, Target } from "./dialect.ts";

/** A task of a generator process; its steps are called one after the other. */
export interface Job {
  /** Does one step and answers with what the bench needs to know. */
  step(name: string, argument: number): Promise<object>;
}

/** Which job, against what, how large. */
export interface JobSpec {
  readonly job: "pairs" | "fanout" | "storm" | "idle" | "touch" | "crowd";
  readonly target: Target;
  /** Pairs, members or clients. */
  readonly size: number;
  /** The first pair's number; those before it are other people. 0 when missing. */
  readonly first?: number;
  /** Which pairs, and where they sit; when missing, pair i is attached to nodes i and i + 1. */
  readonly seats?: readonly Seat[];
  /** Whether those without seats stay where they landed. */
  readonly scattered?: boolean;
  /** Messages that each side may have open; 0 where the bench offers a fixed rate. */
  readonly window: number;
}

/** From the bench to the generator: the first carries the job. */
export type Request =
  | { readonly kind: "job"; readonly spec: JobSpec }
  | { readonly kind: "step"; readonly name: string; readonly argument: number };

/** From the generator. */
export type Answer =
  { readonly kind: "result"; readonly result: object } | { readonly kind: "failed"; readonly text: string };

/** Messages lost, repeated or out of order. */
export interface Integrity {
  readonly lost: number;
  readonly duplicated: number;
  readonly disordered: number;
  /** Refusals and repairs by what they were. */
  readonly troubles: Readonly<Record<string, number>>;
}

/** Runs tasks a few at a time. */
export async function inBatches<T>(
  count: number,
  atOnce: number,
  task: (i: number) => Promise<T>,
): Promise<T[]> {
  const results = new Map<number, T>();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const i = next++;
      results.set(i, await task(i));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return [...results.entries()].sort(([a], [b]) => a - b).map(([, result]) => result);
}
