import { describe, expect, it } from "vitest";
import { simulate } from "../../sim/run.ts";
import { settingsOf } from "../../sim/scenarios/scenario.ts";
import { scenarios } from "../../sim/scenarios/scenarios.ts";
import type { Settings } from "../../sim/settings.ts";

/** Runs that once found a bug in production code, and what it was. */
const found: readonly [what: string, scenario: string, seed: number, settings: Partial<Settings>][] = [
  [
    "events that arrive in one batch with the answer to their follow are delivered",
    "reconnect-storm",
    1,
    { users: 400, agents: 12, human: 0.7, talking: 0.05 },
  ],
];

describe("regressions", () => {
  it.each(found)(
    "%s",
    async (_what, name, seed, given) => {
      const scenario = scenarios.find((one) => one.name === name);
      if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
      const { violations } = await simulate(settingsOf(scenario, given, seed, 1));
      expect(violations).toEqual([]);
    },
    60_000,
  );
});
