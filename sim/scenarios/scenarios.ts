import type { Fault } from "../faults.ts";
import type { Scenario } from "./scenario.ts";

/** All scenarios, in the order of `list`. */
export const scenarios: readonly Scenario[] = [
  {
    name: "calm",
    about: "people talk, nothing goes wrong",
    settings: { seconds: 30 },
    faults: () => [],
  },
  {
    name: "reconnect-storm",
    about: "nodes or a zone die, or a gateway cuts everybody's connections, and all come back at once",
    flags: "--kill 1, or --zone K (of --zones 2), or --gateway (refusing for --gateway-back 0 ms)",
    settings: {
      nodes: 4,
      zones: 2,
      users: 400,
      agents: 12,
      talking: 0.05,
      human: 0.05,
      shards: 256,
      admit: 1000,
      earlier: "stored",
      // As usual support does; nobody's silence ends a conversation within a run.
      idleMs: 1_800_000,
    },
    // A crowd comes no faster than the nodes let it in. With the start of the nodes a run lasts two minutes at least.
    sized: ({ users, nodes, admit }) => {
      const arriveSeconds = Math.max(5, users / (nodes * admit * 0.8));
      return { arriveSeconds, seconds: Math.max(60, 115 - arriveSeconds) };
    },
    faults: ({ kill, zone, gateway, gatewayBackMs }) => {
      if (gateway) return [{ at: 10_000, kind: "cut-sockets", target: "*", for: gatewayBackMs, value: 1 }];
      // Whoever was connected to a zone without power hears nothing: only heartbeats tell.
      if (zone > 0) return [{ at: 10_000, kind: "power-loss", target: `z${zone}`, for: 0 }];
      return many(kill, (i) => ({ at: 10_000, kind: "crash", target: `n${i + 1}`, for: 0 }));
    },
  },
  {
    name: "partition",
    about: "a node is cut off from the bus, then from the store, then hears one peer no more",
    flags: "--for 12, 10, 10 (s, each)",
    settings: { seconds: 60 },
    faults: () => [
      { at: 5000, kind: "partition", target: "n1|bus", for: 12_000 },
      { at: 25_000, kind: "partition", target: "n2|store", for: 10_000 },
      { at: 40_000, kind: "partition", target: "n3>n1", for: 10_000 },
    ],
  },
  {
    name: "zombie",
    about: "nodes stand still for longer than their lease and go on as if nothing had been",
    flags: "--for 6, 12, 30 (s, each)",
    settings: { seconds: 60 },
    faults: () => [
      { at: 5000, kind: "pause", target: "n1", for: 6000 },
      { at: 20_000, kind: "pause", target: "n2", for: 12_000 },
      { at: 40_000, kind: "pause", target: "n3", for: 30_000 },
    ],
  },
  {
    name: "store-failover",
    about: "the store is away, then a replica takes over that lacks the last writes, twice",
    flags: "--for 4, 1.5, 3 (s, each), --lag 300, 1000 (ms that the replica lacks)",
    settings: { seconds: 60 },
    faults: ({ lagMs }) => [
      { at: 5000, kind: "store-down", target: "store", for: 4000 },
      { at: 20_000, kind: "store-failover", target: "store", for: 1500, value: lagMs || 300 },
      { at: 40_000, kind: "store-failover", target: "store", for: 3000, value: lagMs || 1000 },
    ],
  },
  {
    name: "rolling-deploy",
    about: "one node after the other is stopped as by SIGTERM and started again",
    flags:
      "--nodes, --every 25 (s; less if the --seconds have no room for all), --for 2 (s, from stop to start)",
    settings: { seconds: 90 },
    faults: ({ nodes, seconds, everySeconds }) => {
      const everyMs = 1000 * (everySeconds || Math.min(25, (seconds - 10) / nodes));
      return many(nodes, (i) => ({ at: 5000 + i * everyMs, kind: "leave", target: `n${i + 1}`, for: 2000 }));
    },
  },
  {
    name: "agent-shift-change",
    about: "the early half of the agents hands its chats over and goes, the late half comes",
    flags:
      "--shift-at 20 (s), --overlap 0 (s; --overlap=-10: nobody is there for 10 s), --walk-out 0.3, --agents",
    settings: { users: 60, agents: 12, seconds: 60, human: 1, shiftAt: 20, walkOut: 0.3 },
    faults: () => [],
  },
  {
    name: "flash-sale",
    about: "for a while twenty times as many customers come, and all want a person",
    flags:
      "--surge 20, --surge-at 10 and --surge-for 8 (s), --admit 10 (per second and node), --agents 10, --closes 0.3",
    settings: {
      users: 600,
      agents: 10,
      desks: 3,
      human: 1,
      admit: 10,
      surge: 20,
      surgeAt: 10,
      surgeFor: 8,
      closes: 0.3,
      returning: 0,
      seconds: 90,
    },
    faults: () => [],
  },
  {
    name: "million-group",
    about: "a group of a million of whom some are online; its founder and a few talk, a node dies meanwhile",
    flags:
      "--members 1000000, --users 600 (of them online), --talking 0.005, --think 1000, --kill 1, --for 5 (s)",
    settings: { members: 1_000_000, users: 600, agents: 0, talking: 0.005, thinkMs: 1000, seconds: 40 },
    faults: ({ kill }) => many(kill, (i) => ({ at: 15_000, kind: "crash", target: `n${i + 1}`, for: 5000 })),
  },
];

function many(count: number, make: (i: number) => Fault): Fault[] {
  return Array.from({ length: count }, (_, i) => make(i));
}
