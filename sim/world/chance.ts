/**
 * Chance that is a pure function of (seed, stream, n, purpose): a fault that is taken out of a schedule leaves every
 * other decision as it was, which is what lets failing schedules shrink.
 */
import { hash32 } from "../../base/hash.ts";
import type { Random } from "../../base/random.ts";

const golden = 0x9e3779b9;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** One named sequence of decisions. */
export class Stream {
  readonly #base: number;
  #next = 0;

  constructor(seed: number, name: string) {
    this.#base = hash32(`${seed}/${name}`);
  }

  /** The n-th decision for one of several independent purposes: uniform in [0, 1). */
  at(n: number, purpose = 0): number {
    const salted = mix(this.#base ^ Math.imul(purpose + 1, 0x85ebca6b));
    return mix((salted + Math.imul(n + 1, golden)) >>> 0) / 4_294_967_296;
  }

  /** The next decision. */
  next(): number {
    return this.at(this.#next++);
  }

  /** The next decision as an integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** The next delay of an exponential distribution with that mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }
}

/** Where a simulated process finds its chance. */
export function randomOf(seed: number, name: string): Random {
  const floats = new Stream(seed, `${name}/float`);
  const ids = new Stream(seed, `${name}/id`);
  return {
    float: () => floats.next(),
    id() {
      let id = "";
      for (let word = 0; word < 4; word++) {
        let bits = ids.below(2 ** 24);
        for (let digit = 0; digit < 4; digit++, bits >>>= 6) id += alphabet.charAt(bits & 63);
      }
      return id;
    },
  };
}

/** The lowbias32 finalizer (Chris Wellons): every input bit reaches every output bit. */
function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x21f0aaad);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0xd35a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
