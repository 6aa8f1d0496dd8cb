/** What a message costs in larger clusters, and among more conversations. */
import { startGenerators } from "../load/generators.ts";
import type { Seat } from "../load/dialect.ts";
import type { TouchWindow } from "../load/touch-job.ts";
import { nameOf } from "../load/usher-people.ts";
import { calmOwners, ownerOf } from "../systems/placement.ts";
import type { RunningSystem } from "../systems/system.ts";
import { benchTenant } from "../systems/tenant.ts";
import { usher } from "../systems/usher.ts";
import { nodesOf, type Bench, type Round, type RoundContext } from "./bench.ts";
import { countCost, ratio, type Cost } from "./cost.ts";
import { joined, talk } from "./pairs.ts";

const calmMs = 90_000;
/** The load grows with the cluster, so that what nodes do at once stays the same. */
const pairsPerNode = 40;
const touchNodes = 3;
const touchWindow = 16;
const warmUpMs = 1500;

/**
 * Clusters: in every pair the visitor is attached to another node than the conversation's, the agent to the conversation's
 * own, whatever the number of nodes: half of the sides are remote. Conversations: supervisors speak in all in turn.
 */
export const scaling: Bench = {
  name: "scaling",
  about:
    "CPU seconds per 1,000 messages with 2, 4, 6 nodes (--clusters) and 1,000 to 100,000 conversations (--conversations)",
  systems: [usher],
  spec: (options) => nodesOf({ ...options, nodes: options.clusters[0] ?? touchNodes }),
  ratios: {},
  async round(first, context) {
    const { options, say } = context;
    const figures: Record<string, number> = {};
    let integrity: Round["integrity"] = { lost: 0, duplicated: 0, disordered: 0, troubles: {} };
    let running = first;
    const restart = async (nodes: number): Promise<void> => {
      await running.stop();
      running = await context.system.start(nodesOf({ ...options, nodes }));
      const { stop } = running;
      context.onStop(stop);
    };
    const perMessage = { nodes: [] as number[], conversations: [] as number[] };
    for (const [i, nodes] of options.clusters.entries()) {
      if (i > 0) await restart(nodes);
      const round = await clusterOf(running, context);
      for (const [key, value] of Object.entries(round.figures)) figures[`nodes${nodes}.${key}`] = value;
      perMessage.nodes.push(round.figures["cpuPer1000"] ?? 0);
      integrity = joined(integrity, round.integrity);
    }
    for (const count of options.conversations) {
      await restart(touchNodes);
      say(`${count} conversations begin`);
      const round = await conversationsOf(running, context, count);
      for (const [key, value] of Object.entries(round.figures))
        figures[`conversations${count}.${key}`] = value;
      perMessage.conversations.push(round.figures["cpuPer1000"] ?? 0);
      integrity = joined(integrity, round.integrity);
    }
    for (const [key, values] of Object.entries(perMessage))
      if (values.length > 1) figures[`${key}.spread`] = Math.max(...values) / Math.min(...values) - 1;
    return { figures, integrity };
  },
};

async function clusterOf(system: RunningSystem, context: RoundContext): Promise<Round> {
  const { options } = context;
  const pairs = (options.size || pairsPerNode) * system.ports.length;
  const seats = seatsOf(await calmOwners(system.ports, calmMs), system.ports.length, pairs);
  const load = { pairs, window: options.window || 4, rate: 0, seconds: options.seconds || 8, seats };
  const { figures, integrity } = await talk(system, context, load);
  const { perCpuSecond = 0, perNodeCpuSecond = 0, throughput = 0, p99 = 0, generatorShare = 0 } = figures;
  return {
    figures: {
      cpuPer1000: ratio(1000, perCpuSecond),
      nodesCpuPer1000: ratio(1000, perNodeCpuSecond),
      throughput,
      p99,
      generatorShare,
    },
    integrity,
  };
}

/** As many pairs for each node as for the others, whose visitors are spread over all the other nodes. */
function seatsOf(owners: readonly number[], nodes: number, pairs: number): Seat[] {
  const seats: Seat[] = [];
  const owned = new Map<number, number>();
  for (let pair = 0; pair < benchTenant.agents && seats.length < pairs; pair++) {
    const owner = ownerOf(owners, "visitor", nameOf(0, "v", pair));
    const before = owned.get(owner) ?? 0;
    if (before >= Math.ceil(pairs / nodes)) continue;
    owned.set(owner, before + 1);
    seats.push({
      pair,
      homes: [(owner + 1 + (before % Math.max(1, nodes - 1))) % nodes, owner],
      scattered: true,
    });
  }
  if (seats.length < pairs) throw new Error(`only ${seats.length} pairs fit ${nodes} nodes; ask for fewer`);
  return seats;
}

async function conversationsOf(
  system: RunningSystem,
  { options, onStop }: RoundContext,
  count: number,
): Promise<Round> {
  const generators = await startGenerators([
    {
      job: "touch",
      target: { system: "usher", ports: system.ports, bytes: options.bytes, generator: 0 },
      size: count,
      window: options.window || touchWindow,
    },
  ]);
  onStop(() => generators.stop());
  await generators.step("prepare");
  await generators.step("touch");
  await generators.step("talk");
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  const cost = countCost(system, generators);
  await generators.step("open");
  await new Promise((resolve) => setTimeout(resolve, (options.seconds || 8) * 1000));
  const [window] = await generators.step<TouchWindow>("shut");
  const spent: Cost = cost();
  const integrity = await generators.finish();
  await generators.stop();
  const completed = window?.completed ?? 0;
  return {
    figures: {
      cpuPer1000: ratio((spent.nodes + spent.brokers) * 1000, completed),
      nodesCpuPer1000: ratio(spent.nodes * 1000, completed),
      throughput: ratio(completed, window?.seconds ?? 0),
      generatorShare: spent.generatorShare,
    },
    integrity,
  };
}
