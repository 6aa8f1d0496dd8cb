import type { Fault } from "../faults.ts";
import { usualSettings, type Settings } from "../settings.ts";

/** A named kind of run: what it shows, what it changes of the usual settings, and what goes wrong in it. */
export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly settings: Partial<Settings>;
  /** Faults, given the settings as they are in the end; `kill` is how many nodes go, where that means something. */
  faults(settings: Settings, kill: number): readonly Fault[];
}

/** The settings of one run of a scenario. */
export function settingsOf(
  scenario: Scenario,
  given: Partial<Settings>,
  seed: number,
  kill: number,
): Settings {
  const base = {
    ...usualSettings,
    ...scenario.settings,
    ...given,
    scenario: scenario.name,
    seed,
    faults: [],
  };
  return { ...base, faults: scenario.faults(base, kill) };
}
