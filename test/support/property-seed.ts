/**
 * One seed for every property test, so that the gate gives the same answer twice. `USHER_TEST_SEED=N` draws other
 * schedules, `USHER_TEST_SEED=random` others each time, `USHER_TEST_SIZE=medium` longer ones where a test does not say
 * how long; a find is printed with its seed, and kept as an example.
 */
import * as fc from "fast-check";

const sizes = ["xsmall", "small", "medium", "large"] as const;
const wanted = process.env["USHER_TEST_SEED"] ?? "20261122";
const baseSize = sizes.find((size) => size === process.env["USHER_TEST_SIZE"]) ?? "small";

fc.configureGlobal({ baseSize, ...(wanted === "random" ? {} : { seed: Number(wanted) }) });
