import { statSync } from "node:fs";
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { Metrics } from "./metrics.ts";

/** Metrics that Prometheus can scrape. */
export interface PromMetrics extends Metrics {
  /** The text exposition format of everything counted so far. */
  scrape(): Promise<{ contentType: string; body: string }>;
}

/**
 * Left out of the package's figures. Its monitor of the loop's delay wakes a node a hundred times a second, or else counts
 * its own interval as delay; `usher_loop_lag_ms` says the same. Its counts of handles, of what keeps the process alive and
 * of open files make a list of all of them at each scrape, 30 ms with 15,000 connections in which a node does nothing else.
 */
const leftOut = [
  ...["min", "max", "mean", "stddev", "p50", "p90", "p99"].map(
    (part) => `nodejs_eventloop_lag_${part}_seconds`,
  ),
  ...["handles", "requests", "resources"].flatMap((kind) => [
    `nodejs_active_${kind}`,
    `nodejs_active_${kind}_total`,
  ]),
  "process_open_fds",
];
const neverMs = 24 * 3600_000;

/** What was counted under one name: counting is adding to a number, the package hears of it when somebody asks. */
class Counted {
  readonly #children = new Map<string, { readonly labels: Record<string, string>; total: number }>();

  constructor(name: string, help: string, labelNames: string[], registry: Registry) {
    const children = this.#children;
    void new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, total } of children.values()) this.inc(labels, total);
      },
    });
  }

  child(labels: Readonly<Record<string, string>>): { add(count?: number): void } {
    const key = JSON.stringify(Object.entries(labels));
    const child = this.#children.get(key) ?? { labels: { ...labels }, total: 0 };
    this.#children.set(key, child);
    return { add: (count = 1) => void (child.total += count) };
  }
}

/** A registry of its own, with Node's process metrics (CPU, memory, loop delay) in it. */
export function promMetrics(): PromMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: neverMs });
  for (const name of leftOut) registry.removeSingleMetric(name);
  const counters = new Map<string, Counted>();
  const gauge: Metrics["gauge"] = (name, help, read) =>
    void new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  if (openFiles() > 0) gauge("process_open_fds", "Number of open file descriptors.", openFiles);
  const histograms = new Map<string, Histogram>();
  return {
    counter(name, help, labels = {}) {
      let counter = counters.get(name);
      if (counter === undefined) {
        counter = new Counted(name, help, Object.keys(labels), registry);
        counters.set(name, counter);
      }
      return counter.child(labels);
    },
    histogram(name, help, buckets) {
      let histogram = histograms.get(name);
      if (histogram === undefined) {
        histogram = new Histogram({ name, help, buckets: [...buckets], registers: [registry] });
        histograms.set(name, histogram);
      }
      return histogram;
    },
    gauge,
    scrape: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

/** How many files the process has open; 0 where the system does not tell without a list of them (Linux before 6.2). */
function openFiles(): number {
  return statSync("/proc/self/fd", { throwIfNoEntry: false })?.size ?? 0;
}
