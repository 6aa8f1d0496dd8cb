/**
 * When to come back after a connection ended.
 *
 * Role: a pure state machine over (connected, closed). Boundary: no clock and no timer of its own.
 * Invariants: delays are full jitter over a doubling span of at most 30 s (StormBounded); each 5 s that a connection lived
 * take one doubling back and 60 s all of them, so that a server that accepts and drops at once is not hammered, and a
 * phone that changes its network again and again does not come back later and later; a wait that the server asked for
 * is kept.
 */
import { comeBack } from "../protocol/codes.ts";

/** What to do now. */
export type Decision = { readonly kind: "stop" } | { readonly kind: "wait"; readonly ms: number };

/** Longest span of the jitter. */
export const reconnectCapMs = 30_000;
/** A connection that lived so long ends the backoff. */
export const calmMs = 60_000;

/** A connection that lived so long takes one doubling back. */
export const forgivingMs = 5_000;

const laterBaseMs = 1_000;
const nowBaseMs = 250;
/** More doublings than the longest span has from the shortest are not counted, or they would have to be taken back too. */
const doublingsMax = Math.ceil(Math.log2(reconnectCapMs / nowBaseMs));

/** The backoff of one client. */
export class Reconnect {
  readonly #random: () => number;
  #failures = 0;
  #onlineSince: number | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** The device woke up, or has a network again: what failed before says little about the server. */
  forget(): void {
    this.#failures = 0;
  }

  /** The server welcomed us. */
  connected(nowMs: number): void {
    this.#onlineSince = nowMs;
  }

  /**
   * The connection, or the attempt to make one, ended with that code; `waitMs` is what the server asked for.
   * `anyway` comes back even from codes that say never (a new token may help).
   */
  closed(nowMs: number, code: number, waitMs?: number, anyway = false): Decision {
    const livedMs = nowMs - (this.#onlineSince ?? nowMs);
    this.#onlineSince = undefined;
    if (livedMs >= calmMs) this.#failures = 0;
    this.#failures = Math.max(0, this.#failures - Math.floor(livedMs / forgivingMs));
    const when = comeBack(code);
    if (when === "never" && !anyway) return { kind: "stop" };
    const base = when === "now" ? nowBaseMs : laterBaseMs;
    const span = Math.min(reconnectCapMs, base * 2 ** this.#failures);
    this.#failures = Math.min(doublingsMax, this.#failures + 1);
    const jitter = this.#random() * span;
    return { kind: "wait", ms: waitMs === undefined ? jitter : waitMs + Math.min(jitter, waitMs / 4) };
  }
}
