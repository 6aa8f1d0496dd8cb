import type { NodeRun, Routing } from "../../placement/hosting.ts";
import { runKey, sameRun } from "../../placement/shard-table.ts";

const goneMs = 30_000;
const rememberedRuns = 1000;

/**
 * Which runs of other nodes are gone for good: known to be over, or missing from the members for half a minute. A
 * coordination store that comes back empty makes everybody missing for a moment, and one that is behind or older shows
 * another incarnation in a living one's place; neither may cost anybody his attachments.
 */
export class Runs {
  readonly #routing: Routing;
  readonly #now: () => number;
  /** Since when runs are missing, by `runKey`, the newest last. */
  readonly #missing = new Map<string, { readonly run: NodeRun; readonly since: number }>();

  constructor(routing: Routing, now: () => number) {
    this.#routing = routing;
    this.#now = now;
  }

  /** How many runs are missing. */
  get missing(): number {
    return this.#missing.size;
  }

  /** Looks who is there: a run's absence is counted from when it was last seen. */
  look(): void {
    for (const [key, { run }] of this.#missing) if (this.#isThere(run)) this.#missing.delete(key);
  }

  /** Whether what belongs to the run may be kept. */
  alive(run: NodeRun): boolean {
    const key = runKey(run);
    const there = this.#isThere(run);
    if (there || this.#isOver(run)) {
      this.#missing.delete(key);
      return there;
    }
    const since = this.#missing.get(key)?.since ?? this.#now();
    this.#missing.set(key, { run, since });
    for (const oldest of this.#missing.keys()) {
      if (this.#missing.size <= rememberedRuns) break;
      this.#missing.delete(oldest);
    }
    return this.#now() - since < goneMs;
  }

  #isThere(run: NodeRun): boolean {
    const { self } = this.#routing;
    const present = run.node === self.node ? self : this.#routing.members().get(run.node);
    return present !== undefined && sameRun(present, run);
  }

  /** Whether the run is known to be over: it was declared dead, or another one came after it. */
  #isOver(run: NodeRun): boolean {
    const { self } = this.#routing;
    if (run.node === self.node) return run.incarnation !== self.incarnation;
    return this.#routing.over?.(run) === true;
  }
}
