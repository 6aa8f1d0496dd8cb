/** One speaker, many members who only count what arrives. */
import { Histogram } from "../measure/histogram.ts";
import { within, type Attendee, type Dialect, type Talker } from "./dialect.ts";
import { inBatches, type Integrity, type Job, type JobSpec } from "./job.ts";
import { tickEach } from "./ticking.ts";

/** What members received while the speaker spoke. */
export interface FanoutWindow {
  readonly seconds: number;
  readonly messages: number;
  readonly deliveries: number;
  /** Of a `Histogram`: from sending until the last member of this process had the message, looked at every few milliseconds. */
  readonly latencies: readonly number[];
}

const setupsAtOnce = 60;
const drainMs = 20_000;
const lookEveryMs = 2;

/** The job of one generator process; it holds the speaker too. */
export class FanoutJob implements Job {
  readonly #dialect: Dialect;
  readonly #spec: JobSpec;
  #members: Attendee[] = [];
  #speaker: Talker | undefined;
  #sent = 0;
  #acked = 0;
  readonly #sentAt: number[] = [];

  constructor(dialect: Dialect, spec: JobSpec) {
    this.#dialect = dialect;
    this.#spec = spec;
  }

  async step(name: string, argument: number): Promise<object> {
    switch (name) {
      case "prepare":
        return this.#prepare();
      case "speak":
        return this.#speak(argument);
      case "finish":
        return this.#finish();
      default:
        throw new Error(`a fan-out has no step ${name}`);
    }
  }

  async #prepare(): Promise<object> {
    this.#speaker = await this.#dialect.speaker({ heard: () => {}, acked: () => void this.#acked++ });
    this.#members = await inBatches(this.#spec.size, setupsAtOnce, (i) => this.#dialect.member(i));
    const everybody = [this.#speaker, ...this.#members];
    tickEach(() => everybody);
    return {};
  }

  /** Speaks for so many seconds with `window` messages that not everybody has yet, then waits for the last ones. */
  async #speak(seconds: number): Promise<FanoutWindow> {
    const latencies = new Histogram();
    const startedAt = performance.now();
    const before = this.#count();
    const firstMessage = this.#sent;
    let done = firstMessage;
    let lastAt = startedAt;
    const step = (): boolean => {
      const now = performance.now();
      const complete = this.#slowest();
      for (; done < complete; done++) latencies.add(now - (this.#sentAt[done] ?? now));
      if (complete >= this.#sent) lastAt = now;
      while (now - startedAt < seconds * 1000 && this.#sent - complete < this.#spec.window) {
        this.#sentAt.push(now);
        this.#speaker?.say(this.#sent++);
      }
      return now - startedAt >= seconds * 1000 && complete >= this.#sent;
    };
    await within(seconds * 1000 + drainMs, (finished) => {
      const timer = setInterval(() => {
        if (!step()) return;
        clearInterval(timer);
        finished();
      }, lookEveryMs);
    });
    return {
      seconds: (lastAt - startedAt) / 1000,
      messages: this.#sent - firstMessage,
      deliveries: this.#count() - before,
      latencies: latencies.counts,
    };
  }

  /** Messages that every member has. */
  #slowest(): number {
    let least = this.#sent;
    for (const { count } of this.#members) if (count < least) least = count;
    return Math.min(least, this.#acked);
  }

  #count(): number {
    return this.#members.reduce((sum, { count }) => sum + count, 0);
  }

  #finish(): Integrity {
    const lost = this.#members.reduce((sum, { count }) => sum + Math.max(0, this.#sent - count), 0);
    const duplicated = this.#members.reduce((sum, { count }) => sum + Math.max(0, count - this.#sent), 0);
    this.#speaker?.close();
    for (const member of this.#members) member.close();
    return { lost, duplicated, disordered: 0, troubles: this.#dialect.troubles };
  }
}
