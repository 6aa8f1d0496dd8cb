import { describe, expect, it } from "vitest";
import { simulate } from "../../sim/run.ts";
import { scenarios } from "../../sim/scenarios/scenarios.ts";
import { settingsOf } from "../../sim/scenarios/scenario.ts";

describe("scenarios", () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    "%s violates nothing and converges",
    async (name, scenario) => {
      const small = { users: 20, agents: 4, nodes: 3, shards: 32, talking: 1 };
      const summary = await simulate(settingsOf(scenario, small, 1));
      const again = `npm run -s sim -- ${name} --users 20 --agents 4 --nodes 3 --shards 32 --talking 1`;
      expect(summary.violations, again).toEqual([]);
      expect(summary.acked).toBeGreaterThan(100);
      expect(summary.convergedMs).toBeGreaterThanOrEqual(0);
    },
    60_000,
  );
});
