/**
 * How fast this connection's frames may go, so that the server need not refuse any of them.
 *
 * Role: a token bucket that follows the one that the server keeps for the connection. Boundary: pure; it is told the time,
 * and holds nothing back itself. Invariant: never more than the rate that `welcome` told plus a burst that is smaller than
 * the server's, since frames that left apart may arrive together (StormBounded).
 */
import { limits } from "../protocol/limits.ts";

const burst = Math.floor(limits.commandBurst * 0.75);
/** What may go beyond the room and still be taken; the server drops the rest, and counts it no more. */
const beyond = limits.commandBurst - burst;

/** The pace of one connection. */
export class Pace {
  #perMs = Infinity;
  #most = Infinity;
  #tokens = Infinity;
  #at = 0;

  /** A connection begins on which the server takes so many frames a second. */
  begin(perSecond: number, nowMs: number): void {
    this.#perMs = perSecond > 0 ? perSecond / 1000 : Infinity;
    this.#most = Math.max(burst, perSecond / 10);
    this.#tokens = perSecond > 0 ? this.#most : Infinity;
    this.#at = nowMs;
  }

  /** How many frames may go now. */
  room(nowMs: number): number {
    this.#refill(nowMs);
    return Math.max(0, Math.floor(this.#tokens));
  }

  /** So many went, perhaps beyond the room. */
  spend(count: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#tokens = Math.max(Math.min(-beyond, this.#tokens), this.#tokens - count);
  }

  /** The server has refused one for its rate: nothing more goes for `waitMs`. */
  refused(waitMs: number, nowMs: number): void {
    this.#refill(nowMs);
    if (this.#perMs < Infinity) this.#tokens = Math.min(this.#tokens, 1 - waitMs * this.#perMs);
  }

  /** When the next frame may go; not later than now when one may. */
  nextAt(): number {
    return this.#tokens >= 1 ? this.#at : this.#at + (1 - this.#tokens) / this.#perMs;
  }

  #refill(nowMs: number): void {
    if (this.#perMs < Infinity)
      this.#tokens = Math.min(this.#most, this.#tokens + Math.max(0, nowMs - this.#at) * this.#perMs);
    this.#at = Math.max(this.#at, nowMs);
  }
}
