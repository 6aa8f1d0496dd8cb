import type { Attendee, Dialect } from "./dialect.ts";
import { inBatches, type Integrity, type Job, type JobSpec } from "./job.ts";
import { tickEach } from "./ticking.ts";

const setupsAtOnce = 100;

/** Sessions that are attached and keep their heartbeat, nothing else. */
export class IdleJob implements Job {
  readonly #dialect: Dialect;
  readonly #spec: JobSpec;
  #sessions: Attendee[] = [];

  constructor(dialect: Dialect, spec: JobSpec) {
    this.#dialect = dialect;
    this.#spec = spec;
  }

  async step(name: string): Promise<object> {
    switch (name) {
      case "prepare":
        return this.#prepare();
      case "finish":
        return this.#finish();
      default:
        throw new Error(`idle sessions have no step ${name}`);
    }
  }

  async #prepare(): Promise<object> {
    const startedAt = performance.now();
    tickEach(() => this.#sessions);
    await inBatches(this.#spec.size, setupsAtOnce, async (i) => {
      this.#sessions.push(await this.#dialect.idle(i));
    });
    return { seconds: (performance.now() - startedAt) / 1000 };
  }

  #finish(): Integrity {
    for (const session of this.#sessions) session.close();
    return { lost: 0, duplicated: 0, disordered: 0, troubles: this.#dialect.troubles };
  }
}
