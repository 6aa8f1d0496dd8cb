/** A figure over all rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Median and extremes; all 0 without values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? 0;
  const high = sorted[Math.floor(middle)] ?? low;
  return { median: round((low + high) / 2), min: round(sorted[0] ?? 0), max: round(sorted.at(-1) ?? 0) };
}

/** Three digits after the point are enough for whatever is measured here. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** A figure as tables show it: three digits that mean something, whole numbers whole. */
export function rounded(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toString();
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
}
