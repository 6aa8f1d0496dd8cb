/** Latencies in buckets that grow by 2 %: cheap to add to, good enough for percentiles, easy to merge. */
export class Histogram {
  readonly counts: number[];

  /** @param counts of another process */
  constructor(counts: readonly number[] = []) {
    this.counts = Array.from({ length: buckets }, (_, i) => counts[i] ?? 0);
  }

  /** Adds one value in milliseconds. */
  add(ms: number): void {
    const at = Math.ceil(Math.log(Math.max(ms, leastMs) / leastMs) / step);
    const bucket = Math.min(buckets - 1, at);
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
  }

  /** The value below which this share of all values lies, in milliseconds; 0 without values. */
  percentile(share: number): number {
    const total = this.counts.reduce((sum, count) => sum + count, 0);
    let seen = 0;
    for (const [i, count] of this.counts.entries()) {
      seen += count;
      if (total > 0 && seen >= total * share) return leastMs * Math.exp(i * step);
    }
    return 0;
  }

  /** Adds all values of another one. */
  merge(counts: readonly number[]): void {
    for (const [i, count] of counts.entries()) this.counts[i] = (this.counts[i] ?? 0) + count;
  }
}

const leastMs = 0.05;
const step = Math.log(1.02);
/** Up to ten minutes. */
const buckets = Math.ceil(Math.log(600_000 / leastMs) / step) + 1;
