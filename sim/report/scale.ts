/** Scales of charts: from values to places, and the round values that an axis names. Pure. */

/** From values to [0, 1], and the ticks to be drawn. */
export interface Scale {
  readonly ticks: readonly number[];
  place(value: number): number;
}

/** About that many round steps (1, 2 or 5 times a power of ten) from 0 to at least `max`. */
export function linearScale(max: number, steps = 4): Scale {
  const top = max > 0 ? max : 1;
  const step = roundUp(top / steps);
  const end = Math.ceil(top / step - 1e-9) * step;
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, i) => i * step);
  return { ticks, place: (value) => value / end };
}

/** Powers of ten around `min` and `max`; for values above 0. What is below the first tick lies on it. */
export function logScale(min: number, max: number): Scale {
  const low = Math.floor(Math.log10(Math.max(min, 1e-3)) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(max, 1e-3)) - 1e-9));
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  return { ticks, place: (value) => clamp((Math.log10(Math.max(value, 1e-9)) - low) / (high - low)) };
}

/** Seconds from 0 to exactly `end`, with ticks at round times. */
export function timeScale(end: number, steps = 10): Scale {
  const step = timeSteps.find((one) => end / one <= steps) ?? Math.ceil(end / steps / 600) * 600;
  const ticks = Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => i * step);
  return { ticks, place: (value) => clamp(end > 0 ? value / end : 0) };
}

/** A number for people: `0.25`, `17`, `1.2 k`, `3.4 M`. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${trimmed(value / 1e6)} M`;
  if (size >= 1e4) return `${trimmed(value / 1e3)} k`;
  if (size >= 1000) return String(Math.round(value));
  return trimmed(value);
}

/** A duration in milliseconds for people: `0.4 ms`, `250 ms`, `1.5 s`, `3 min`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${trimmed(ms)} ms`;
  if (ms < 120_000) return `${trimmed(ms / 1000)} s`;
  return `${trimmed(ms / 60_000)} min`;
}

const timeSteps = [0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600];

function trimmed(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((one) => one * power >= value * (1 - 1e-9)) ?? 10;
  // Counts have no tenths.
  return Math.max(factor * power, 1e-6);
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
