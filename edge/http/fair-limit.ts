/**
 * A rate limit that all callers share and none can use up for the others. Role: a token bucket for all together, of which a
 * part is kept for those who asked little; what is above that part anybody may take, so that who is alone is as free
 * as if there were no others. It matters where addresses tell little: behind a proxy that is not trusted all
 * callers have one, and have all there is.
 * Invariants: in the long run a second gives no more than `perSecond`; beside one greedy address another still gets its own share.
 */
import { RateLimit } from "../../actors/rate-limit.ts";

/** How much there is, in tokens. */
export interface FairLimitSizes {
  /** For all together in the long run. */
  readonly perSecond: number;
  /** For anybody at once. */
  readonly burst: number;
  /** What is kept besides for those who are within their own share. */
  readonly reserve: number;
  /** Of the reserve, what one address can have: in the long run, and at once. */
  readonly own: { readonly perSecond: number; readonly burst: number };
  /** Addresses that are remembered; beyond them the one that asked longest ago is forgotten, and has a whole share again. */
  readonly addresses: number;
}

/** The limit; addresses are remembered only while there is nothing above the reserve. */
export class FairLimit {
  readonly #sizes: FairLimitSizes;
  readonly #all: RateLimit;
  /** From who asked longest ago to who asked last. */
  readonly #shares = new Map<string, RateLimit>();

  constructor(sizes: FairLimitSizes, now: number) {
    this.#sizes = sizes;
    const { perSecond, burst, reserve } = sizes;
    this.#all = new RateLimit(perSecond, burst + reserve, now);
  }

  /** How many addresses it remembers. */
  get remembered(): number {
    return this.#shares.size;
  }

  /** Takes a token for an address: 0 when there was one, otherwise the milliseconds until there may be. */
  take(address: string, now: number): number {
    const sharedMs = this.#all.take(now, 1, this.#sizes.reserve);
    if (sharedMs === 0) return 0;
    const ownMs = this.#shareOf(address, now).take(now);
    return ownMs === 0 ? this.#all.take(now) : Math.min(ownMs, sharedMs);
  }

  #shareOf(address: string, now: number): RateLimit {
    const { own, addresses } = this.#sizes;
    const share = this.#shares.get(address) ?? new RateLimit(own.perSecond, own.burst, now);
    this.#shares.delete(address);
    if (this.#shares.size >= addresses) this.#shares.delete(this.#shares.keys().next().value ?? "");
    this.#shares.set(address, share);
    return share;
  }
}
