/**
 * Swarm testing (Groce et al., 2012): each seed draws its own world and its own schedule, with random classes of faults
 * switched off, so that some seeds meet combinations that a uniform mix would drown. Worlds and schedules are fast-check
 * arbitraries: a seed samples them, and a property test shrinks them.
 */
import * as fc from "fast-check";
import { unreachable } from "../base/assert.ts";
import { hash32 } from "../base/hash.ts";
import { faultKinds, type Fault, type FaultKind } from "./faults.ts";
import { usualSettings, type Settings } from "./settings.ts";

const chaosSeconds = 40;
/** Of these about a third are left when classes are switched off. */
const mostDrafts = 40;
const mostClasses = 12;
const mostOfMasters = 6;
const shortestMs = 200;
const meanMs = 6000;
const scale = 1000;
const endings: ReadonlySet<FaultKind> = new Set([
  "crash",
  "power-loss",
  "leave",
  "pause",
  "suspend",
  "partition",
]);

/** Where some masters may be away while others are there, they are so besides what else happens. */
const ofTheStore: readonly FaultKind[] = ["store-down", "store-silent", "store-failover"];

/** The settings of one seed. */
export function swarmSettings(seed: number, given: Partial<Settings>): Settings {
  const base: Settings = {
    ...usualSettings,
    scenario: "swarm",
    seed,
    seconds: chaosSeconds,
    ...sample(seed, "world", worldArbitrary),
    ...sample(seed, "pages", pagesArbitrary),
    ...given,
    faults: [],
  };
  return { ...base, faults: sample(seed, "schedule", scheduleArbitrary(base)) };
}

/** The worlds of the swarm. */
const worldArbitrary: fc.Arbitrary<Partial<Settings>> = fc.record({
  nodes: fc.integer({ min: 2, max: 5 }),
  users: fc.integer({ min: 10, max: 39 }),
  agents: fc.integer({ min: 2, max: 6 }),
  desks: fc.integer({ min: 1, max: 3 }),
  capacity: fc.integer({ min: 2, max: 9 }),
  shards: fc.constantFrom(8, 32, 64),
  masters: fc.constantFrom(1, 1, 3),
  syncMs: fc.constantFrom(usualSettings.syncMs, 5, 60),
  thinkMs: fc.integer({ min: 600, max: 3599 }),
  costs: fc.boolean(),
  direct: fc.nat({ max: 9 }).map((lot) => lot < 3),
  closes: fc.constantFrom(usualSettings.closes, 0.15, 0.4),
  background: fc.constantFrom(usualSettings.background, 0.5),
  mobile: fc.constantFrom(usualSettings.mobile, 0.6),
  idleMs: fc.oneof(fc.constant(usualSettings.idleMs), fc.integer({ min: 6000, max: 20_000 })),
  graceMs: fc.oneof(fc.constant(usualSettings.graceMs), fc.integer({ min: 2000, max: 10_000 })),
  bursts: fc.constantFrom(0, usualSettings.bursts, usualSettings.bursts, 0.6),
});

/** Drawn apart from the rest of the world, which stays as it was. */
const pagesArbitrary: fc.Arbitrary<Partial<Settings>> = fc.record({
  reloads: fc.constantFrom(0, usualSettings.reloads, 0.5),
});

/** What a fault is made from; which of it counts depends on the kind. */
interface Draft {
  readonly at: number;
  readonly kind: FaultKind;
  /** One of the nodes, or the one on which this schedule has an eye. */
  readonly node: number | "focus";
  readonly other: number | "bus" | "store" | "clients";
  readonly direction: "|" | ">" | "<";
  /** Quantile of its length, and where it stands between mild and strong. */
  readonly lasts: number;
  readonly strength: number;
  readonly extreme: boolean;
}

/**
 * The schedules that may strike a world of so many nodes within so many seconds of chaos. A schedule without one of its
 * faults is another one of them, and so is one with a shorter or milder fault.
 */
export function scheduleArbitrary({
  nodes,
  seconds,
  masters,
}: Pick<Settings, "nodes" | "seconds" | "masters">): fc.Arbitrary<readonly Fault[]> {
  const node = fc.nat({ max: nodes - 1 });
  const draftOf = (kinds: readonly FaultKind[]): fc.Arbitrary<Draft> =>
    fc.record({
      at: fc.nat({ max: seconds * 900 }),
      kind: fc.constantFrom(...kinds),
      node: fc.oneof(node, fc.constant("focus" as const)),
      other: fc.oneof(
        { weight: 2, arbitrary: node },
        { weight: 3, arbitrary: fc.constantFrom("bus" as const, "store" as const, "clients" as const) },
      ),
      direction: fc.constantFrom("|", "|", ">", "<"),
      lasts: fc.nat({ max: scale - 1 }),
      strength: fc.nat({ max: scale }),
      extreme: fc.nat({ max: 3 }).map((lot) => lot === 3),
    });
  const ofOneMaster = fc
    .tuple(fc.nat({ max: masters - 1 }), draftOf(ofTheStore))
    .map(([master, draft]) => ({ ...faultOf(draft, 0), target: `m${master + 1}` }));
  return fc
    .tuple(
      fc.subarray([...faultKinds], { minLength: 1, maxLength: mostClasses }),
      node,
      fc.array(draftOf(faultKinds), { minLength: 1, maxLength: mostDrafts, size: "max" }),
      fc.array(ofOneMaster, { maxLength: masters > 1 ? mostOfMasters : 0, size: "max" }),
    )
    .map(([on, focus, drafts, besides]) => {
      // Where owners end, the store forgets nothing: what neither remembers is not promised.
      const forgets = !on.some((kind) => endings.has(kind));
      return [...drafts.filter(({ kind }) => on.includes(kind)).map((one) => faultOf(one, focus)), ...besides]
        .map((fault) => (fault.kind === "store-failover" && !forgets ? { ...fault, value: 0 } : fault))
        .sort((a, b) => a.at - b.at);
    });
}

function faultOf(
  { at, kind, node, other, direction, lasts, strength, extreme }: Draft,
  focus: number,
): Fault {
  const nameOf = (index: number): string => `n${index + 1}`;
  const target = nameOf(node === "focus" ? focus : node);
  const far = typeof other === "number" ? nameOf(other) : other;
  const way = direction === "<" ? `${far}>${target}` : `${target}${direction}${far}`;
  const span = shortestMs + Math.floor(-meanMs * Math.log(1 - lasts / scale));
  const between = (low: number, high: number): number =>
    Math.round((low + (strength / scale) * (high - low)) * 1000) / 1000;
  switch (kind) {
    case "crash":
    case "power-loss":
    case "pause":
    case "suspend":
    case "leave":
      return { at, kind, target, for: span };
    case "partition":
      return { at, kind, target: way, for: span * (extreme ? 3 : 1) };
    case "delay":
      return { at, kind, target: way, for: span, value: between(5, 3000) * (extreme ? 5 : 1) };
    case "loss":
    case "duplicate":
      return { at, kind, target: way, for: span, value: between(0.01, 0.6) };
    case "bus-down":
      return { at, kind, target: "bus", for: span };
    case "kv-deaf":
      return { at, kind, target: extreme ? "*" : target, for: 0 };
    case "kv-empty":
      return { at, kind, target: "bus", for: 0 };
    case "kv-old":
      return { at, kind, target: "bus", for: span };
    case "kv-false-winners":
      return { at, kind, target: "bus", for: span, value: between(0.1, 1) };
    case "store-down":
    case "store-silent":
      return { at, kind, target: "store", for: span };
    case "store-failover":
      return { at, kind, target: "store", for: Math.min(span, 4000), value: Math.floor(between(0, 400)) };
    case "clock-rate":
      return { at, kind, target, for: span, value: between(0.97, 1.03) };
    case "wall-jump":
      return { at, kind, target, for: 0, value: Math.floor(between(-3_600_000, 3_600_000)) };
    case "cut-sockets":
      return { at, kind, target: extreme ? "*" : target, for: 0, value: between(0.1, 1) };
    case "network-switch":
      return { at, kind, target: "clients", for: 0, value: between(0.05, 0.6) };
    default:
      return unreachable(kind);
  }
}

/** The value that a seed has of an arbitrary: the same in every process. */
function sample<T>(seed: number, what: string, arbitrary: fc.Arbitrary<T>): T {
  const [value] = fc.sample(arbitrary, { seed: hash32(`${seed}/${what}`) | 0, numRuns: 1, unbiased: true });
  if (value === undefined) throw new Error("an arbitrary gave no value");
  return value;
}
