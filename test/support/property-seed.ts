/**
 * One seed for every property test, so that the gate gives the same answer twice. `USHER_TEST_SEED=N` draws other
 * schedules, `USHER_TEST_SEED=random` others each time; a find is printed with its seed, and kept as an example.
 */
import * as fc from "fast-check";

const wanted = process.env["USHER_TEST_SEED"] ?? "20261122";
if (wanted !== "random") fc.configureGlobal({ seed: Number(wanted) });
