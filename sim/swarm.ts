/**
 * Swarm testing (Groce et al., 2012): each seed draws its own world and its own schedule, with random classes of faults
 * switched off, so that some seeds meet combinations that a uniform mix would drown.
 */
import { faultKinds, type Fault, type FaultKind } from "./faults.ts";
import { usualSettings, type Settings } from "./settings.ts";
import { Stream } from "./world/chance.ts";

const chaosSeconds = 40;
const mostFaults = 14;
const endings: ReadonlySet<FaultKind> = new Set(["crash", "power-loss", "leave", "pause", "partition"]);

/** The settings of one seed. */
export function swarmSettings(seed: number, given: Partial<Settings>): Settings {
  const chance = new Stream(seed, "swarm/world");
  const base: Settings = {
    ...usualSettings,
    scenario: "swarm",
    seed,
    nodes: 2 + chance.below(4),
    users: 10 + chance.below(30),
    agents: 2 + chance.below(5),
    desks: 1 + chance.below(3),
    capacity: 2 + chance.below(8),
    shards: [8, 32, 64][chance.below(3)] ?? 32,
    seconds: chaosSeconds,
    thinkMs: 600 + chance.below(3000),
    costs: chance.next() < 0.5,
    direct: chance.next() < 0.3,
    faults: [],
    ...given,
  };
  return { ...base, faults: scheduleOf(base) };
}

/** A random schedule: which kinds are on, then what happens when. Each fault is decided by its own place. */
function scheduleOf({ seed, nodes, seconds }: Settings): readonly Fault[] {
  const classes = new Stream(seed, "swarm/classes");
  const on = faultKinds.filter(() => classes.next() < 0.35);
  if (on.length === 0) return [];
  // Where owners end, the store forgets nothing: what neither remembers is not promised.
  const forgets = !on.some((kind) => endings.has(kind));
  const count = 1 + classes.below(mostFaults);
  return Array.from({ length: count }, (_, i) => {
    const chance = new Stream(seed, `swarm/fault/${i}`);
    const kind = on[chance.below(on.length)] ?? "pause";
    const fault = faultOf(kind, Math.floor(chance.next() * seconds * 900), nodes, chance);
    return kind === "store-failover" && !forgets ? { ...fault, value: 0 } : fault;
  }).sort((a, b) => a.at - b.at);
}

function faultOf(kind: FaultKind, at: number, nodes: number, chance: Stream): Fault {
  const node = `n${1 + chance.below(nodes)}`;
  const lasts = 200 + Math.floor(chance.exponential(6000));
  const way = wayOf(node, nodes, chance);
  const between = (low: number, high: number): number =>
    Math.round((low + chance.next() * (high - low)) * 1000) / 1000;
  switch (kind) {
    case "crash":
    case "power-loss":
    case "pause":
    case "leave":
      return { at, kind, target: node, for: lasts };
    case "partition":
      return { at, kind, target: way, for: lasts };
    case "delay":
      return { at, kind, target: way, for: lasts, value: between(5, 3000) * (chance.next() < 0.25 ? 5 : 1) };
    case "loss":
    case "duplicate":
      return { at, kind, target: way, for: lasts, value: between(0.01, 0.6) };
    case "bus-down":
      return { at, kind, target: "bus", for: lasts };
    case "kv-deaf":
      return { at, kind, target: chance.next() < 0.3 ? "*" : node, for: 0 };
    case "kv-empty":
      return { at, kind, target: "bus", for: 0 };
    case "kv-old":
      return { at, kind, target: "bus", for: lasts };
    case "kv-false-winners":
      return { at, kind, target: "bus", for: lasts, value: between(0.1, 1) };
    case "store-down":
      return { at, kind, target: "store", for: lasts };
    case "store-failover":
      return { at, kind, target: "store", for: Math.min(lasts, 4000), value: Math.floor(between(0, 400)) };
    case "clock-rate":
      return { at, kind, target: node, for: lasts, value: between(0.97, 1.03) };
    case "wall-jump":
      return { at, kind, target: node, for: 0, value: Math.floor(between(-3_600_000, 3_600_000)) };
    case "cut-sockets":
      return { at, kind, target: chance.next() < 0.3 ? "*" : node, for: 0, value: between(0.1, 1) };
    case "network-switch":
      return { at, kind, target: "clients", for: 0, value: between(0.05, 0.6) };
  }
}

/** Between two nodes, or from a node to what it stands on, in one direction or both. */
function wayOf(node: string, nodes: number, chance: Stream): string {
  const others = ["bus", "store", `n${1 + chance.below(nodes)}`, "clients"];
  const other = others[chance.below(others.length)] ?? "bus";
  const lot = chance.next();
  return lot < 0.5 ? `${node}|${other}` : lot < 0.75 ? `${node}>${other}` : `${other}>${node}`;
}
