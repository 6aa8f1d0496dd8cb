/**
 * Who lives, for the designs that have no placement of their own: an ideal coordination service. A dead node is found out
 * after a fixed time, about as long as ours takes for a crashed process; then every node and the gateway hear it, each a
 * little later than the other, which is when their views differ.
 */
import { Stream } from "../world/chance.ts";
import type { Process } from "../world/process.ts";

/** Until a death is known: what ours takes on average to find out one crashed process, 1 to 2 s. */
const detectMs = 1500;
/** Within this all have heard a change. */
const spreadMs = 300;

/** Told of changes. */
export interface CoordinationPorts {
  readonly seed: number;
  /** In whose time it lives. */
  readonly process: Process;
  /** The list has changed; nobody has been told. */
  readonly onChange: (before: readonly string[], after: readonly string[]) => void;
  /** That one is told now. */
  readonly tell: (name: string, living: readonly string[]) => void;
}

/** The service. */
export class Coordination {
  readonly #ports: CoordinationPorts;
  readonly #spread: Stream;
  /** In the order of their starts. */
  #living: readonly string[] = [];

  constructor(ports: CoordinationPorts) {
    this.#ports = ports;
    this.#spread = new Stream(ports.seed, "compare/coordination");
  }

  /** Nodes have started: known at once. */
  joined(names: readonly string[]): void {
    this.#change([...this.#living.filter((name) => !names.includes(name)), ...names]);
  }

  /** Nodes have died at the same moment. */
  died(names: readonly string[]): void {
    const { process } = this.#ports;
    process.at(process.scheduler.now + detectMs, () =>
      this.#change(this.#living.filter((name) => !names.includes(name))),
    );
  }

  #change(after: readonly string[]): void {
    const { process, onChange, tell } = this.#ports;
    const before = this.#living;
    this.#living = after;
    onChange(before, after);
    for (const name of [...after, "gateway"])
      process.at(process.scheduler.now + this.#spread.next() * spreadMs, () => tell(name, after));
  }
}
