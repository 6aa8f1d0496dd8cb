/**
 * How many connections may begin: a token bucket per node with two lanes, 80 % for resumes and 20 % for cold starts. A
 * lane takes from the other what that does not use: of its bucket, the upper half. A refusal says when to come back: each
 * the next free place in a line that moves at the lane's speed, so that those who come back in time find a token.
 * While the node is strained (late event loop, slow store or bus, heap nearly full) a connection costs more than one token: the
 * pace falls by a fifth at each such look and rises evenly again (additive increase, multiplicative decrease, as in TCP), so
 * that those who are served already feel little of a storm. A line that was told cannot be told again: it is reckoned with a
 * pace that rises from now on.
 */
import { lookMs } from "../actors/intake.ts";
import { RateLimit } from "../actors/rate-limit.ts";
import type { Random } from "../base/random.ts";

/** Admission of new connections. */
export interface Admission {
  /** Milliseconds to wait; 0 admits. */
  admit(resume: boolean): number;
  /** Told about twenty times a second how the node is doing. */
  breathe(load: Load): void;
  /** How much of its speed is in force: 1 while nothing is strained. */
  pace(): number;
}

/** What a node feels of its work and of what it depends on. */
export interface Load {
  /** How many milliseconds late the event loop is. */
  readonly lagMs: number;
  /** The longest that a commit has taken since the last look, or takes now, in milliseconds. */
  readonly storeMs: number;
  /** How many milliseconds late the bus is with the answer to a beat. */
  readonly busMs: number;
  /** Used share of what the heap may grow to, 0 to 1. */
  readonly memory: number;
}

const resumeShare = 0.8;
/** What may begin at once, as a part of what may begin in a second. */
const burstShare = 0.25;
/** With less a lane could never lend. */
const leastBurst = 2;
/** Above any of these the pace falls. */
const most: Load = { lagMs: 60, storeMs: 250, busMs: 250, memory: 0.9 };
const slower = 0.8;
/** From the slowest pace to the full one in two and a half seconds. */
const faster = 0.02;
const slowest = 0.05;
/** Waits are spread by this much, so that those who were refused together do not come back together. */
const jitterMs = 500;
const waitMaxMs = 120_000;

interface Lane {
  readonly bucket: RateLimit;
  readonly perSecond: number;
  readonly burst: number;
  /** When the line of those who were refused ends. */
  lineEnd: number;
}

/**
 * Admission that follows what the node feels.
 * @param perSecond connections a second in the long run, both lanes together, while nothing is strained
 */
export function adaptiveAdmission(perSecond: number, random: Random, now: () => number): Admission {
  const lane = (share: number): Lane => {
    const rate = perSecond * share;
    const burst = Math.max(leastBurst, rate * burstShare);
    return { bucket: new RateLimit(rate, burst, now()), perSecond: rate, burst, lineEnd: 0 };
  };
  const resumes = lane(resumeShare);
  const colds = lane(1 - resumeShare);
  let pace = 1;
  return {
    pace: () => pace,
    breathe(load) {
      pace = isStrained(load) ? Math.max(slowest, pace * slower) : Math.min(1, pace + faster);
    },
    admit(resume) {
      const at = now();
      const [own, other] = resume ? [resumes, colds] : [colds, resumes];
      const cost = 1 / pace;
      if (own.bucket.take(at, Math.min(cost, own.burst)) === 0) return 0;
      const spare = other.burst / 2;
      if (other.bucket.take(at, Math.min(cost, spare), spare) === 0) return 0;
      const contended = other.lineEnd > at;
      const rate = contended ? own.perSecond : perSecond;
      const end = Math.max(own.lineEnd, at);
      const paceThen = Math.min(1, pace + ((end - at) / lookMs) * faster);
      own.lineEnd = Math.min(end + 1000 / (rate * paceThen), at + waitMaxMs);
      return Math.ceil(own.lineEnd - at + random.float() * jitterMs);
    },
  };
}

function isStrained({ lagMs, storeMs, busMs, memory }: Load): boolean {
  return lagMs > most.lagMs || storeMs > most.storeMs || busMs > most.busMs || memory > most.memory;
}
