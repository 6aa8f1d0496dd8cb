import type { Counter, Metrics } from "../base/metrics.ts";
import type { CoordinatorCount } from "./coordinator.ts";

/** Everything that placement counts. */
export type PlacementCount = CoordinatorCount | "thaws" | "rebirths";

const helps: Readonly<Record<PlacementCount, string>> = {
  tableWrites: "Versions of the shard table written by this node",
  lostRaces: "Versions of the shard table that another node wrote first",
  deathsDeclared: "Runs that this node declared dead",
  movesStarted: "Shard moves begun by this node",
  movesFinished: "Shard moves finished after the old owner let go",
  movesForced: "Shard moves finished without the old owner",
  takeovers: "Shards of dead owners given away by this node",
  tablesRestored: "Lost or older shard tables rewritten by this node",
  tablesFounded: "Shard tables made by this node",
  thaws: "Times this node was thawed",
  rebirths: "Times this node was declared dead and went on",
};

/** Numbers of now. */
export interface PlacementGauges {
  readonly owned: () => number;
  readonly serving: () => number;
  readonly members: () => number;
  readonly generation: () => number;
  readonly frozen: () => number;
}

/** Counts for the metrics and for people at once. */
export class Counts {
  private readonly metrics: Metrics;
  private readonly counters: ReadonlyMap<PlacementCount, Counter>;
  private readonly totals = new Map<PlacementCount, number>();

  constructor(metrics: Metrics) {
    this.metrics = metrics;
    const names = Object.entries(helps) as [PlacementCount, string][];
    this.counters = new Map(names.map(([name, help]) => [name, metrics.counter(metricOf(name), help)]));
    for (const [name] of names) this.totals.set(name, 0);
  }

  /** Counts up. */
  add(what: PlacementCount, by: number): void {
    if (by === 0) return;
    this.counters.get(what)?.add(by);
    this.totals.set(what, (this.totals.get(what) ?? 0) + by);
  }

  /** Registers the numbers of now. */
  watch(gauges: PlacementGauges): void {
    const { metrics } = this;
    metrics.gauge("usher_placement_shards_owned", "Shards that the table gives to this node", gauges.owned);
    metrics.gauge("usher_placement_shards_serving", "Shards that this node has claimed", gauges.serving);
    metrics.gauge("usher_placement_members", "Members as this node sees them", gauges.members);
    metrics.gauge("usher_placement_generation", "Generation of the shard table", gauges.generation);
    metrics.gauge("usher_placement_frozen", "1 while durable outputs are held back", gauges.frozen);
  }

  /** All totals since the start. */
  all(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.totals);
  }
}

function metricOf(name: PlacementCount): string {
  const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return `usher_placement_${snake}_total`;
}
