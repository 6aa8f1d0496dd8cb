import type { Process } from "./process.ts";
import type { RemoteServer } from "./remote.ts";

/**
 * One of the servers that share the simulated store, as in a Redis Cluster: it answers for some of the shards, and can be
 * away, stand still or be replaced alone. Standing still it takes what it is sent, and does it when it goes on.
 */
export class StoreMaster implements RemoteServer {
  readonly party = "store";
  /** How faults name it: `m1`, `m2`, ... */
  readonly name: string;
  readonly process: Process;
  /** It refuses everybody. */
  down = false;
  #runs = 1;

  constructor(name: string, process: Process) {
    this.name = name;
    this.process = process;
  }

  /** It answers nothing. */
  get silent(): boolean {
    return this.process.paused;
  }

  /** Names its run. */
  get runId(): string {
    return `run-${this.#runs}`;
  }

  /** A replica took its place. */
  replaced(): void {
    this.#runs++;
  }
}
