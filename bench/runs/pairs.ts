/** 1:1 conversations at full speed, and at a fixed rate. */
import type { Seat } from "../load/dialect.ts";
import type { PairsWindow } from "../load/pairs-job.ts";
import { startGenerators } from "../load/generators.ts";
import type { Integrity, JobSpec } from "../load/job.ts";
import { Histogram } from "../measure/histogram.ts";
import { ejabberd } from "../systems/ejabberd.ts";
import { ceiling, socketIoPubSub, socketIoStreams } from "../systems/peers.ts";
import type { RunningSystem } from "../systems/system.ts";
import { usher } from "../systems/usher.ts";
import { nodesOf, type Bench, type Round, type RoundContext } from "./bench.ts";
import { costFigures, countCost } from "./cost.ts";

/** How many talk, how, and for how long. */
export interface Talk {
  readonly pairs: number;
  /** 0: at the rate. */
  readonly window: number;
  /** Messages per second; 0: as fast as the window allows. */
  readonly rate: number;
  readonly seconds: number;
  /** Where they sit; one generator holds them all then. */
  readonly seats?: readonly Seat[];
}

const systems = [usher, socketIoStreams, socketIoPubSub, ceiling, ejabberd];

/** 200 pairs with four messages open each way, then 50 pairs with one. */
export const pairs: Bench = {
  name: "pairs",
  about: "1:1 messages delivered and acknowledged: 200 pairs, window 4; then 50 pairs, window 1",
  systems,
  spec: nodesOf,
  ratios: {
    throughput: "throughput",
    perCpuSecond: "perCpuSecond",
    p50: "p50",
    p99: "p99",
    "50x1.throughput": "50x1.throughput",
    "50x1.perCpuSecond": "50x1.perCpuSecond",
    "50x1.p99": "50x1.p99",
  },
  async round(system, context) {
    const { size, window, seconds } = context.options;
    const wide = { pairs: size || 200, window: window || 4, rate: 0, seconds: seconds || 8 };
    const first = await talk(system, context, wide);
    if (size > 0 || window > 0) return first;
    const second = await talk(system, context, { ...wide, pairs: 50, window: 1 }, wide.pairs);
    const narrow = Object.entries(second.figures).map(([key, value]) => [`50x1.${key}`, value] as const);
    return {
      figures: { ...first.figures, ...Object.fromEntries(narrow) },
      integrity: joined(first.integrity, second.integrity),
    };
  },
};

/** 200 pairs at a rate that is the same for all. */
export const latency: Bench = {
  name: "latency",
  about: "send to arrival on the other side, at the same offered rate for all (--rate, 4000 a second)",
  systems,
  spec: nodesOf,
  ratios: { throughput: "throughput", perCpuSecond: "perCpuSecond", p50: "p50", p99: "p99" },
  round: (system, context) => {
    const { size, rate, seconds } = context.options;
    return talk(system, context, { pairs: size || 200, window: 0, rate, seconds: seconds || 8 });
  },
};

/**
 * Lets pairs talk and counts what arrives, and what it costs.
 * @param met how many pairs have met in this round before: these are other people
 */
export async function talk(
  system: RunningSystem,
  context: RoundContext,
  load: Talk,
  met = 0,
): Promise<Round> {
  const { options, say, onStop } = context;
  const count = load.seats === undefined ? options.generators : 1;
  const size = Math.ceil(load.pairs / count);
  const specs = Array.from({ length: count }, (_, generator): JobSpec => ({
    job: "pairs",
    target: {
      system: context.system.name,
      ports: system.ports,
      bytes: options.bytes,
      generator: (met > 0 ? count : 0) + generator,
    },
    size,
    first: met + generator * size,
    window: load.window,
    ...(load.seats === undefined ? {} : { seats: load.seats }),
    scattered: options.scattered,
  }));
  const generators = await startGenerators(specs);
  onStop(() => generators.stop());
  say(`${load.pairs} pairs meet`);
  await generators.step("prepare");
  await generators.step("talk", load.rate / count);
  await pause(options.warmUp * 1000);
  const cost = countCost(system, generators);
  await generators.step("open");
  await pause(load.seconds * 1000);
  const windows = await generators.step<PairsWindow>("shut");
  const spent = cost();
  const integrity = await generators.finish();
  await generators.stop();
  const latencies = new Histogram();
  for (const window of windows) latencies.merge(window.latencies);
  const perSecond = (of: (window: PairsWindow) => number): number =>
    windows.reduce((sum, window) => sum + of(window) / window.seconds, 0);
  const completed = windows.reduce((sum, window) => sum + window.completed, 0);
  return {
    figures: {
      throughput: perSecond((window) => window.completed),
      p50: latencies.percentile(0.5),
      p99: latencies.percentile(0.99),
      ...costFigures(spent, completed),
    },
    integrity,
  };
}

/** What went wrong in both together. */
export function joined(a: Integrity, b: Integrity): Integrity {
  return {
    lost: a.lost + b.lost,
    duplicated: a.duplicated + b.duplicated,
    disordered: a.disordered + b.disordered,
    troubles: { ...a.troubles, ...b.troubles },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
