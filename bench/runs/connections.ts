/** Very many attached sessions, with some chat among them. */
import { startGenerators } from "../load/generators.ts";
import type { JobSpec } from "../load/job.ts";
import { residentBytesOf } from "../measure/processes.ts";
import { usher } from "../systems/usher.ts";
import { nodesOf, type Bench } from "./bench.ts";
import { joined, talk } from "./pairs.ts";

const defaultSize = 150_000;
/** A process may have 20,000 files open; some of them are no clients. */
const perProcess = 16_000;
const chat = { pairs: 50, window: 0, rate: 500, seconds: 180 };
const lostPrefix = "connection lost";

/** Sessions are spread over all nodes, and over as many generator processes as they need. */
export const connections: Bench = {
  name: "connections",
  about: "150,000 attached sessions (--size) with 500 messages a second among them, 180 s (--seconds)",
  systems: [usher],
  spec: (options) =>
    nodesOf({ ...options, nodes: Math.max(3, Math.ceil((options.size || defaultSize) / perProcess)) }),
  ratios: {},
  async round(system, context) {
    const { options, say, onStop } = context;
    const size = options.size || defaultSize;
    const count = Math.ceil(size / perProcess);
    const specs = Array.from({ length: count }, (_, i): JobSpec => ({
      job: "idle",
      // The pairs' generator is number 0.
      target: { system: "usher", ports: system.ports, bytes: options.bytes, generator: i + 1 },
      size: Math.ceil(size / count),
      window: 0,
    }));
    const weigh = (): number => system.nodes.reduce((sum, { pid }) => sum + residentBytesOf(pid), 0);
    const empty = weigh();
    const generators = await startGenerators(specs);
    onStop(() => generators.stop());
    say(`${size} sessions attach at ${system.nodes.length} nodes`);
    const attached = await generators.step<{ seconds: number }>("prepare");
    const talking = await talk(
      system,
      { ...context, options: { ...options, generators: 1 } },
      { ...chat, seconds: options.seconds || chat.seconds },
    );
    const full = weigh();
    const idle = await generators.finish();
    await generators.stop();
    const dropped = Object.entries(idle.troubles)
      .filter(([what]) => what.startsWith(lostPrefix))
      .reduce((sum, [, times]) => sum + times, 0);
    return {
      figures: {
        ...talking.figures,
        sessions: size,
        dropped,
        nodes: system.nodes.length,
        attachesPerSecond: size / Math.max(...attached.map(({ seconds }) => seconds)),
        bytesPerSession: (full - empty) / size,
        megabytes: full / 1e6,
      },
      integrity: joined(talking.integrity, idle),
    };
  },
};
