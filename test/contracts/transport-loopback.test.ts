import { systemClock } from "../../base/clock.ts";
import { loopbackNetwork } from "../../transport/loopback.ts";
import { transportContract } from "./transport.ts";

transportContract("loopback", async () => {
  const network = loopbackNetwork(systemClock());
  const a = network.transport("a");
  const b = network.transport("b");
  return {
    a,
    b,
    async close() {
      await a.close();
      await b.close();
    },
  };
});
