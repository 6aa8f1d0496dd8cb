/**
 * How much hangs on each run of a node. Role: a look that comes every second asks the few runs whether one of them is gone,
 * and walks what hangs on them only then, so that people who do nothing cost nothing.
 */
import type { NodeRun } from "../../placement/hosting.ts";
import { runKey } from "../../placement/shard-table.ts";

interface Count {
  readonly run: NodeRun;
  held: number;
}

/** Counts by run; a run with nothing left is forgotten. */
export class RunCounts {
  readonly #counts = new Map<string, Count>();

  /** One more hangs on this run. */
  add(run: NodeRun): void {
    const key = runKey(run);
    const count = this.#counts.get(key);
    if (count === undefined) this.#counts.set(key, { run, held: 1 });
    else count.held++;
  }

  /** One less. */
  remove(run: NodeRun): void {
    const key = runKey(run);
    const count = this.#counts.get(key);
    if (count !== undefined && --count.held === 0) this.#counts.delete(key);
  }

  /** Whether something hangs on a run that passes the test. */
  some(test: (run: NodeRun) => boolean): boolean {
    for (const { run } of this.#counts.values()) if (test(run)) return true;
    return false;
  }
}
