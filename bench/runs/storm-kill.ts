/** One of four nodes is killed under many clients with the real SDK, while others go on talking elsewhere. */
import type { CrowdResult } from "../load/crowd-job.ts";
import type { Seat } from "../load/dialect.ts";
import { startGenerators, type Generators } from "../load/generators.ts";
import type { JobSpec } from "../load/job.ts";
import type { PairsWindow } from "../load/pairs-job.ts";
import { nameOf } from "../load/usher-people.ts";
import { Histogram } from "../measure/histogram.ts";
import { watchMetrics } from "../measure/metrics.ts";
import { calmOwners, ownerOf } from "../systems/placement.ts";
import { benchTenant } from "../systems/tenant.ts";
import { usher } from "../systems/usher.ts";
import { nodesOf, type Bench } from "./bench.ts";
import { joined } from "./pairs.ts";

const defaultSize = 20_000;
/** A generator process may have 20,000 files open, and one processor. */
const perProcess = 10_000;
const chats = 40;
/** Messages a second of all chats together. */
const chatRate = 200;
const calmMs = 90_000;
const restMs = 3000;
const beforeMs = 5000;
const afterMs = 5000;

/**
 * The balancer knows nothing of sessions: a quarter of the clients is attached to the victim. Chats are those that the dead
 * node has no part in: who talks is attached elsewhere, and their sessions and conversation live elsewhere.
 */
export const stormKill: Bench = {
  name: "storm-kill",
  about: "with 20,000 clients (--size) of the real SDK on four nodes, of which one is killed",
  systems: [usher],
  spec: (options) => {
    const { env, ...spec } = nodesOf(options);
    // As it is by default: the storm has to pass the admission.
    return { ...spec, env: { ...env, USHER_ADMIT: "1000" } };
  },
  ratios: {},
  async round(system, { options, say, onStop }) {
    const size = options.size || defaultSize;
    const count = Math.ceil(size / perProcess);
    const target = { system: "usher", ports: system.ports, bytes: options.bytes };
    const victim = system.nodes.length - 1;
    const begin = async (specs: readonly JobSpec[]): Promise<Generators> => {
      const generators = await startGenerators(specs);
      onStop(() => generators.stop());
      await generators.step("prepare");
      return generators;
    };
    const seats = seatsWithout(victim, await calmOwners(system.ports, calmMs));
    say(`${size} clients attach`);
    const crowd = await begin(
      Array.from({ length: count }, (_, i) => ({
        job: "crowd",
        target: { ...target, generator: i + 1 },
        size: Math.ceil(size / count),
        window: 0,
      })),
    );
    const talk = await begin([
      { job: "pairs", target: { ...target, generator: 0 }, size: seats.length, seats, window: 0 },
    ]);
    await talk.step("talk", chatRate);
    await pause(restMs);
    await talk.step("open");
    await pause(beforeMs);
    const [before] = await talk.step<PairsWindow>("shut");
    const living = system.ports.filter((_, i) => i !== victim);
    const metrics = await watchMetrics(living);
    onStop(async () => metrics.stop());

    await talk.step("open");
    say("one node is killed");
    const killedAt = Date.now();
    system.nodes[victim]?.signal("SIGKILL");
    const results = await crowd.step<CrowdResult>("recover", killedAt);
    await pause(afterMs);
    const [during] = await talk.step<PairsWindow>("shut");
    // The living share the shards of the dead.
    await calmOwners(system.ports, calmMs, victim);
    const counted = await metrics.read();
    const [told, heard] = [await crowd.finish(), await talk.finish()];
    metrics.stop();
    await Promise.all([crowd.stop(), talk.stop()]);

    const merged = (of: (result: CrowdResult) => readonly number[]): Histogram => {
      const all = new Histogram();
      for (const result of results) all.merge(of(result));
      return all;
    };
    const sum = (of: (result: CrowdResult) => number): number =>
      results.reduce((total, result) => total + of(result), 0);
    const [online, recovered] = [merged((result) => result.online), merged((result) => result.latencies)];
    const p99 = (window: PairsWindow | undefined): number =>
      new Histogram(window?.latencies ?? []).percentile(0.99);
    const rebirths = counted.grown("usher_placement_rebirths_total");
    const deaths = counted.grown("usher_placement_deaths_declared_total");
    const affected = sum((result) => result.affected);
    return {
      figures: {
        clients: size,
        affected,
        unrecovered: affected - sum((result) => result.recovered),
        "online.p50": online.percentile(0.5),
        "online.p99": online.percentile(0.99),
        "recovered.p50": recovered.percentile(0.5),
        "recovered.p99": recovered.percentile(0.99),
        "chat.before.p99": p99(before),
        "chat.p99": p99(during),
        "chat.worstSecond.p99": during?.worstSecondP99 ?? 0,
        chatMessages: during?.delivered ?? 0,
        deadAmongLiving: rebirths + Math.max(0, deaths - 1),
        overCaps: counted.grown("usher_link_dropped_total") + counted.grown("usher_dead_letters_total"),
        "peak.asksWaiting": counted.peak("usher_asks_waiting"),
        busyAnswers: (told.troubles["BUSY"] ?? 0) + (heard.troubles["BUSY"] ?? 0),
      },
      integrity: joined(told, heard),
    };
  },
};

/** Chats of which no part lives at the victim. */
function seatsWithout(victim: number, owners: readonly number[]): Seat[] {
  const living = [...new Set(owners)].filter((node) => node !== victim).sort((a, b) => a - b);
  const seats: Seat[] = [];
  for (let pair = 0; pair < benchTenant.crowdFrom && seats.length < chats; pair++) {
    const visitor = ownerOf(owners, "visitor", nameOf(0, "v", pair));
    const agent = ownerOf(owners, "agent", `agent${pair}`);
    if (visitor === victim || agent === victim) continue;
    const home = (i: number): number => living[i % living.length] ?? 0;
    seats.push({ pair, homes: [home(seats.length), home(seats.length + 1)], scattered: true });
  }
  if (seats.length < chats) throw new Error(`only ${seats.length} chats live without the victim`);
  return seats;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
