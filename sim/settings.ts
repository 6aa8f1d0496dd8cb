/** What a run is made from: everything that the command line can set, and nothing else but the code. */
import type { Fault } from "./faults.ts";
import type { Storm } from "./import/storm.ts";

/** The parameters of a run. */
export interface Settings {
  readonly scenario: string;
  readonly seed: number;
  readonly nodes: number;
  /** Zones that the nodes are spread over in turn: `n1` stands in `z1`, `n2` in `z2`. */
  readonly zones: number;
  readonly users: number;
  readonly agents: number;
  readonly desks: number;
  readonly shards: number;
  /** Servers that share the store, as the masters of a Redis Cluster do; 1: it is one server. */
  readonly masters: number;
  /** How long the store takes to make the writes of one call durable, in milliseconds; calls wait for one another. */
  readonly syncMs: number;
  /** Length of the chaos. */
  readonly seconds: number;
  /** Everything has to be well again this long after the last fault. */
  readonly convergeSeconds: number;
  /** Users arrive spread over this time; with a surge they go on arriving until the end of the chaos. */
  readonly arriveSeconds: number;
  /** For a while so many times as many users arrive as else; 1: no surge. */
  readonly surge: number;
  /** When the surge begins, in seconds of the chaos, and how long it lasts. */
  readonly surgeAt: number;
  readonly surgeFor: number;
  /**
   * Where the first conversation of those who talk to the robot comes from: they open it in the run, or it is in the store
   * from the beginning.
   */
  readonly earlier: "made" | "stored";
  /** Share of the users that goes on talking; the others opened a conversation once. */
  readonly talking: number;
  /** Share of the users that asks for a person; the others talk to the robot. */
  readonly human: number;
  /** Mean time between two messages of one who talks. */
  readonly thinkMs: number;
  /** Share of the customers who send several messages back to back, and then think for longer. */
  readonly bursts: number;
  /** Share of the customers' messages that an agent answers by ending the conversation. */
  readonly closes: number;
  /** Share of the customers who begin another conversation when theirs has ended. */
  readonly returning: number;
  /** Share of the customers whose tab goes to the background now and then. */
  readonly background: number;
  /** Share of the customers who change their network now and then. */
  readonly mobile: number;
  /** Share of the customers who close the page now and then and open it again. */
  readonly reloads: number;
  /** Seconds of the chaos after which the early half of the agents goes; 0: nobody does. */
  readonly shiftAt: number;
  /** Seconds for which the late half is there together with the early one; less than 0: between them nobody is. */
  readonly overlap: number;
  /** Share of the early half that closes the browser and hands nothing over. */
  readonly walkOut: number;
  /** Members of one large group, of whom the users are those that are online; 0: the users are customers. */
  readonly members: number;
  /** Each agent's chats at a time. */
  readonly capacity: number;
  /** Silence after which a conversation is told that it will end. */
  readonly idleMs: number;
  /** An agent without a device for so long is away. */
  readonly graceMs: number;
  /** Connections admitted per second and node. */
  readonly admit: number;
  /** Whether work takes time. */
  readonly costs: boolean;
  /** Whether clients prefer their session's owner. */
  readonly direct: boolean;
  /** How long each of the scenario's faults lasts, in seconds; 0: as long as the scenario has it. */
  readonly faultSeconds: number;
  /** Seconds from one node to the next where they go one after the other; 0: as the chaos has room for all. */
  readonly everySeconds: number;
  /** What a replica of the store lacks when it takes over, in milliseconds. */
  readonly lagMs: number;
  /** Nodes that die in a scenario whose nodes die. */
  readonly kill: number;
  /** The zone that dies instead of them; 0 for none. */
  readonly zone: number;
  /** Whether a gateway cuts everybody's connections instead, and how long it then takes nobody. */
  readonly gateway: boolean;
  readonly gatewayBackMs: number;
  /** A bug that is planted on purpose; empty for none. */
  readonly plant: string;
  readonly faults: readonly Fault[];
  /** People come and go as was recorded, instead of as the other settings say. */
  readonly storm?: Storm;
}

/** The values of a small run; scenarios change some of them. */
export const usualSettings: Omit<Settings, "scenario" | "seed" | "faults"> = {
  nodes: 3,
  zones: 1,
  users: 40,
  agents: 6,
  desks: 2,
  shards: 64,
  masters: 1,
  syncMs: 0,
  seconds: 60,
  convergeSeconds: 120,
  arriveSeconds: 5,
  surge: 1,
  earlier: "made",
  surgeAt: 0,
  surgeFor: 0,
  talking: 1,
  human: 0.7,
  thinkMs: 2500,
  bursts: 0.2,
  closes: 0.04,
  returning: 1,
  background: 0.1,
  mobile: 0.1,
  reloads: 0.1,
  shiftAt: 0,
  overlap: 0,
  walkOut: 0,
  members: 0,
  capacity: 8,
  idleMs: 600_000,
  graceMs: 20_000,
  admit: 200,
  costs: true,
  direct: false,
  faultSeconds: 0,
  everySeconds: 0,
  lagMs: 0,
  kill: 1,
  zone: 0,
  gateway: false,
  gatewayBackMs: 0,
  plant: "",
};
