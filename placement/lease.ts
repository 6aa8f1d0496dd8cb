import type { Clock } from "../base/clock.ts";

/**
 * A node's right to let durable outputs out, held by renewals that the bucket acknowledged.
 *
 * Boundary: knows nothing of how a renewal is sent. Answers from the clock at each question, so that a process that
 * was stopped finds itself frozen before any of its timers has run.
 * Invariants: an acknowledgement that comes after the lease has run out starts a new term, and only the thaw of that
 * very term ends the freeze. EpochOwnerUnique does not rest on this but on the store's fence; the lease keeps a zombie
 * from even trying.
 */
export class Lease {
  private readonly clock: Clock;
  private readonly leaseMs: number;
  private sentAt = Number.NEGATIVE_INFINITY;
  private thawedTerm = -1;
  private currentTerm = 0;

  constructor(clock: Clock, leaseMs: number) {
    this.clock = clock;
    this.leaseMs = leaseMs;
  }

  /** Counts the freezes: everything that a thaw needs has to be done within one term. */
  get term(): number {
    return this.currentTerm;
  }

  /** A renewal that was sent at `sentAt` (own monotonic clock) has been acknowledged just now. */
  renewed(sentAt: number): void {
    if (!this.alive()) this.currentTerm += 1;
    this.sentAt = Math.max(this.sentAt, sentAt);
  }

  /** Whether the last acknowledged renewal is young enough. */
  alive(): boolean {
    return this.clock.now() - this.sentAt <= this.leaseMs;
  }

  /** Whether durable outputs have to be held back. */
  frozen(): boolean {
    return this.thawedTerm !== this.currentTerm || !this.alive();
  }

  /** Freezes for a reason of the caller's own; it takes a new renewal and a thaw to end it. */
  freeze(): void {
    this.sentAt = Number.NEGATIVE_INFINITY;
    this.currentTerm += 1;
  }

  /**
   * The table is fresh and the claims are repeated, both within `term`.
   * @returns whether the node is thawed now and was not before
   */
  thaw(term: number): boolean {
    if (term !== this.currentTerm || !this.alive() || this.thawedTerm === term) return false;
    this.thawedTerm = term;
    return true;
  }

  /** Milliseconds since the last acknowledged renewal was sent; Infinity before the first. */
  ageMs(): number {
    return this.clock.now() - this.sentAt;
  }
}
