/**
 * One direction between two parties. Role: delays, loses and doubles what goes along, and notes each arrival.
 * Invariants: what arrives, arrives in the order sent; the n-th message of a way has the same fate whatever happens on
 * other ways.
 */
import { Stream } from "./chance.ts";
import type { Digest } from "./digest.ts";
import type { Process } from "./process.ts";
import type { Sky } from "./weather.ts";

/** What all ways share. */
export interface WayParts {
  readonly seed: number;
  readonly sky: Sky;
  readonly digest: Digest;
}

/** Delay of a message in clear weather: at least this, and an exponential rest with that mean. */
export interface Distance {
  readonly delayMs: number;
  readonly jitterMs: number;
}

const purpose = { jitter: 0, weather: 1, loss: 2, duplicate: 3 } as const;

/** A way from one party to another. */
export class Way {
  readonly from: string;
  readonly to: string;
  readonly #parts: WayParts;
  readonly #name: string;
  readonly #stream: Stream;
  readonly #distance: Distance;
  #count = 0;
  #lastAt = 0;

  /** @param name unique in the world; parties name the weather, this names the decisions */
  constructor(parts: WayParts, from: string, to: string, name: string, distance: Distance) {
    this.from = from;
    this.to = to;
    this.#parts = parts;
    this.#name = name;
    this.#stream = new Stream(parts.seed, `way/${name}`);
    this.#distance = distance;
  }

  /** Whether nothing gets through now. */
  get blocked(): boolean {
    return this.#parts.sky.between(this.from, this.to).blocked;
  }

  /**
   * Sends one message: `run` happens at `to`, taking `costMs` of its processor. False when it is lost.
   * @param sender whose work it waits for; undefined for the world's own
   * @param reliable loss delays a message instead of dropping it, and nothing is doubled, as on a TCP connection
   */
  carry(
    sender: Process | undefined,
    to: Process,
    text: string,
    run: () => void,
    costMs = 0,
    reliable = false,
  ): boolean {
    const n = this.#count++;
    const weather = this.#parts.sky.between(this.from, this.to);
    if (weather.blocked || sender?.dead === true) return false;
    const lost = weather.loss > 0 && this.#stream.at(n, purpose.loss) < weather.loss;
    if (lost && !reliable) return false;
    let delay =
      this.#distance.delayMs + exponential(this.#stream.at(n, purpose.jitter), this.#distance.jitterMs);
    delay += weather.delayMs;
    if (weather.jitterMs > 0) delay += exponential(this.#stream.at(n, purpose.weather), weather.jitterMs);
    if (lost) delay += retransmitMs;
    const left = sender?.departure ?? to.scheduler.now;
    this.#arrive(left + delay, to, text, run, costMs);
    if (!reliable && weather.duplicate > 0 && this.#stream.at(n, purpose.duplicate) < weather.duplicate) {
      this.#arrive(left + 2 * delay, to, text, run, costMs);
    }
    return true;
  }

  #arrive(atMs: number, to: Process, text: string, run: () => void, costMs: number): void {
    this.#lastAt = Math.max(this.#lastAt, atMs);
    const deliver = (): void => {
      this.#parts.digest.note(to.scheduler.now, this.#name, text);
      run();
    };
    to.at(this.#lastAt, deliver, costMs);
  }
}

const retransmitMs = 250;

function exponential(uniform: number, mean: number): number {
  return mean === 0 ? 0 : -mean * Math.log(1 - uniform);
}
