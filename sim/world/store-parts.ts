/**
 * Calls that go to several masters of the store at once, as its adapter for a cluster makes them: each master is asked for
 * its own, nobody waits for one longer than for all, and what some answered is not hidden by others that failed.
 */
import { Failure, messageOf } from "../../base/errors.ts";
import { PartialAnswer } from "../../store/partial-answer.ts";
import { unavailable, unknownOutcome } from "../../store/verdict.ts";
import type { StoreMaster } from "./store-master.ts";
import type { StoreServer } from "./store-server.ts";

/** What one master is asked for. */
export interface Part<I> {
  readonly master: StoreMaster;
  readonly items: readonly I[];
  /** Where each item stood in the call. */
  readonly positions: readonly number[];
}

/** Divides what is asked for among the masters; with nothing to ask for the first one is asked. */
export function partsOf<I extends { readonly shard: number }>(
  server: StoreServer,
  items: readonly I[],
): readonly Part<I>[] {
  const parts = new Map<StoreMaster, { items: I[]; positions: number[] }>();
  if (items.length === 0) parts.set(server.masterOf(0), { items: [], positions: [] });
  for (const [position, item] of items.entries()) {
    const master = server.masterOf(item.shard);
    let part = parts.get(master);
    if (part === undefined) parts.set(master, (part = { items: [], positions: [] }));
    part.items.push(item);
    part.positions.push(position);
  }
  return [...parts].map(([master, part]) => ({ master, ...part }));
}

/**
 * The answers of all parts in the order of the call. @throws what the only part threw; PartialAnswer when others answered,
 * with an unknown outcome if anything was to be changed
 */
export async function together<I, T>(
  parts: readonly Part<I>[],
  ask: (part: Part<I>) => Promise<readonly T[]>,
  changes: boolean,
): Promise<readonly T[]> {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return ask(only);
  const outcomes = await Promise.allSettled(parts.map(ask));
  const answers = new Map<number, T>();
  const failures: Failure[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.status === "rejected") failures.push(failureOf(outcome.reason));
    else outcome.value.forEach((answer, j) => answers.set(parts[i]?.positions[j] ?? 0, answer));
  }
  const worst = (code: string): Failure | undefined => failures.find((one) => one.code === code);
  const corrupt = worst("STORE_CORRUPT");
  if (corrupt !== undefined) throw corrupt;
  const failure = worst("STORE_UNKNOWN_OUTCOME") ?? failures[0];
  if (failure === undefined) return Array.from(answers, (_, position) => answers.get(position) as T);
  if (answers.size === 0) throw failure;
  throw new PartialAnswer(answers, changes ? unknownOutcome("parts of it were applied", failure) : failure);
}

/** What those answered that did. @throws Failure when nobody did */
export function answered<T>(outcomes: readonly PromiseSettledResult<T>[]): readonly T[] {
  const answers: T[] = [];
  let failure: Failure | undefined;
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") answers.push(outcome.value);
    else failure ??= failureOf(outcome.reason);
  }
  if (answers.length === 0 && failure !== undefined) throw failure;
  return answers;
}

function failureOf(error: unknown): Failure {
  return error instanceof Failure ? error : unavailable(messageOf(error));
}
