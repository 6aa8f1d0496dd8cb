import { simulatedKv } from "../../sim/world/kv.ts";
import { kvContract } from "../contracts/kv.ts";
import { flowingWorld } from "./flowing-world.ts";

kvContract("simulated", async () => {
  const { world, stop } = flowingWorld();
  const a = simulatedKv(world.kvParts, world.process("a"), world.kv);
  const b = simulatedKv(world.kvParts, world.process("b"), world.kv);
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
