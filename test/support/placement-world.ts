import { silentLog } from "../../base/log.ts";
import { silentMetrics } from "../../base/metrics.ts";
import type { Random } from "../../base/random.ts";
import { Failure } from "../../base/errors.ts";
import type { GainOutcome, Hosting, NodeRun } from "../../placement/hosting.ts";
import { memoryBucket, memoryKv, type MemoryBucket } from "../../placement/kv-memory.ts";
import { startPlacement, type Placement } from "../../placement/placement.ts";
import type { PlacementTimings } from "../../placement/timings.ts";
import { faultyKv, type FaultyKv } from "./faulty-kv.ts";
import { virtualTime, type VirtualClock, type VirtualTime } from "./virtual-clock.ts";

/** One node of the world. */
export interface WorldNode {
  readonly name: string;
  readonly placement: Placement;
  readonly clock: VirtualClock;
  readonly kv: FaultyKv;
  readonly host: WorldHost;
  /** Whether its subject has a subscriber. */
  listening: boolean;
  crashed: boolean;
}

/** A host that claims at the world's store and remembers what it serves. */
export interface WorldHost extends Hosting {
  /** What it serves, by shard the epoch. */
  readonly serving: Map<number, number>;
  readonly calls: string[];
  /** How long a release takes. */
  releaseMs: number;
  /** The store is away for this host. */
  storeAway: boolean;
  /** The part of the store is away for this host that holds these shards. */
  missing: (shard: number) => boolean;
}

/** Several real placements over one memory bucket on virtual time, a store of fences, and what must always hold. */
export interface World {
  readonly time: VirtualTime;
  readonly bucket: MemoryBucket;
  readonly fences: Map<number, { epoch: number; owner: NodeRun }>;
  readonly nodes: WorldNode[];
  start(name: string, timings?: Partial<PlacementTimings>): WorldNode;
  crash(node: WorldNode): void;
  /** Nodes that have not crashed, left or been paused. */
  alive(): readonly WorldNode[];
  /** Whether all shards are served by exactly their owners, evenly, and everybody agrees. */
  converged(): boolean;
  /** Lets time pass until it has converged, checking the invariants all the while. */
  converge(withinMs: number): Promise<void>;
  /** Lets time pass, checking the invariants all the while. */
  advance(ms: number): Promise<void>;
}

/** An empty world with a seeded source of chance. */
export function placementWorld(shards: number, seed = 1): World {
  const time = virtualTime();
  const bucket = memoryBucket();
  const fences: World["fences"] = new Map();
  const nodes: WorldNode[] = [];
  const epochsSeen = new Map<number, number>();
  const stepMs = 20;

  function start(name: string, timings: Partial<PlacementTimings> = {}): WorldNode {
    const clock = time.clock();
    const kv = faultyKv(memoryKv(clock, bucket), clock);
    const self = (): NodeRun => node.placement.self;
    const host = worldHost(self, clock, fences);
    const placement = startPlacement({
      kv,
      probe: async (to) =>
        nodes.some((other) => other.name === to && other.listening) ? "answered" : "no-responders",
      hosting: host,
      clock,
      random: seeded(seed * 1000 + nodes.length),
      log: silentLog(),
      metrics: silentMetrics(),
      self: { node: name, url: "", zone: "z", lane: "main", version: "1", capacity: 1 },
      shards,
      fences: async () =>
        [...fences].map(([shard, fence]) => ({ shard, epoch: fence.epoch, ...fence.owner })),
      timings,
    });
    const node: WorldNode = { name, placement, clock, kv, host, listening: true, crashed: false };
    nodes.push(node);
    return node;
  }

  function alive(): readonly WorldNode[] {
    return nodes.filter((node) => !node.crashed);
  }

  /** EpochOwnerUnique and FenceMonotone, as far as placement can break them. */
  function check(): void {
    for (let shard = 0; shard < shards; shard++) {
      const believers = alive().filter(
        (node) => node.host.serving.has(shard) && !node.placement.frozen(shard),
      );
      const highest = Math.max(0, ...believers.map((node) => node.host.serving.get(shard) ?? 0));
      const top = believers.filter((node) => node.host.serving.get(shard) === highest);
      if (top.length > 1) {
        throw new Error(
          `shard ${shard} under epoch ${highest} is served by ${top.map((n) => n.name).join()}`,
        );
      }
      for (const node of nodes) {
        const epoch = node.placement.route(shard)?.epoch ?? 0;
        const key = shard * 1000 + nodes.indexOf(node);
        if (epoch < (epochsSeen.get(key) ?? 0))
          throw new Error(`the epoch of shard ${shard} fell on ${node.name}`);
        epochsSeen.set(key, epoch);
      }
    }
  }

  function converged(): boolean {
    const living = alive();
    const loads = new Map<string, number>(living.map((node) => [node.name, 0]));
    for (let shard = 0; shard < shards; shard++) {
      const routes = living.map((node) => node.placement.route(shard));
      const first = routes[0];
      if (first === undefined || first.state !== "stable") return false;
      if (routes.some((route) => route?.epoch !== first.epoch || route.owner.node !== first.owner.node))
        return false;
      const owner = living.find((node) => node.name === first.owner.node);
      if (owner === undefined || owner.placement.self.incarnation !== first.owner.incarnation) return false;
      if (owner.placement.frozen(shard) || owner.host.serving.get(shard) !== first.epoch) return false;
      if (living.some((node) => node !== owner && node.host.serving.has(shard))) return false;
      loads.set(owner.name, (loads.get(owner.name) ?? 0) + 1);
    }
    const counts = [...loads.values()];
    const mean = shards / counts.length;
    const slack = Math.max(1, mean * 0.05);
    return counts.every((count) => Math.abs(count - mean) <= slack);
  }

  async function advance(ms: number): Promise<void> {
    const end = time.now() + ms;
    while (time.now() < end) {
      await time.advance(Math.min(stepMs, end - time.now()));
      check();
    }
  }

  return {
    time,
    bucket,
    fences,
    nodes,
    start,
    alive,
    converged,
    advance,
    crash(node) {
      node.crashed = true;
      node.listening = false;
      node.clock.kill();
      node.kv.cut = true;
    },
    async converge(withinMs) {
      const end = time.now() + withinMs;
      await time.advance(0);
      while (!converged()) {
        if (time.now() >= end) throw new Error(`not converged within ${withinMs} ms: ${describe(nodes)}`);
        await advance(stepMs);
      }
    },
  };
}

function worldHost(self: () => NodeRun, clock: VirtualClock, fences: World["fences"]): WorldHost {
  const turns = new Map<number, number>();
  const turn = (shard: number): number => {
    const next = (turns.get(shard) ?? 0) + 1;
    turns.set(shard, next);
    return next;
  };
  const host: WorldHost = {
    serving: new Map(),
    calls: [],
    releaseMs: 10,
    storeAway: false,
    missing: () => false,
    async gain(shard, epoch): Promise<GainOutcome> {
      host.calls.push(`gain ${shard} ${epoch}`);
      const owner = self();
      const mine = turn(shard);
      await new Promise<void>((resolve) => void clock.after(3, resolve));
      if (host.storeAway || host.missing(shard)) throw new Failure("STORE_UNAVAILABLE", "the store is away");
      const fence = fences.get(shard);
      const same = fence?.epoch === epoch && fence.owner.incarnation === owner.incarnation;
      if (fence !== undefined && epoch <= fence.epoch && !same) return { kind: "fenced", epoch: fence.epoch };
      fences.set(shard, { epoch, owner });
      if (turns.get(shard) === mine) host.serving.set(shard, epoch);
      return { kind: "serving" };
    },
    async release(shard, boundMs) {
      host.calls.push(`release ${shard}`);
      await new Promise<void>((resolve) => void clock.after(Math.min(boundMs, host.releaseMs), resolve));
      host.serving.delete(shard);
    },
    lose(shard) {
      host.calls.push(`lose ${shard}`);
      turn(shard);
      host.serving.delete(shard);
    },
  };
  return host;
}

function describe(nodes: readonly WorldNode[]): string {
  return nodes
    .map(({ name, placement, crashed, host }) => {
      const { ready, frozen, seeing, generation, problem, members, tableCurrent } = placement.picture();
      const people = members.map((m) => `${m.node}:${m.state}:${Math.round(m.silentMs)}`).join("+");
      const facts = {
        ready,
        frozen,
        seeing,
        generation,
        problem,
        tableCurrent,
        people,
        serving: host.serving.size,
      };
      return `${name}${crashed ? " (crashed)" : ""} ${JSON.stringify(facts)}`;
    })
    .join("\n");
}

/** Mulberry32 (Tommy Ettinger, public domain): small, fast, repeatable. */
function seeded(seed: number): Random {
  let state = seed;
  let ids = 0;
  return {
    float() {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    },
    id: () => `r${seed}-${++ids}`,
  };
}
