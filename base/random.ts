import { randomBytes } from "node:crypto";

/** The only source of chance: jitter, ids, nonces. A simulated node gets a seeded one. */
export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  /** 16 characters of [A-Za-z0-9_-], 96 bits: unique for any practical purpose. */
  id(): string;
}

/** The random source of a real process. */
export function systemRandom(): Random {
  return { float: () => Math.random(), id: () => randomBytes(12).toString("base64url") };
}

/** A uniformly drawn delay in [0, capMs * 2^attempt], itself capped: full jitter (Brooker, AWS 2015). */
export function fullJitterMs(random: Random, baseMs: number, capMs: number, attempt: number): number {
  return random.float() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
}
