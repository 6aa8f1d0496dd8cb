import { freeCosts } from "../../sim/world/costs.ts";
import { World } from "../../sim/world/world.ts";

/** A world whose time flows by itself while a test waits for it, without the globals being replaced. */
export interface FlowingWorld {
  readonly world: World;
  /** Lets this much virtual time pass. */
  pass(ms: number): Promise<void>;
  /** Ends the flow. */
  stop(): Promise<void>;
}

/** Errors that virtual tasks throw end here, as uncaught ones do in a process. */
export function flowingWorld({ masters = 1 } = {}): FlowingWorld {
  const world = new World({ seed: 1, costs: freeCosts, masters, onError: () => undefined });
  let flowing = true;
  const flow = world.scheduler.drive(async () => {
    while (flowing) await world.scheduler.sleep(1);
  });
  return {
    world,
    pass: (ms) => world.scheduler.sleep(ms),
    async stop() {
      flowing = false;
      await flow;
    },
  };
}
