import type { Settings } from "../settings.ts";

/** When an agent works, in seconds of the chaos. */
export interface Shift {
  readonly from: number;
  readonly until: number;
}

/** The shift of the i-th agent: the first half comes before all customers; with a change the others come for them. */
export function shiftOf({ agents, shiftAt, overlap }: Settings, i: number): Shift {
  if (shiftAt <= 0) return { from: -Infinity, until: Infinity };
  const early = i < Math.ceil(agents / 2);
  return early ? { from: -Infinity, until: shiftAt } : { from: shiftAt - overlap, until: Infinity };
}
