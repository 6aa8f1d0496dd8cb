/**
 * What happens on the ways between parties: base delays, and conditions that faults lay over some of them. A party is a
 * node, `clients`, `bus` (coordination and transport) or `store`.
 */

/** A condition on some ways; `*` stands for any party. */
export interface Condition {
  readonly from: string;
  readonly to: string;
  /** Nothing gets through, and nobody is told. */
  readonly blocked?: boolean;
  /** Share of the messages that is lost. */
  readonly loss?: number;
  /** Share of the messages that arrives twice. */
  readonly duplicate?: number;
  /** Added to each message's delay. */
  readonly delayMs?: number;
  /** Mean of an exponential delay that is added. */
  readonly jitterMs?: number;
}

/** All conditions of one way, joined. */
export interface Weather {
  readonly blocked: boolean;
  readonly loss: number;
  readonly duplicate: number;
  readonly delayMs: number;
  readonly jitterMs: number;
}

const clear: Weather = { blocked: false, loss: 0, duplicate: 0, delayMs: 0, jitterMs: 0 };

/** The weather of a world. */
export class Sky {
  readonly #conditions = new Set<Condition>();
  readonly #known = new Map<string, Weather>();
  #version = 0;

  /** Grows whenever the weather changes. */
  get version(): number {
    return this.#version;
  }

  /** Lays a condition over its ways until the answer is called. */
  add(condition: Condition): () => void {
    const own = { ...condition };
    this.#conditions.add(own);
    this.#change();
    return () => {
      if (this.#conditions.delete(own)) this.#change();
    };
  }

  /** Ends all of it. */
  calm(): void {
    this.#conditions.clear();
    this.#change();
  }

  /** What it is on the way from one party to another. */
  between(from: string, to: string): Weather {
    if (this.#conditions.size === 0) return clear;
    const key = `${from}>${to}`;
    let weather = this.#known.get(key);
    if (weather === undefined) this.#known.set(key, (weather = this.#join(from, to)));
    return weather;
  }

  /** Whether anything gets through there and back. */
  open(a: string, b: string): boolean {
    return !this.between(a, b).blocked && !this.between(b, a).blocked;
  }

  #change(): void {
    this.#version++;
    this.#known.clear();
  }

  #join(from: string, to: string): Weather {
    const meets = (party: string, pattern: string): boolean => pattern === "*" || pattern === party;
    let joined = clear;
    for (const one of this.#conditions) {
      if (!meets(from, one.from) || !meets(to, one.to)) continue;
      joined = {
        blocked: joined.blocked || one.blocked === true,
        loss: 1 - (1 - joined.loss) * (1 - (one.loss ?? 0)),
        duplicate: Math.max(joined.duplicate, one.duplicate ?? 0),
        delayMs: joined.delayMs + (one.delayMs ?? 0),
        jitterMs: joined.jitterMs + (one.jitterMs ?? 0),
      };
    }
    return joined;
  }
}
