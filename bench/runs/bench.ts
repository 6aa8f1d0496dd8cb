import type { Integrity } from "../load/job.ts";
import type { Options } from "../options.ts";
import type { RunningSystem, SystemSpec, System } from "../systems/system.ts";

/** One bench: what it starts, what it does with each system, and which figures are compared. */
export interface Bench {
  readonly name: string;
  /** One line for --help. */
  readonly about: string;
  /** Usher first. */
  readonly systems: readonly System[];
  readonly spec: (options: Options) => SystemSpec;
  readonly round: (system: RunningSystem, context: RoundContext) => Promise<Round>;
  /** Ratios of Usher to each peer: their names, and the figure that each divides. */
  readonly ratios: Readonly<Record<string, string>>;
}

/** What a round knows beside the system. */
export interface RoundContext {
  readonly system: System;
  readonly options: Options;
  /** Says what happens, on standard error. */
  readonly say: (text: string) => void;
  /** Registers something to end when the round is over or interrupted. */
  readonly onStop: (stop: () => Promise<void>) => void;
}

/** What one round of one system measured. */
export interface Round {
  readonly figures: Readonly<Record<string, number>>;
  readonly integrity: Integrity;
}

/** What most benches start: nodes, with a CPU profile of each if one was asked for. */
export function nodesOf({ nodes, profile }: Options): SystemSpec {
  if (profile === "") return { nodes };
  return { nodes, env: { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` } };
}
