import * as fc from "fast-check";
import { describe, it } from "vitest";
import { againCommand } from "../../sim/again.ts";
import { simulate } from "../../sim/run.ts";
import { scheduleArbitrary, swarmSettings } from "../../sim/swarm.ts";

/** A world that is small enough for many of them, in which every kind of fault still means something. */
const small = { nodes: 3, users: 8, agents: 2, desks: 1, shards: 8, thinkMs: 1500 };

describe("a whole cluster", () => {
  it("keeps its guarantees whatever goes wrong", async () => {
    const world = swarmSettings(1, small);
    await fc.assert(
      fc.asyncProperty(
        fc.noShrink(fc.nat({ max: 1_000_000 })),
        scheduleArbitrary(world),
        async (seed, faults) => {
          const settings = { ...swarmSettings(seed, small), faults };
          const { violations } = await simulate(settings);
          if (violations.length === 0) return;
          const found = violations.slice(0, 5).map(({ guarantee, text }) => `${guarantee}: ${text}`);
          throw new Error([...found, `again: ${againCommand(settings)}`].join("\n"));
        },
      ),
      { numRuns: 60, interruptAfterTimeLimit: 100_000 },
    );
  }, 240_000);
});
