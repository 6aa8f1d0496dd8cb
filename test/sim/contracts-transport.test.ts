import { transportContract } from "../contracts/transport.ts";
import { flowingWorld } from "./flowing-world.ts";

transportContract("simulated", async () => {
  const { world, stop } = flowingWorld();
  const a = world.network.transport(world.process("a"));
  const b = world.network.transport(world.process("b"));
  return {
    a,
    b,
    async close() {
      await a.close();
      await b.close();
      await stop();
    },
  };
});
