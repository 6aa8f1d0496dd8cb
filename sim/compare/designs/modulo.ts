/** hash(user) mod n: the simplest of the sources (D). */
import type { Design } from "../design.ts";
import { murmur3 } from "../murmur3.ts";
import { Hashed, type Home } from "./hashed.ts";

const home: Home = (user, sorted) => sorted[murmur3(`u${user}`) % Math.max(1, sorted.length)] ?? "";

/** Modulo routing. */
export const modulo: Design = {
  name: "modulo",
  about: "Murmur3 of the user modulo the number of living nodes",
  acknowledges: false,
  begin: (ground) => new Hashed(ground, home),
};
