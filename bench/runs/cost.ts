import { cpuSecondsOf } from "../measure/processes.ts";
import type { Generators } from "../load/generators.ts";
import type { RunningSystem } from "../systems/system.ts";

/** CPU used between two moments, in seconds. */
export interface Cost {
  readonly nodes: number;
  readonly brokers: number;
  /** The generators' part of all CPU that was used. */
  readonly generatorShare: number;
}

/** Begins to count; the answer ends it. */
export function countCost(system: RunningSystem, generators: Generators): () => Cost {
  const look = (): { nodes: number; brokers: number; generators: number } => ({
    nodes: cpuSecondsOf(system.nodes.map(({ pid }) => pid)),
    brokers: cpuSecondsOf(system.brokers.map(({ pid }) => pid)),
    generators: generators.cpuSeconds(),
  });
  const before = look();
  return () => {
    const after = look();
    const nodes = after.nodes - before.nodes;
    const brokers = after.brokers - before.brokers;
    const load = after.generators - before.generators;
    const all = nodes + brokers + load;
    return {
      nodes,
      brokers,
      generatorShare: all === 0 ? 0 : load / all,
    };
  };
}

/** The figures that every bench shows of what servers cost. */
export function costFigures({ nodes, brokers, generatorShare }: Cost, done: number): Record<string, number> {
  return {
    perCpuSecond: ratio(done, nodes + brokers),
    perNodeCpuSecond: ratio(done, nodes),
    nodesCpu: nodes,
    brokersCpu: brokers,
    generatorShare,
  };
}

/** 0 when there is nothing to divide by. */
export function ratio(above: number, below: number): number {
  return below === 0 ? 0 : above / below;
}
