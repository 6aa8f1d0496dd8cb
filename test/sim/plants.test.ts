import { describe, expect, it } from "vitest";
import { plantedIn, plants } from "../../sim/plants/plants.ts";
import { simulate } from "../../sim/run.ts";
import { swarmSettings } from "../../sim/swarm.ts";

/** One of each family that is found soon; `npm run -s sim -- planted` looks for all. */
const soon = [
  ["timers-lost-on-handoff", "TimerOnce"],
  ["capacity-off-by-one", "CapacityRespected"],
  ["silent-refusals", "StormBounded"],
  ["lost-body", "NoDupEffect"],
  ["renumbered-resend", "NoDupEffect"],
  ["reservations-not-restored", "CapacityRespected"],
  ["tells-sent-once", "Converges"],
  ["leftovers-sent-anew", "NoDupEffect"],
  ["leftovers-written-late", "NoLostAck"],
] as const;
const mostSeeds = 20;

describe("planted bugs", () => {
  it("have names of their own, and leave nothing behind where none is planted", () => {
    expect(new Set(plants.map(({ name }) => name)).size).toBe(plants.length);
    expect(plants.length).toBeGreaterThanOrEqual(20);
    expect(plantedIn("")).toEqual({});
    expect(() => plantedIn("nothing")).toThrow("there is no planted bug nothing");
  });

  it.each(soon)(
    "%s violates %s within a few seeds of the usual swarm",
    async (plant, guarantee) => {
      const found = new Set<string>();
      for (let seed = 1; seed <= mostSeeds && !found.has(guarantee); seed++) {
        const { violationCounts } = await simulate({ ...swarmSettings(seed, {}), plant });
        for (const name of Object.keys(violationCounts)) found.add(name);
      }
      expect([...found]).toContain(guarantee);
    },
    60_000,
  );
});
