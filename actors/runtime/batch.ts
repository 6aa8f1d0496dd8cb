import type { Clock } from "../../base/clock.ts";
import { answersOf } from "../../store/partial-answer.ts";

/**
 * Gathers single queries of one turn of the event loop into one call: many actors that wake in a storm cost one round
 * trip. Calls are split at `max` queries.
 * @returns asks one; rejects when the call that carried it fails, and does not bring its answer all the same
 */
export function batched<Query, Result>(
  clock: Clock,
  max: number,
  call: (queries: readonly Query[]) => Promise<readonly Result[]>,
): (query: Query) => Promise<Result> {
  let waiting: { query: Query; resolve: (result: Result) => void; reject: (error: unknown) => void }[] = [];
  const send = async (group: typeof waiting): Promise<void> => {
    try {
      const results = await call(group.map(({ query }) => query));
      group.forEach(({ resolve }, i) => resolve(results[i] as Result));
    } catch (error) {
      const answers = answersOf<Result>(error);
      for (const [i, { resolve, reject }] of group.entries()) {
        if (answers.has(i)) resolve(answers.get(i) as Result);
        else reject(error);
      }
    }
  };
  const flush = (): void => {
    const all = waiting;
    waiting = [];
    for (let i = 0; i < all.length; i += max) void send(all.slice(i, i + max));
  };
  return (query) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) clock.soon(flush);
      waiting.push({ query, resolve, reject });
    });
}
