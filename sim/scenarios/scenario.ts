import type { Fault } from "../faults.ts";
import { usualSettings, type Settings } from "../settings.ts";

/** A named kind of run: what it shows, what it changes of the usual settings, and what goes wrong in it. */
export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** The options that are its own, as `list` shows them, with their defaults. */
  readonly flags?: string;
  readonly settings: Partial<Settings>;
  /** Settings that follow from the others, unless they are given. */
  sized?(settings: Omit<Settings, "faults">): Partial<Settings>;
  /** Faults, given the settings as they are in the end. */
  faults(settings: Omit<Settings, "faults">): readonly Fault[];
}

/**
 * The settings of one run of a scenario: of its faults those that the chaos is long enough for, as long as is asked for.
 * @throws Error for settings that contradict each other
 */
export function settingsOf(scenario: Scenario, given: Partial<Settings>, seed: number): Settings {
  const plain = { ...usualSettings, ...scenario.settings, ...given, scenario: scenario.name, seed };
  const base = { ...plain, ...scenario.sized?.(plain), ...given };
  if (base.zone > base.zones) throw new Error(`there is no zone ${base.zone} of ${base.zones}`);
  if (base.members > 0 && base.members < base.users)
    throw new Error(`${base.users} users cannot be online of ${base.members} members`);
  const { faultSeconds, seconds } = base;
  const faults = scenario
    .faults(base)
    .filter(({ at }) => at < seconds * 1000)
    .map((fault) => (faultSeconds > 0 && fault.for > 0 ? { ...fault, for: faultSeconds * 1000 } : fault));
  return { ...base, faults };
}
