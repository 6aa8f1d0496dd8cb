/** What nodes say of themselves on `/metrics`, in the Prometheus text format. */

/** Metrics of several nodes, watched for a while. */
export interface WatchedMetrics {
  /** How much a counter has grown since the beginning, all nodes together. */
  grown(name: string): number;
  /** The highest value of a gauge at any node, of those that were looked at. */
  peak(name: string): number;
}

const lookMs = 1000;

/** Begins to look once a second. */
export async function watchMetrics(
  ports: readonly number[],
): Promise<{ read(): Promise<WatchedMetrics>; stop(): void }> {
  const first = await Promise.all(ports.map((port) => scrape(port)));
  const peaks = new Map<string, number>();
  const look = async (): Promise<ReadonlyMap<string, number>[]> => {
    const now = await Promise.all(ports.map((port) => scrape(port)));
    for (const values of now)
      for (const [name, value] of values) peaks.set(name, Math.max(peaks.get(name) ?? value, value));
    return now;
  };
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    // A node that is too busy to answer is looked at again a second later.
    look()
      .catch(() => undefined)
      .finally(() => {
        looking = false;
      });
  }, lookMs);
  return {
    async read() {
      const last = await look();
      const sum = (of: readonly ReadonlyMap<string, number>[], name: string): number =>
        of.reduce((total, values) => total + (values.get(name) ?? 0), 0);
      return {
        grown: (name) => sum(last, name) - sum(first, name),
        peak: (name) => peaks.get(name) ?? 0,
      };
    },
    stop: () => clearInterval(timer),
  };
}

/** Values without labels, by name. */
async function scrape(port: number): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const text = await response.text();
  return new Map(
    [...text.matchAll(/^(\w+) ([\d.e+-]+)$/gm)].map(([, name = "", value]) => [name, Number(value)]),
  );
}
