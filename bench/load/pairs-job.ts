/**
 * Pairs who talk. Closed: each side keeps `window` messages open, where a message is open until it is acknowledged to its
 * sender and has arrived on the other side. Offered: messages are due at a fixed rate, and latency counts from when they
 * were due, so that a system that falls behind cannot hide it.
 */
import { Histogram } from "../measure/histogram.ts";
import { within, type Dialect, type Seat, type Talker } from "./dialect.ts";
import { inBatches, type Integrity, type Job, type JobSpec } from "./job.ts";
import { Tally } from "./tally.ts";
import { tickEach } from "./ticking.ts";

/** What arrived while the window was open. */
export interface PairsWindow {
  readonly seconds: number;
  readonly completed: number;
  readonly delivered: number;
  readonly acked: number;
  /** Of a `Histogram`, send to arrival on the other side. */
  readonly latencies: readonly number[];
  /** The highest 99th percentile of what arrived within one second, in milliseconds. */
  readonly worstSecondP99: number;
}

interface Lane {
  readonly tally: Tally;
  readonly talker: Talker;
}

const setupsAtOnce = 40;
const drainMs = 15_000;
const offerEveryMs = 1;

/** The job of one generator process. */
export class PairsJob implements Job {
  readonly #dialect: Dialect;
  readonly #spec: JobSpec;
  readonly #lanes: Lane[] = [];
  #talking = false;
  #open = false;
  #openedAt = 0;
  #completed = 0;
  #delivered = 0;
  #acked = 0;
  #latencies = new Histogram();
  #second = new Histogram();
  #secondEndsAt = 0;
  #worstSecondP99 = 0;

  constructor(dialect: Dialect, spec: JobSpec) {
    this.#dialect = dialect;
    this.#spec = spec;
  }

  async step(name: string, argument: number): Promise<object> {
    switch (name) {
      case "prepare":
        return this.#prepare();
      case "talk":
        this.#talk(argument);
        return {};
      case "open":
        return this.#openWindow();
      case "shut":
        return this.#shutWindow();
      case "finish":
        return this.#finish();
      default:
        throw new Error(`pairs have no step ${name}`);
    }
  }

  async #prepare(): Promise<object> {
    const first = this.#spec.first ?? 0;
    const seatOf = (i: number): Seat =>
      this.#spec.seats?.[i] ?? {
        pair: first + i,
        homes: [first + i, first + i + 1],
        scattered: this.#spec.scattered === true,
      };
    await inBatches(this.#spec.size, setupsAtOnce, async (i) => {
      const tallies = [new Tally(), new Tally()] as const;
      const lanes: Lane[] = [];
      const listener = (own: 0 | 1) => ({
        heard: (_side: number, k: number) =>
          this.#arrived(tallies[own === 0 ? 1 : 0], k, lanes[own === 0 ? 1 : 0]),
        acked: () => this.#answered(tallies[own], lanes[own]),
      });
      const talkers = await this.#dialect.pair(seatOf(i), [listener(0), listener(1)]);
      lanes.push({ tally: tallies[0], talker: talkers[0] }, { tally: tallies[1], talker: talkers[1] });
      this.#lanes.push(...lanes);
    });
    const talkers = this.#lanes.map(({ talker }) => talker);
    tickEach(() => talkers);
    return { lanes: this.#lanes.length };
  }

  /** @param perSecond messages that are due per second; 0 keeps the windows full instead */
  #talk(perSecond: number): void {
    this.#talking = true;
    if (perSecond > 0) return this.#offer(perSecond);
    for (const lane of this.#lanes) this.#fill(lane);
  }

  #offer(perSecond: number): void {
    const startedAt = performance.now();
    const everyMs = 1000 / perSecond;
    let offered = 0;
    const timer = setInterval(() => {
      if (!this.#talking) return clearInterval(timer);
      const due = Math.floor((performance.now() - startedAt) / everyMs);
      for (; offered < due; offered++) {
        const lane = this.#lanes[offered % this.#lanes.length];
        lane?.talker.say(lane.tally.next(startedAt + (offered + 1) * everyMs));
      }
    }, offerEveryMs);
  }

  #fill({ tally, talker }: Lane): void {
    while (this.#talking && tally.open < this.#spec.window) talker.say(tally.next(performance.now()));
  }

  #arrived(tally: Tally, k: number, lane: Lane | undefined): void {
    const tookMs = tally.arrive(k, performance.now());
    if (tookMs === undefined) return;
    if (this.#open) {
      this.#delivered++;
      this.#latencies.add(tookMs);
      this.#noteSecond(tookMs);
      if (tally.acked >= tally.heard) this.#completed++;
    }
    if (lane !== undefined && this.#spec.window > 0) this.#fill(lane);
  }

  #noteSecond(tookMs: number): void {
    const now = performance.now();
    if (now >= this.#secondEndsAt) {
      this.#worstSecondP99 = Math.max(this.#worstSecondP99, this.#second.percentile(0.99));
      this.#second = new Histogram();
      this.#secondEndsAt = now + 1000;
    }
    this.#second.add(tookMs);
  }

  #answered(tally: Tally, lane: Lane | undefined): void {
    tally.acked++;
    if (this.#open) {
      this.#acked++;
      if (tally.heard >= tally.acked) this.#completed++;
    }
    if (lane !== undefined && this.#spec.window > 0) this.#fill(lane);
  }

  #openWindow(): object {
    this.#open = true;
    this.#openedAt = performance.now();
    this.#completed = this.#delivered = this.#acked = 0;
    this.#latencies = new Histogram();
    this.#second = new Histogram();
    this.#secondEndsAt = this.#openedAt + 1000;
    this.#worstSecondP99 = 0;
    return {};
  }

  #shutWindow(): PairsWindow {
    this.#open = false;
    return {
      seconds: (performance.now() - this.#openedAt) / 1000,
      completed: this.#completed,
      delivered: this.#delivered,
      acked: this.#acked,
      latencies: this.#latencies.counts,
      worstSecondP99: Math.max(this.#worstSecondP99, this.#second.percentile(0.99)),
    };
  }

  /** Stops talking, waits until nothing is open, and counts what is wrong. */
  async #finish(): Promise<Integrity> {
    this.#talking = false;
    await within(drainMs, (done) => {
      const timer = setInterval(() => {
        if (this.#lanes.some(({ tally }) => tally.open > 0)) return;
        clearInterval(timer);
        done();
      }, 20);
    });
    const sum = (of: (tally: Tally) => number): number =>
      this.#lanes.reduce((total, { tally }) => total + of(tally), 0);
    for (const { talker } of this.#lanes) talker.close();
    const unacked = sum(({ sent, acked }) => sent - acked);
    return {
      lost: sum(({ open }) => open),
      duplicated: sum(({ duplicated }) => duplicated),
      disordered: sum(({ disordered }) => disordered),
      troubles: { ...this.#dialect.troubles, ...(unacked === 0 ? {} : { unacked }) },
    };
  }
}
