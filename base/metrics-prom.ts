import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { Metrics } from "./metrics.ts";

/** Metrics that Prometheus can scrape. */
export interface PromMetrics extends Metrics {
  /** The text exposition format of everything counted so far. */
  scrape(): Promise<{ contentType: string; body: string }>;
}

/** A registry of its own, with Node's process metrics (CPU, memory, loop delay) in it. */
export function promMetrics(): PromMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map<string, Counter>();
  const gauges: Gauge[] = [];
  const histograms = new Map<string, Histogram>();
  return {
    counter(name, help, labels = {}) {
      let counter = counters.get(name);
      if (counter === undefined) {
        counter = new Counter({ name, help, labelNames: Object.keys(labels), registers: [registry] });
        counters.set(name, counter);
      }
      const child = counter.labels({ ...labels });
      return { add: (count = 1) => child.inc(count) };
    },
    histogram(name, help, buckets) {
      let histogram = histograms.get(name);
      if (histogram === undefined) {
        histogram = new Histogram({ name, help, buckets: [...buckets], registers: [registry] });
        histograms.set(name, histogram);
      }
      return histogram;
    },
    gauge(name, help, read) {
      gauges.push(
        new Gauge({
          name,
          help,
          registers: [registry],
          collect() {
            this.set(read());
          },
        }),
      );
    },
    scrape: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
