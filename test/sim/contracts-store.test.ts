import { freeCosts } from "../../sim/world/costs.ts";
import { simulatedStore } from "../../sim/world/store.ts";
import { storeContract } from "../contracts/store.ts";
import type { StoreHarness } from "../contracts/store-harness.ts";
import { flowingWorld } from "./flowing-world.ts";

const reconnectedMs = 500;

for (const masters of [1, 3]) storeContract(`simulated, masters: ${masters}`, () => harness(masters));

async function harness(masters: number): Promise<StoreHarness> {
  const { world, pass, stop } = flowingWorld({ masters });
  const store = simulatedStore(world.storeParts, freeCosts, world.process("a"), world.store);
  return {
    store,
    pass,
    async loseReply(run) {
      const mend = world.sky.add({ from: "store", to: "a", blocked: true });
      try {
        return await run();
      } finally {
        mend();
        await pass(reconnectedMs);
      }
    },
    async close() {
      await store.close();
      await stop();
    },
  };
}
