import type { ServerFrame } from "../../protocol/frames.ts";

/** The sends of one connection that wait for their answers, by producer; each producer has one target. */
export class Flights {
  readonly #unanswered = new Map<string, Set<number>>();

  /** A send leaves; how many of its producer are on their way now, with this one. */
  leave(p: string, n: number): number {
    let numbers = this.#unanswered.get(p);
    if (numbers === undefined) this.#unanswered.set(p, (numbers = new Set()));
    return numbers.add(n).size;
  }

  /** A command is answered. */
  land({ p, n }: Extract<ServerFrame, { t: "ack" | "nack" }>): void {
    this.#unanswered.get(p)?.delete(n);
  }
}
