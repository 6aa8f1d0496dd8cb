import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { silentMetrics } from "../../base/metrics.ts";
import { systemRandom } from "../../base/random.ts";
import { startNats, type LocalNats } from "../../compose/local/nats.ts";
import type { Hosting } from "../../placement/hosting.ts";
import { natsKv } from "../../placement/kv-nats.ts";
import { startPlacement, type Placement } from "../../placement/placement.ts";
import { natsTransport } from "../../transport/nats.ts";
import { eventually } from "../support/eventually.ts";

const shards = 64;

interface Node {
  readonly name: string;
  readonly placement: Placement;
  readonly serving: Map<number, number>;
  /** Ends its connections without a word, as a crash does. */
  crash(): Promise<void>;
}

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function startServer(port?: number): Promise<LocalNats> {
  const nats = await startNats(port === undefined ? {} : { port });
  cleanups.push(() => nats.stop());
  return nats;
}

async function startNode(nats: LocalNats, name: string): Promise<Node> {
  const servers = [nats.url];
  const transport = await natsTransport({ servers, cluster: "c" });
  const kv = await natsKv({ servers, cluster: "c" });
  await transport.subscribe(name, () => {});
  const serving = new Map<number, number>();
  const hosting: Hosting = {
    async gain(shard, epoch) {
      serving.set(shard, epoch);
      return { kind: "serving" };
    },
    release: async (shard) => void serving.delete(shard),
    lose: (shard) => void serving.delete(shard),
  };
  const placement = startPlacement({
    kv,
    probe: (node) => transport.probe(node, 400),
    hosting,
    clock: systemClock(),
    random: systemRandom(),
    log: silentLog(),
    metrics: silentMetrics(),
    self: { node: name, url: "", zone: "", lane: "", version: "1", capacity: 1 },
    shards,
    fences: async () => [],
  });
  let crashed = false;
  const crash = async (): Promise<void> => {
    if (crashed) return;
    crashed = true;
    await kv.close();
    await transport.close();
  };
  cleanups.push(async () => {
    await placement.stop();
    await crash();
  });
  return { name, placement, serving, crash };
}

/** Whether these nodes serve every shard exactly once, evenly, unfrozen. */
function balanced(nodes: readonly Node[]): boolean {
  const served = nodes.flatMap(({ serving }) => [...serving.keys()]);
  const mean = shards / nodes.length;
  const even = nodes.every(({ serving }) => Math.abs(serving.size - mean) <= Math.max(1, mean * 0.05));
  const calm = nodes.every(({ placement }) => !placement.frozen() && placement.ready());
  return calm && even && served.length === shards && new Set(served).size === shards;
}

describe("placement over a real NATS", () => {
  it("spreads shards over nodes that start together, and takes over from one that crashes", async () => {
    const nats = await startServer();
    const nodes = await Promise.all(["a", "b", "c"].map((name) => startNode(nats, name)));
    await eventually(() => balanced(nodes), 10_000, "an even spread");
    const [a, ...others] = nodes;
    await a?.crash();
    await eventually(() => balanced(others), 10_000, "the takeover");
    await eventually(() => a?.placement.frozen(), 10_000, "the freeze");
  });

  it("keeps every owner through a restart of NATS with an empty store", async () => {
    const nats = await startServer();
    const nodes = await Promise.all(["a", "b"].map((name) => startNode(nats, name)));
    await eventually(() => balanced(nodes), 10_000, "an even spread");
    const before = nodes.map(({ serving }) => new Map(serving));
    const generation = nodes[0]?.placement.picture().generation ?? 0;
    await nats.stop();
    await eventually(() => nodes.every(({ placement }) => placement.frozen()), 10_000, "the freeze");
    await startServer(nats.port);
    await eventually(() => balanced(nodes), 15_000, "the thaw");
    expect(nodes.map(({ serving }) => new Map(serving))).toEqual(before);
    expect(nodes[0]?.placement.picture().generation).toBeGreaterThan(generation);
    expect(nodes[0]?.placement.picture().dead).toEqual([]);
  });

  it("hands over and leaves without anybody waiting for it", async () => {
    const nats = await startServer();
    const nodes = await Promise.all(["a", "b"].map((name) => startNode(nats, name)));
    await eventually(() => balanced(nodes), 10_000, "an even spread");
    const [a, b] = nodes;
    if (a === undefined || b === undefined) throw new Error("two nodes");
    await a.placement.drain();
    expect(a.serving.size).toBe(0);
    await a.placement.stop();
    await eventually(() => !b.placement.members().has("a"), 2000, "the goodbye");
    expect(balanced([b])).toBe(true);
  });
});
