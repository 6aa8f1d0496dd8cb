import type { Process } from "../../sim/world/process.ts";
import type { World } from "../../sim/world/world.ts";

/** A message as it reaches a node, and what its author may be told. */
export interface Arrival {
  readonly conv: string;
  readonly p: string;
  readonly n: number;
  readonly body: { readonly text?: string };
  say(frame: object): void;
}

/** A node `n1` that welcomes everybody; what becomes of messages is up to the test. */
export function welcomingNode(world: World, onSend: (arrival: Arrival, process: Process) => void): void {
  const process = world.process("n1");
  world.sockets.setDoor("n1", {
    process,
    accepting: () => true,
    open(socket) {
      const say = (frame: object): void => socket.send(JSON.stringify(frame));
      say({ t: "hello", node: "n1", hb: 25_000, authMs: 10_000, maxFrame: 65_536 });
      return {
        receive(text) {
          const { t, ...rest } = JSON.parse(text) as Omit<Arrival, "say"> & { t: string };
          const limits = { maxInFlight: 32, commandsPerSecond: 20 };
          const who = { session: "v.u", user: "u", role: "visitor", gen: 1, limits };
          if (t === "ping") say({ t: "pong" });
          if (t === "auth") say({ t: "welcome", ...who, convs: [], more: false, recovered: {} });
          if (t === "send") onSend({ ...rest, say }, process);
        },
        closed() {},
      };
    },
  });
}
