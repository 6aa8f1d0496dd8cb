/**
 * Makes a failing schedule smaller: delta debugging (Zeller and Hildebrandt, 2002) over the faults, then shorter and
 * milder ones. A fault's fate does not depend on the others, so what remains still means what it meant.
 */
import type { Fault } from "./faults.ts";
import type { Settings } from "./settings.ts";

/** Tells whether a run with these settings still fails in the same way. */
export type StillFails = (settings: Settings) => Promise<boolean>;

/** The smallest schedule found that still fails. */
export async function shrink(settings: Settings, stillFails: StillFails): Promise<Settings> {
  let { faults } = settings;
  const fails = (fewer: readonly Fault[]): Promise<boolean> => stillFails({ ...settings, faults: fewer });
  for (let size = Math.ceil(faults.length / 2); size >= 1;) {
    let removed = false;
    for (let start = 0; start < faults.length;) {
      const fewer = faults.filter((_, i) => i < start || i >= start + size);
      if (await fails(fewer)) {
        faults = fewer;
        removed = true;
      } else start += size;
    }
    if (size > 1) size = Math.ceil(size / 2);
    else if (!removed) break;
  }
  for (let i = 0; i < faults.length; i++) {
    for (let fault = faults[i]; fault !== undefined && fault.for > shortestMs;) {
      const shorter = { ...fault, for: Math.floor(fault.for / 2) };
      const fewer = faults.with(i, shorter);
      if (!(await fails(fewer))) break;
      faults = fewer;
      fault = shorter;
    }
  }
  return { ...settings, faults };
}

const shortestMs = 250;
