/** Counts up. */
export interface Counter {
  add(count?: number): void;
}

/** Records a distribution, in the unit its name ends with. */
export interface Histogram {
  observe(value: number): void;
}

/**
 * Where a node counts. Names are snake_case, start with `usher_` and end with their unit (Prometheus naming rules);
 * asking for the same name and labels again returns the same instrument.
 */
export interface Metrics {
  counter(name: string, help: string, labels?: Readonly<Record<string, string>>): Counter;
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  /** `read` is called when somebody looks. */
  gauge(name: string, help: string, read: () => number): void;
}

/** Counts nothing: for tests and tools. */
export function silentMetrics(): Metrics {
  return { counter: () => ({ add() {} }), histogram: () => ({ observe() {} }), gauge() {} };
}
