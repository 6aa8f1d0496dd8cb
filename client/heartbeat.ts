/**
 * Whether the line is alive.
 *
 * Role: says when to ping, when to probe, and when to give the connection up. Boundary: pure; the owner of the socket
 * calls `poll` at `nextAt`. Invariants: the first ping comes at a random part of the period, so that clients which
 * came together do not ping together; a connection is given up only after a probe stayed without any answer for 5 s,
 * and never because the device slept through its own timers.
 */

/** Time that a probe, or a command before it, may stay unanswered. */
export const probeMs = 5_000;
const silencePeriods = 1.2;

/** The heartbeat of one connection. */
export class Heartbeat {
  readonly #periodMs: number;
  #nextPingAt: number;
  #heardAt: number;
  #probedAt: number | undefined;
  #lastProbeAt: number;

  constructor(periodMs: number, nowMs: number, random: number) {
    this.#periodMs = periodMs;
    this.#nextPingAt = nowMs + random * periodMs;
    this.#heardAt = nowMs;
    this.#lastProbeAt = nowMs - probeMs;
  }

  /** Any frame arrived. */
  heard(nowMs: number): void {
    this.#heardAt = nowMs;
    this.#probedAt = undefined;
  }

  /** Asks for a probe at the next poll, as when the device woke up. */
  suspect(nowMs: number): void {
    this.#heardAt = Math.min(this.#heardAt, nowMs - silencePeriods * this.#periodMs);
  }

  /** What to do now; `unansweredSince` is when the oldest unanswered command was sent. */
  poll(nowMs: number, unansweredSince?: number): "ping" | "dead" | undefined {
    if (this.#probedAt !== undefined) {
      const waited = nowMs - this.#probedAt;
      if (waited < probeMs) return undefined;
      if (waited < 2 * probeMs) return "dead";
      return this.#probe(nowMs);
    }
    if (nowMs >= this.#probeAt(unansweredSince)) return this.#probe(nowMs);
    if (nowMs < this.#nextPingAt) return undefined;
    this.#nextPingAt = nowMs + this.#periodMs;
    return "ping";
  }

  /** When to poll next. */
  nextAt(unansweredSince?: number): number {
    if (this.#probedAt !== undefined) return this.#probedAt + probeMs;
    return Math.min(this.#nextPingAt, this.#probeAt(unansweredSince));
  }

  #probe(nowMs: number): "ping" {
    this.#probedAt = nowMs;
    this.#lastProbeAt = nowMs;
    this.#nextPingAt = nowMs + this.#periodMs;
    return "ping";
  }

  #probeAt(unansweredSince: number | undefined): number {
    const silent = this.#heardAt + silencePeriods * this.#periodMs;
    if (unansweredSince === undefined) return silent;
    return Math.min(silent, Math.max(unansweredSince, this.#lastProbeAt) + probeMs);
  }
}
