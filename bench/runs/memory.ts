/** What an attached session weighs in a node's process. */
import { startGenerators } from "../load/generators.ts";
import { residentBytesOf } from "../measure/processes.ts";
import { ejabberd } from "../systems/ejabberd.ts";
import { ceiling, socketIoPubSub, socketIoStreams } from "../systems/peers.ts";
import { usher } from "../systems/usher.ts";
import type { Bench } from "./bench.ts";

const settleMs = 30_000;
const restMs = 3000;

/** One process; sessions attach, keep their heartbeat and are left alone for a while before they are weighed. */
export const memory: Bench = {
  name: "memory",
  about: "resident memory per attached, authenticated session in one process (--size, 15,000), heartbeats on",
  systems: [usher, socketIoStreams, socketIoPubSub, ceiling, ejabberd],
  spec: () => ({ nodes: 1 }),
  ratios: { bytesPerSession: "bytesPerSession" },
  async round(system, { options, system: { name }, say, onStop }) {
    const size = options.size || 15_000;
    const generators = await startGenerators([
      {
        job: "idle",
        target: { system: name, ports: system.ports, bytes: options.bytes, generator: 0 },
        size,
        window: 0,
      },
    ]);
    onStop(() => generators.stop());
    const weigh = (): number => residentBytesOf(system.nodes[0]?.pid ?? 0);
    await new Promise((resolve) => setTimeout(resolve, restMs));
    const empty = weigh();
    say(`${size} sessions attach`);
    const [attached] = await generators.step<{ seconds: number }>("prepare");
    const full = weigh();
    await new Promise((resolve) => setTimeout(resolve, options.seconds * 1000 || settleMs));
    const rested = weigh();
    const integrity = await generators.finish();
    await generators.stop();
    return {
      figures: {
        bytesPerSession: (rested - empty) / size,
        bytesPerSessionAtOnce: (full - empty) / size,
        emptyMegabytes: empty / 1e6,
        fullMegabytes: rested / 1e6,
        attachesPerSecond: size / (attached?.seconds ?? Infinity),
      },
      integrity,
    };
  },
};
