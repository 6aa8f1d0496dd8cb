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
    about: "nodes die at once and all their users come back (--kill N nodes, --users, --nodes)",
    settings: {
      nodes: 4,
      users: 400,
      agents: 12,
      talking: 0.05,
      human: 0.05,
      seconds: 60,
      shards: 256,
      admit: 500,
    },
    faults: (_settings, kill) =>
      many(kill, (i) => ({ at: 10_000, kind: "crash", target: `n${i + 1}`, for: 0 })),
  },
  {
    name: "partition",
    about: "a node is cut off from the bus, then from the store, then hears one peer no more",
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
    settings: { seconds: 60 },
    faults: () => [
      { at: 5000, kind: "store-down", target: "store", for: 4000 },
      { at: 20_000, kind: "store-failover", target: "store", for: 1500, value: 300 },
      { at: 40_000, kind: "store-failover", target: "store", for: 3000, value: 1000 },
    ],
  },
  {
    name: "rolling-deploy",
    about: "one node after the other is stopped as by SIGTERM and started again",
    settings: { seconds: 90 },
    faults: ({ nodes }) =>
      many(nodes, (i) => ({ at: 5000 + i * 25_000, kind: "leave", target: `n${i + 1}`, for: 2000 })),
  },
];

function many(count: number, make: (i: number) => Fault): Fault[] {
  return Array.from({ length: count }, (_, i) => make(i));
}
