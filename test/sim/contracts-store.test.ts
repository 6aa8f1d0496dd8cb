import { freeCosts } from "../../sim/world/costs.ts";
import { simulatedStore } from "../../sim/world/store.ts";
import { storeContract } from "../contracts/store.ts";
import { flowingWorld } from "./flowing-world.ts";

const reconnectedMs = 500;

storeContract("simulated", async () => {
  const { world, pass, stop } = flowingWorld();
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
});
