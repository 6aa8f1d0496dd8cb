/**
 * How many connections may begin: a token bucket per node with two lanes, 80 % for resumes and 20 % for cold starts;
 * what one lane leaves, the other may use. A refusal says when to come back, spread over the time that those who were
 * refused before need.
 */
import { RateLimit } from "../actors/rate-limit.ts";
import type { Random } from "../base/random.ts";

/** Admission of new connections. */
export interface Admission {
  /** Milliseconds to wait; 0 admits. */
  admit(resume: boolean): number;
}

const resumeShare = 0.8;
const windowMs = 1000;

/**
 * A fixed bucket.
 * @param perSecond connections a second in the long run, both lanes together
 */
export function fixedAdmission(perSecond: number, random: Random, now: () => number): Admission {
  const start = now();
  const lanes = {
    resume: new RateLimit(perSecond * resumeShare, perSecond * resumeShare, start),
    cold: new RateLimit(perSecond * (1 - resumeShare), perSecond * (1 - resumeShare), start),
  };
  let refused = 0;
  let windowAt = start;
  return {
    admit(resume) {
      const at = now();
      const [own, other] = resume ? [lanes.resume, lanes.cold] : [lanes.cold, lanes.resume];
      if (own.take(at) === 0 || other.take(at) === 0) return 0;
      if (at - windowAt > windowMs) {
        refused = Math.max(0, refused - ((at - windowAt) / 1000) * perSecond);
        windowAt = at;
      }
      refused++;
      return 100 + Math.round(random.float() * Math.max(1000, (refused / perSecond) * 1000));
    },
  };
}
