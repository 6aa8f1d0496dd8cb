import { describe, expect, it } from "vitest";
import type { Fault } from "../../sim/faults.ts";
import { simulate } from "../../sim/run.ts";
import { settingsOf } from "../../sim/scenarios/scenario.ts";
import { scenarios } from "../../sim/scenarios/scenarios.ts";
import { usualSettings, type Settings } from "../../sim/settings.ts";

/** Habits that people did not have when these runs were found. */
const still = { bursts: 0, background: 0, mobile: 0, reloads: 0 };

/** Runs of a scenario that once found a bug in production code, and what holds since. */
const found: readonly [what: string, scenario: string, seed: number, settings: Partial<Settings>][] = [
  [
    "events that arrive in one batch with the answer to their follow are delivered",
    "reconnect-storm",
    1,
    { users: 400, agents: 12, human: 0.7, talking: 0.05, ...still, seconds: 60 },
  ],
];

/**
 * Runs of the swarm that did, with the faults that suffice. Everything is written down, so that a swarm that draws other
 * worlds changes nothing here.
 */
const swarmed: readonly [what: string, settings: Partial<Settings>, faults: readonly Fault[]][] = [
  [
    "the committer sleeps while a repeat is under way and every lane is busy",
    {
      seed: 9,
      nodes: 5,
      users: 13,
      agents: 2,
      desks: 1,
      shards: 64,
      thinkMs: 3319,
      capacity: 5,
      costs: true,
    },
    [{ at: 2275, kind: "loss", target: "n5|store", for: 6711, value: 0.43 }],
  ],
  [
    "a store that forgets twice in a row gets everything back both times",
    {
      ...{ seed: 232, nodes: 3, users: 37, agents: 3, desks: 2, shards: 64, thinkMs: 1418, capacity: 5 },
      ...{ costs: false, direct: true },
    },
    [
      { at: 3102, kind: "store-failover", target: "store", for: 4000, value: 190 },
      { at: 7816, kind: "store-failover", target: "store", for: 250, value: 214 },
    ],
  ],
  [
    "a node comes back although an older bucket holds a later, dead run of it",
    {
      seed: 1215,
      nodes: 2,
      users: 34,
      agents: 2,
      desks: 2,
      shards: 8,
      thinkMs: 3194,
      capacity: 9,
      costs: true,
    },
    [
      { at: 6831, kind: "power-loss", target: "n1", for: 234 },
      { at: 28_199, kind: "power-loss", target: "n1", for: 981 },
      { at: 28_950, kind: "kv-old", target: "bus", for: 237 },
      { at: 29_115, kind: "kv-empty", target: "bus", for: 0 },
    ],
  ],
  [
    "an agent who was signed off while the own node could not reach the session hears of it and comes back",
    {
      ...{ seed: 5042, nodes: 2, users: 28, agents: 2, desks: 3, shards: 32, thinkMs: 2048, capacity: 8 },
      ...{ costs: false, closes: 0.4, idleMs: 13_428, graceMs: 3391, background: 0.1, mobile: 0.6 },
    },
    [
      { at: 12_448, kind: "partition", target: "n1|bus", for: 15_213 },
      { at: 22_207, kind: "partition", target: "store>n1", for: 8590 },
    ],
  ],
];

describe("regressions", () => {
  it.each(found)(
    "%s",
    async (_what, name, seed, given) => {
      const scenario = scenarios.find((one) => one.name === name);
      if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
      const { violations } = await simulate(settingsOf(scenario, given, seed));
      expect(violations).toEqual([]);
    },
    60_000,
  );

  it.each(swarmed)(
    "%s",
    async (_what, given, faults) => {
      const base = { ...usualSettings, scenario: "swarm", seed: 1, seconds: 40, ...still };
      const { violations } = await simulate({ ...base, ...given, faults });
      expect(violations).toEqual([]);
    },
    60_000,
  );
});
