/** All clients cut at once, and how fast they are whole again. */
import { startGenerators } from "../load/generators.ts";
import type { StormResult } from "../load/storm-job.ts";
import { Histogram } from "../measure/histogram.ts";
import { ejabberd } from "../systems/ejabberd.ts";
import { ceiling, socketIoStreams } from "../systems/peers.ts";
import { usher } from "../systems/usher.ts";
import { nodesOf, type Bench } from "./bench.ts";
import { costFigures, countCost, ratio } from "./cost.ts";

const missedMessages = 5;

/** The pub/sub adapter resumes nothing and is not here; the ceiling only connects. */
export const storm: Bench = {
  name: "storm",
  about: "9,000 clients (--size) cut at once: reconnect, authenticate, resume with 5 missed events each",
  systems: [usher, socketIoStreams, ceiling, ejabberd],
  spec: nodesOf,
  ratios: { throughput: "perSecond", perCpuSecond: "perCpuSecond", p50: "p50", p99: "p99" },
  async round(system, { options, system: { name }, say, onStop }) {
    const size = options.size || 9000;
    const generators = await startGenerators([
      {
        job: "storm",
        target: { system: name, ports: system.ports, bytes: options.bytes, generator: 0 },
        size,
        scattered: options.scattered,
        window: 0,
      },
    ]);
    onStop(() => generators.stop());
    say(`${size} clients attach`);
    await generators.step("prepare");
    say("cut");
    await generators.step("cut", missedMessages);
    const cost = countCost(system, generators);
    const [result] = await generators.step<StormResult>("return");
    const spent = cost();
    const integrity = await generators.finish();
    await generators.stop();
    const times = new Histogram(result?.latencies ?? []);
    const recovered = result?.recovered ?? 0;
    return {
      figures: {
        perSecond: ratio(recovered, result?.seconds ?? 0),
        recovered,
        p50: times.percentile(0.5),
        p99: times.percentile(0.99),
        ...costFigures(spent, recovered),
      },
      integrity,
    };
  },
};
