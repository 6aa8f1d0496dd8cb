/**
 * Looks at a run again and again on virtual time and keeps what it saw, for charts and for the progress line.
 *
 * Role: gauges and running totals, window by window. Boundary: it only reads; what it costs does not grow with the
 * users, and the number of samples is bounded: when there are too many, neighbours become one and windows twice as long.
 * Invariant (Deterministic): a run has the same hash with it and without it.
 */
import type { Fault } from "../faults.ts";
import type { WireTally } from "../people/tap.ts";
import type { Scheduler } from "../world/scheduler.ts";

/** How a node stands: no process, a process that stands still, one that cannot serve (yet, or any more), one that serves. */
export type NodeStanding = "gone" | "paused" | "waiting" | "serving";

/** One node at the end of a window. */
export interface NodeSample {
  readonly standing: NodeStanding;
  /** Most tasks that waited for its processor within the window. */
  readonly queue: number;
  /** Connections that its side holds. */
  readonly connections: number;
  /** Shards that the newest known table gives it. */
  readonly shards: number;
}

/** What was known at the end of one window; counts are totals since the beginning of the run. */
export interface Sample {
  /** Virtual milliseconds. */
  readonly at: number;
  /** Devices whose SDK says that it is online. */
  readonly online: number;
  /** Devices that have come so far, also those that went. */
  readonly devices: number;
  readonly attempts: number;
  readonly refused: number;
  readonly sends: number;
  readonly delivered: number;
  /** How many entries the lists of answers and of recoveries had. */
  readonly answered: number;
  readonly recovered: number;
  /** Most tasks that waited for the store's processor within the window. */
  readonly storeQueue: number;
  readonly nodes: readonly NodeSample[];
  /** Shards on their way, and shards that have changed their node so far. */
  readonly moving: number;
  readonly moved: number;
}

/** A processor with what waits for it. */
interface Worked {
  readonly backlog: number;
  recentPeak: number;
}

/** A node, as far as it is looked at. */
export interface SampledNode {
  readonly name: string;
  readonly process: (Worked & { readonly paused: boolean }) | undefined;
  readonly node:
    | {
        ready(): boolean;
        readonly placement: {
          route(
            shard: number,
          ):
            | { readonly owner: { readonly node: string }; readonly epoch: number; readonly state: string }
            | undefined;
        };
      }
    | undefined;
}

/** What of a run is looked at. */
export interface Sampled {
  readonly scheduler: Scheduler;
  readonly nodes: readonly SampledNode[];
  readonly shards: number;
  readonly store: { readonly masters: readonly { readonly process: Worked }[] };
  readonly sockets: {
    readonly tally: { readonly attempts: number; readonly unreachable: number };
    count(node: string): number;
  };
  readonly tally: WireTally;
  /** All that came; of a customer's pages those that are open. */
  readonly devices: { readonly size: number };
  readonly sends: { readonly length: number };
  /** Milliseconds that each reconnect took, in the order in which they ended. */
  readonly recoveries: readonly number[];
}

/** A phase that began, or a fault that struck. */
export type Mark =
  | { readonly kind: "phase"; readonly at: number; readonly name: string }
  | { readonly kind: "fault"; readonly at: number; readonly fault: Fault };

/** Windows are first this long. */
const firstWindowMs = 500;
const mostSamples = 480;

/** The sampler of one run. */
export class Sampler {
  readonly marks: Mark[] = [];
  #samples: Sample[] = [];
  #windowMs = firstWindowMs;
  #looks = 0;
  #sampled: Sampled | undefined;
  #stopped = false;
  #owners: (string | undefined)[] = [];
  #moved = 0;
  readonly #onSample: (sample: Sample, sampler: Sampler) => void;

  /** @param onSample hears of every window's end */
  constructor(onSample: (sample: Sample, sampler: Sampler) => void = () => {}) {
    this.#onSample = onSample;
  }

  /** What was seen, oldest first; times rise. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** What it looks at, once it has begun. */
  get sampled(): Sampled | undefined {
    return this.#sampled;
  }

  /** How many tasks of the scheduler were its own. */
  get looks(): number {
    return this.#looks;
  }

  /** Begins to look; once. */
  begin(sampled: Sampled): void {
    this.#sampled = sampled;
    this.#take(sampled);
    this.#later(sampled);
  }

  /** A phase begins. */
  phase(at: number, name: string): void {
    this.marks.push({ kind: "phase", at, name });
  }

  /** A fault strikes. */
  strike(at: number, fault: Fault): void {
    this.marks.push({ kind: "fault", at, fault });
  }

  /** Looks a last time. */
  end(): void {
    const sampled = this.#sampled;
    if (this.#stopped || sampled === undefined) return;
    this.#stopped = true;
    if ((this.#samples.at(-1)?.at ?? -1) < sampled.scheduler.now) this.#take(sampled);
  }

  #later(sampled: Sampled): void {
    const { scheduler } = sampled;
    scheduler.schedule(scheduler.now + this.#windowMs, undefined, () => {
      this.#looks++;
      if (this.#stopped) return;
      this.#take(sampled);
      this.#later(sampled);
    });
  }

  #take(sampled: Sampled): void {
    const { scheduler, nodes, store, sockets, tally, devices, sends, recoveries } = sampled;
    const { moving, owned } = this.#lookAtShards(sampled);
    const sample: Sample = {
      at: scheduler.now,
      online: tally.online,
      devices: devices.size,
      attempts: sockets.tally.attempts,
      refused: tally.refused + sockets.tally.unreachable,
      sends: sends.length,
      delivered: tally.delivered,
      answered: tally.answers.length,
      recovered: recoveries.length,
      storeQueue: Math.max(...store.masters.map(({ process }) => peakOf(process))),
      nodes: nodes.map((one) => ({
        standing: standingOf(one),
        queue: peakOf(one.process),
        connections: sockets.count(one.name),
        shards: owned.get(one.name) ?? 0,
      })),
      moving,
      moved: this.#moved,
    };
    this.#samples.push(sample);
    if (this.#samples.length > mostSamples) this.#halve();
    this.#onSample(sample, this);
  }

  /** Of all nodes' routes the one with the highest epoch holds. */
  #lookAtShards({ nodes, shards }: Sampled): { moving: number; owned: Map<string, number> } {
    const owned = new Map<string, number>();
    let moving = 0;
    for (let shard = 0; shard < shards; shard++) {
      let epoch = 0;
      let owner: string | undefined;
      let state = "";
      for (const { node } of nodes) {
        const route = node?.placement.route(shard);
        if (route === undefined || route.epoch < epoch) continue;
        if (route.epoch === epoch && route.state === "stable") continue;
        epoch = route.epoch;
        owner = route.owner.node;
        ({ state } = route);
      }
      if (owner === undefined) continue;
      if (state === "moving") moving++;
      owned.set(owner, (owned.get(owner) ?? 0) + 1);
      const before = this.#owners[shard];
      if (before !== undefined && before !== owner) this.#moved++;
      this.#owners[shard] = owner;
    }
    return { moving, owned };
  }

  #halve(): void {
    this.#windowMs *= 2;
    const kept: Sample[] = [];
    for (let i = 0; i < this.#samples.length; i += 2) {
      const [one, two] = [this.#samples[i], this.#samples[i + 1]];
      if (one !== undefined) kept.push(two === undefined ? one : joined(one, two));
    }
    this.#samples = kept;
  }
}

/** Two neighbouring windows as one: totals and gauges of the later, the larger of each peak. */
export function joined(one: Sample, two: Sample): Sample {
  return {
    ...two,
    moving: Math.max(one.moving, two.moving),
    storeQueue: Math.max(one.storeQueue, two.storeQueue),
    nodes: two.nodes.map((node, i) => ({ ...node, queue: Math.max(node.queue, one.nodes[i]?.queue ?? 0) })),
  };
}

/** Most tasks that waited since the last look. */
function peakOf(process: Worked | undefined): number {
  if (process === undefined) return 0;
  const peak = process.recentPeak;
  process.recentPeak = process.backlog;
  return peak;
}

function standingOf({ process, node }: SampledNode): NodeStanding {
  if (process === undefined) return "gone";
  if (process.paused) return "paused";
  return node?.ready() === true ? "serving" : "waiting";
}
