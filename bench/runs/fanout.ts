/** One speaker and a room of thousands. */
import { startGenerators } from "../load/generators.ts";
import type { FanoutWindow } from "../load/fanout-job.ts";
import { Histogram } from "../measure/histogram.ts";
import { ejabberd } from "../systems/ejabberd.ts";
import { ceiling, socketIoPubSub, socketIoStreams } from "../systems/peers.ts";
import { usher } from "../systems/usher.ts";
import { nodesOf, type Bench } from "./bench.ts";
import { costFigures, countCost, ratio } from "./cost.ts";

const warmUpSeconds = 1;

/** Members are receivers that count frames and read nothing. */
export const fanout: Bench = {
  name: "fanout",
  about:
    "a group of 9,000 attached members (--size) over all nodes, one speaker with 4 messages open (--window)",
  systems: [usher, socketIoStreams, socketIoPubSub, ceiling, ejabberd],
  spec: nodesOf,
  ratios: { throughput: "perSecond", perCpuSecond: "perCpuSecond", p50: "p50", p99: "p99" },
  async round(system, { options, system: { name }, say, onStop }) {
    const size = options.size || 9000;
    const generators = await startGenerators([
      {
        job: "fanout",
        target: { system: name, ports: system.ports, bytes: options.bytes, generator: 0 },
        size,
        window: options.window || 4,
      },
    ]);
    onStop(() => generators.stop());
    say(`${size} members attach`);
    await generators.step("prepare");
    await generators.step("speak", warmUpSeconds);
    const cost = countCost(system, generators);
    const [window] = await generators.step<FanoutWindow>("speak", options.seconds || 8);
    const spent = cost();
    const integrity = await generators.finish();
    await generators.stop();
    const times = new Histogram(window?.latencies ?? []);
    const deliveries = window?.deliveries ?? 0;
    return {
      figures: {
        perSecond: ratio(deliveries, window?.seconds ?? 0),
        messages: window?.messages ?? 0,
        p50: times.percentile(0.5),
        p99: times.percentile(0.99),
        ...costFigures(spent, deliveries),
      },
      integrity,
    };
  },
};
