/**
 * One process's connection to a server of the world (`bus`, `store`): up or down as its pings find out, down at once when
 * the server itself goes away, up again soon after the way is free.
 */
import type { Cancel } from "../../base/clock.ts";
import type { Process } from "./process.ts";
import type { Sky } from "./weather.ts";

/** A server that can be away for everybody. */
export interface Server {
  readonly party: string;
  /** Whether it refuses everybody. */
  down: boolean;
  /** Whether it stands still: it takes everything and answers nothing. */
  readonly silent: boolean;
}

const lookMs = 250;
/** Silent looks after which the connection counts as lost: two pings a second apart. */
const looksLost = 8;

/** Whether a server can be reached, as one process knows it. */
export class Uplink {
  readonly #process: Process;
  readonly #sky: Sky;
  readonly #server: Server;
  readonly #handlers: ((connected: boolean) => void)[] = [];
  readonly #stop: Cancel;
  #up: boolean;
  #silent = 0;
  #closed = false;

  constructor(process: Process, sky: Sky, server: Server) {
    this.#process = process;
    this.#sky = sky;
    this.#server = server;
    this.#up = !server.down;
    this.#stop = process.clock.every(lookMs, () => this.#look());
  }

  /** What this process believes. */
  get up(): boolean {
    return this.#up && !this.#closed;
  }

  /** Whether requests get there and answers back, whatever is believed. */
  get open(): boolean {
    const { down, silent } = this.#server;
    return !down && !silent && this.#sky.open(this.#process.name, this.#server.party);
  }

  /** Calls back on every change. */
  onStatus(handler: (connected: boolean) => void): void {
    this.#handlers.push(handler);
  }

  /** Ends it. */
  close(): void {
    if (this.#closed) return;
    const was = this.up;
    this.#stop();
    this.#closed = true;
    if (was) for (const handler of this.#handlers) handler(false);
  }

  #look(): void {
    if (this.open) {
      this.#silent = 0;
      return this.#set(true);
    }
    this.#silent++;
    if (this.#server.down || this.#silent >= looksLost) this.#set(false);
  }

  #set(up: boolean): void {
    if (up === this.#up) return;
    this.#up = up;
    for (const handler of this.#handlers) handler(up);
  }
}
