/**
 * A storm: who comes and goes when, and which nodes end, as data that the simulator replays. Made from a recording.
 * What the ending of a node explains is left to that fault: its clients come back by themselves, with the SDK's backoff.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { messageOf } from "../../base/errors.ts";
import type { Fault } from "../faults.ts";
import { findLives, lifeOf, type Life } from "./lives.ts";
import type { Recording } from "./read-logs.ts";
import { findVisits, type Visit, type Visitor } from "./visits.ts";

/** One thing that a device does; times in milliseconds of the storm. */
export type Step =
  /** Comes, or its connection breaks and it comes back; to that node if it can, n1 being 1. */
  | { readonly at: number; readonly what: "come" | "cut"; readonly node: number }
  /** Is without a network for so long. */
  | { readonly at: number; readonly what: "away"; readonly forMs: number; readonly node: number }
  /** Closes the page, for good. */
  | { readonly at: number; readonly what: "go" };

/** A device of a storm. */
export interface StormDevice {
  readonly role: "visitor" | "agent";
  readonly steps: readonly Step[];
}

/** A storm. */
export interface Storm {
  readonly storm: 1;
  /** The recorded nodes: the i-th is simulated as `n<i + 1>`. */
  readonly nodes: readonly string[];
  readonly seconds: number;
  /** Attaches and resumes that were recorded. */
  readonly attaches: number;
  readonly devices: readonly StormDevice[];
  readonly faults: readonly Fault[];
}

/** Who is away for longer than the SDK's longest pause did not just reconnect. */
const returnWithinMs = 45_000;
/** Those who were there when the recording began come first, so many a second. */
const leadPerSecond = 200;
const leadLeastMs = 5000;
/** After the last line people stay for a while. */
const tailMs = 10_000;
/** Those whose node died so shortly before the end may still have been on their way back. */
const awaitedMs = 60_000;

/** Makes a storm. @throws Error when nothing was recorded */
export function stormOf(recording: Recording): Storm {
  const { entries } = recording;
  const [first] = entries;
  const last = entries.at(-1);
  if (first === undefined || last === undefined) throw new Error("nothing was recorded in that time");
  const visitors = findVisits(recording);
  const lives = findLives(entries, visitors);
  const named = [...entries, ...recording.before.values()].map(({ node }) => node);
  const nodes = [...new Set(named)].sort((a, b) => (a < b ? -1 : 1));
  const present = visitors.filter(({ visits }) => visits[0]?.from === -Infinity).length;
  const leadMs = present === 0 ? 0 : Math.max(leadLeastMs, (present / leadPerSecond) * 1000);
  // An attach that is in the log began before it was written.
  const zero = Math.min(first.at, earliestComing(visitors)) - leadMs;
  const scene = { zero, lives, nodes, end: last.at };
  let came = 0;
  return {
    storm: 1,
    nodes,
    seconds: Math.ceil((last.at - zero + tailMs) / 1000),
    attaches: entries.filter(({ event }) => event === "attach" || event === "resume").length,
    devices: visitors.map((visitor) => {
      const { role, visits } = visitor;
      const waits = visits[0]?.from === -Infinity ? (leadMs * came++) / present : 0;
      return { role: role === "visitor" ? "visitor" : "agent", steps: stepsOf(visitor, scene, waits) };
    }),
    faults: lives.flatMap((life) => faultsOf(life, scene)).sort((a, b) => a.at - b.at),
  };
}

/** Reads a storm that was written. @throws Error when the file holds none */
export function readStorm(path: string): Storm {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Error(`${path}: ${messageOf(error)}`, { cause: error });
  }
  const known = typeof value === "object" && value !== null && "storm" in value && value.storm === 1;
  if (!known) throw new Error(`${path} holds no storm; npm run -s sim -- import LOG... --out FILE makes one`);
  return value as Storm;
}

/** Writes a storm. */
export function writeStorm(path: string, storm: Storm): void {
  writeFileSync(path, `${JSON.stringify(storm)}\n`);
}

interface Scene {
  /** Wall time at which the storm begins. */
  readonly zero: number;
  readonly lives: readonly Life[];
  readonly nodes: readonly string[];
  /** Wall time of the last line. */
  readonly end: number;
}

function earliestComing(visitors: readonly Visitor[]): number {
  let earliest = Infinity;
  for (const { visits } of visitors)
    for (const { from } of visits) if (from > -Infinity && from < earliest) earliest = from;
  return earliest;
}

function stepsOf({ role, visits }: Visitor, scene: Scene, waitsMs: number): Step[] {
  const steps: Step[] = [];
  const time = (wall: number): number => Math.max(0, Math.round(wall - scene.zero));
  const number = ({ node }: Visit): number => scene.nodes.indexOf(node) + 1;
  let there = false;
  for (const [i, visit] of visits.entries()) {
    const next = visits[i + 1];
    if (!there) {
      const at = visit.from === -Infinity ? Math.round(waitsMs) : time(visit.from);
      steps.push({ at, what: "come", node: number(visit) });
    }
    there = true;
    const { until } = visit;
    const begun = next === undefined ? Infinity : next.from;
    if (next === undefined && (explained(visit, scene) ? awaited(visit, scene) : until === Infinity)) break;
    if (begun - until <= returnWithinMs && next !== undefined) {
      if (!explained(visit, scene)) steps.push({ at: time(until), what: "cut", node: number(next) });
    } else if (role !== "visitor" || next?.resumed === true) {
      const back = next === undefined ? scene.end + tailMs : begun;
      const at = Math.min(until, scene.end);
      const node = number(next ?? visit);
      steps.push({ at: time(at), what: "away", forMs: Math.round(Math.max(0, back - at)), node });
    } else {
      steps.push({ at: time(Math.min(until, endOf(visit, scene))), what: "go" });
      there = false;
    }
  }
  return steps;
}

/** Whether the end of its node is what ended a visit. */
function explained(visit: Visit, { lives }: Scene): boolean {
  const life = lifeOf(lives, visit);
  if (life === undefined) return false;
  if (life.crashAt !== undefined) return visit.cause === "" || visit.until >= life.crashAt;
  return life.stopAt !== undefined && visit.until >= life.stopAt;
}

/** Whether its node ended so shortly before the end that the device may still have been on its way back. */
function awaited(visit: Visit, scene: Scene): boolean {
  return endOf(visit, scene) > scene.end - awaitedMs;
}

function endOf(visit: Visit, { lives }: Scene): number {
  const life = lifeOf(lives, visit);
  return life?.crashAt ?? life?.stopAt ?? Infinity;
}

function faultsOf({ node, last, stopAt, crashAt, backAt }: Life, { zero, nodes, end }: Scene): Fault[] {
  const target = `n${nodes.indexOf(node) + 1}`;
  if (stopAt !== undefined) {
    const downMs = Math.max(0, (backAt ?? end + tailMs) - Math.max(last, stopAt));
    return [{ at: Math.round(stopAt - zero), kind: "leave", target, for: Math.max(1, Math.round(downMs)) }];
  }
  if (crashAt === undefined) return [];
  const lasts = backAt === undefined ? 0 : Math.max(1, Math.round(backAt - crashAt));
  return [{ at: Math.round(crashAt - zero), kind: "crash", target, for: lasts }];
}
