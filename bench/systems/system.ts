import type { LocalProcess } from "../../compose/local/process.ts";

/** A system under test that runs: its nodes and what they stand on, all on loopback. */
export interface RunningSystem {
  /** Where clients connect, one port per node. */
  readonly ports: readonly number[];
  readonly nodes: readonly LocalProcess[];
  readonly brokers: readonly LocalProcess[];
  /** Ends all of it. */
  stop(): Promise<void>;
}

/** How many nodes, and settings of Usher's that a bench needs. */
export interface SystemSpec {
  readonly nodes: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A system that can be measured. */
export interface System {
  readonly name: SystemName;
  /** One line that says why it cannot run here; undefined when it can. */
  readonly missing: () => string | undefined;
  readonly start: (spec: SystemSpec) => Promise<RunningSystem>;
}

/** The names under which results stand. */
export type SystemName = "usher" | "socketio-streams" | "socketio-pubsub" | "ceiling" | "ejabberd" | "nact";

/** Collects what was started, and ends it in the reverse order; also when a later start fails. */
export async function startTogether(
  build: (onStop: (stop: () => Promise<void>) => void) => Promise<Omit<RunningSystem, "stop">>,
): Promise<RunningSystem> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).toReversed()) await one();
  };
  try {
    return { ...(await build((one) => void stops.push(one))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
