/** Everybody is cut off at once, misses messages, and comes back for them. */
import { Histogram } from "../measure/histogram.ts";
import type { Dialect, Returner } from "./dialect.ts";
import { inBatches, type Integrity, type Job, type JobSpec } from "./job.ts";
import { tickEach } from "./ticking.ts";

/** How a storm went. */
export interface StormResult {
  /** From the first connect to the last client that had everything. */
  readonly seconds: number;
  readonly recovered: number;
  /** Of a `Histogram`: from the cut line's return to having everything, for each client. */
  readonly latencies: readonly number[];
}

const setupsAtOnce = 60;
/** Connections that begin at a time: more than the systems take, fewer than overflow a listen queue. */
const returnsAtOnce = 600;
const settleMs = 2000;

/** The job of one generator process. */
export class StormJob implements Job {
  readonly #dialect: Dialect;
  readonly #spec: JobSpec;
  #clients: Returner[] = [];
  #messages = 0;
  #lost = 0;
  #duplicated = 0;
  #refused = 0;
  #failures = new Map<string, number>();

  constructor(dialect: Dialect, spec: JobSpec) {
    this.#dialect = dialect;
    this.#spec = spec;
  }

  async step(name: string, argument: number): Promise<object> {
    switch (name) {
      case "prepare":
        return this.#prepare();
      case "cut":
        return this.#cut(argument);
      case "return":
        return this.#return();
      case "finish":
        return this.#finish();
      default:
        throw new Error(`a storm has no step ${name}`);
    }
  }

  async #prepare(): Promise<object> {
    const { size, scattered = false } = this.#spec;
    this.#clients = await inBatches(size, setupsAtOnce, (i) => this.#dialect.returner(i, scattered));
    await this.#dialect.settle();
    tickEach(() => this.#clients);
    return {};
  }

  /** Drops all sockets, gives the system time to notice, and sends what everybody misses. */
  async #cut(messages: number): Promise<object> {
    this.#messages = messages;
    for (const client of this.#clients) client.cut();
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    await this.#dialect.miss(this.#clients.length, messages);
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    return {};
  }

  async #return(): Promise<StormResult> {
    const latencies = new Histogram();
    const startedAt = performance.now();
    let lastAt = startedAt;
    let recovered = 0;
    await inBatches(this.#clients.length, returnsAtOnce, async (i) => {
      const client = this.#clients[i];
      if (client === undefined) return;
      try {
        const { missed, duplicated, recovered: known } = await client.resume(this.#messages);
        if (!known) this.#refused++;
        this.#lost += Math.max(0, this.#messages - missed);
        this.#duplicated += duplicated;
        if (missed >= this.#messages) {
          recovered++;
          lastAt = performance.now();
          latencies.add(lastAt - startedAt);
        }
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        this.#failures.set(text, (this.#failures.get(text) ?? 0) + 1);
        this.#lost += this.#messages;
      }
    });
    return { seconds: (lastAt - startedAt) / 1000, recovered, latencies: latencies.counts };
  }

  #finish(): Integrity {
    for (const client of this.#clients) client.close();
    return {
      lost: this.#lost,
      duplicated: this.#duplicated,
      disordered: 0,
      troubles: {
        ...this.#dialect.troubles,
        ...Object.fromEntries(this.#failures),
        ...(this.#refused === 0 ? {} : { "not recovered": this.#refused }),
      },
    };
  }
}
