/** What a run is made from: everything that the command line can set, and nothing else but the code. */
import type { Fault } from "./faults.ts";

/** The parameters of a run. */
export interface Settings {
  readonly scenario: string;
  readonly seed: number;
  readonly nodes: number;
  readonly users: number;
  readonly agents: number;
  readonly desks: number;
  readonly shards: number;
  /** Length of the chaos. */
  readonly seconds: number;
  /** Everything has to be well again this long after the last fault. */
  readonly convergeSeconds: number;
  /** Users arrive spread over this time. */
  readonly arriveSeconds: number;
  /** Share of the users that goes on talking; the others opened a conversation once. */
  readonly talking: number;
  /** Share of the users that asks for a person; the others talk to the robot. */
  readonly human: number;
  /** Mean time between two messages of one who talks. */
  readonly thinkMs: number;
  /** Each agent's chats at a time. */
  readonly capacity: number;
  /** Connections admitted per second and node. */
  readonly admit: number;
  /** Whether work takes time. */
  readonly costs: boolean;
  /** Whether clients prefer their session's owner. */
  readonly direct: boolean;
  /** A bug that is planted on purpose; empty for none. */
  readonly plant: string;
  readonly faults: readonly Fault[];
}

/** The values of a small run; scenarios change some of them. */
export const usualSettings: Omit<Settings, "scenario" | "seed" | "faults"> = {
  nodes: 3,
  users: 40,
  agents: 6,
  desks: 2,
  shards: 64,
  seconds: 60,
  convergeSeconds: 120,
  arriveSeconds: 5,
  talking: 1,
  human: 0.7,
  thinkMs: 2500,
  capacity: 8,
  admit: 200,
  costs: true,
  direct: false,
  plant: "",
};
