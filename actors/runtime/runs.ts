import type { NodeRun, Routing } from "../../placement/hosting.ts";

const goneMs = 30_000;

/**
 * Which runs of other nodes are gone for good: another incarnation of the node has appeared, or it is missing from the
 * members for half a minute. A coordination store that comes back empty makes everybody missing for a moment, and must
 * cost nobody his attachments.
 */
export class Runs {
  readonly #routing: Routing;
  readonly #now: () => number;
  readonly #missing = new Map<string, number>();

  constructor(routing: Routing, now: () => number) {
    this.#routing = routing;
    this.#now = now;
  }

  /** Whether another incarnation has taken the run's place. */
  replaced(run: NodeRun): boolean {
    const { self } = this.#routing;
    if (run.node === self.node) return run.incarnation !== self.incarnation;
    const member = this.#routing.members().get(run.node);
    return member !== undefined && member.incarnation !== run.incarnation;
  }

  /** Looks who is there: a node's absence is counted from when it was last seen. */
  look(): void {
    for (const node of this.#missing.keys())
      if (this.#routing.members().has(node)) this.#missing.delete(node);
  }

  /** Whether what belongs to the run may be kept. */
  alive(run: NodeRun): boolean {
    if (this.replaced(run)) return false;
    if (run.node === this.#routing.self.node || this.#routing.members().has(run.node)) {
      this.#missing.delete(run.node);
      return true;
    }
    const since = this.#missing.get(run.node) ?? this.#now();
    this.#missing.set(run.node, since);
    return this.#now() - since < goneMs;
  }
}
