/**
 * How many connections may begin: a token bucket per node with two lanes, 80 % for resumes and 20 % for cold starts. A
 * lane takes from the other what that does not use: of its bucket, the upper half. A refusal says when to come back: each
 * the next free place in a line that moves at the lane's speed, so that those who come back in time find a token.
 */
import { RateLimit } from "../actors/rate-limit.ts";
import type { Random } from "../base/random.ts";

/** Admission of new connections. */
export interface Admission {
  /** Milliseconds to wait; 0 admits. */
  admit(resume: boolean): number;
}

const resumeShare = 0.8;
/** Waits are spread by this much, so that those who were refused together do not come back together. */
const jitterMs = 500;
const waitMaxMs = 120_000;

interface Lane {
  readonly bucket: RateLimit;
  readonly perSecond: number;
  /** When the line of those who were refused ends. */
  lineEnd: number;
}

/**
 * A fixed bucket.
 * @param perSecond connections a second in the long run, both lanes together
 */
export function fixedAdmission(perSecond: number, random: Random, now: () => number): Admission {
  const lane = (share: number): Lane => {
    const rate = perSecond * share;
    return { bucket: new RateLimit(rate, Math.max(1, rate), now()), perSecond: rate, lineEnd: 0 };
  };
  const resumes = lane(resumeShare);
  const colds = lane(1 - resumeShare);
  return {
    admit(resume) {
      const at = now();
      const [own, other] = resume ? [resumes, colds] : [colds, resumes];
      if (own.bucket.take(at) === 0 || other.bucket.take(at, other.perSecond / 2) === 0) return 0;
      const contended = other.lineEnd > at;
      const everyMs = 1000 / (contended ? own.perSecond : perSecond);
      own.lineEnd = Math.min(Math.max(own.lineEnd, at) + everyMs, at + waitMaxMs);
      return Math.ceil(own.lineEnd - at + random.float() * jitterMs);
    },
  };
}
