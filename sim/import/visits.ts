/** Finds in a recording when each device was where, and how that ended. */
import { closeCodes } from "../../protocol/codes.ts";
import type { Entry } from "./entry.ts";
import type { Recording } from "./read-logs.ts";

/** One time for which a device was attached. */
export interface Visit {
  readonly node: string;
  /** When its socket was opened; `-Infinity`: before the recording. */
  readonly from: number;
  readonly resumed: boolean;
  /** When it ended or the device was seen elsewhere; `Infinity`: not before the end of the recording. */
  until: number;
  /** How it ended: of the log; `""`: the node never said. */
  cause: string;
}

/** The visits of one device, in their order. */
export interface Visitor {
  readonly role: string;
  readonly visits: Visit[];
}

/** The visits of all devices, in the order in which they came. */
export function findVisits({ entries, before }: Recording): Visitor[] {
  const visitors = new Map<string, Visitor>();
  for (const [device, { role, node, event }] of before) {
    const there = event !== "detach";
    visitors.set(device, { role, visits: there ? [visitOf(node, -Infinity, true)] : [] });
  }
  for (const entry of entries) {
    if (entry.device === "") continue;
    const known = visitors.get(entry.device);
    const visitor = known ?? { role: entry.role, visits: [] };
    if (known === undefined) visitors.set(entry.device, visitor);
    if (entry.event === "detach") detached(visitor, entry);
    else attached(visitor, entry);
  }
  return [...visitors.values()].filter(({ visits }) => visits.length > 0);
}

function attached({ visits }: Visitor, { node, at, tookMs, event }: Entry): void {
  const last = visits.at(-1);
  const from = at - tookMs;
  // The same line twice: a file that was given twice, or copied while it was rotated.
  if (last?.from === from && last.node === node) return;
  if (last !== undefined && last.until === Infinity) last.until = Math.max(from, last.from);
  visits.push(visitOf(node, from, event === "resume"));
}

/**
 * A node may tell of an end after another one told of the next beginning: clocks differ, and what is broken is noticed
 * late.
 */
function detached({ visits }: Visitor, { node, at, code, cause }: Entry): void {
  const visit = visits.findLast((one) => one.node === node && one.cause === "");
  const replaced = code === closeCodes.replaced;
  if (visit === undefined) {
    // It came before the recording.
    if (visits.length === 0 && !replaced)
      visits.push({ ...visitOf(node, -Infinity, true), until: at, cause: cause || "lost" });
    return;
  }
  if (replaced) {
    const older = visits.find((one) => one.node === node && one.cause === "" && one.until < Infinity);
    if (older !== undefined) older.cause = "replaced";
    return;
  }
  visit.until = Math.min(visit.until, at);
  visit.cause = cause || "lost";
}

function visitOf(node: string, from: number, resumed: boolean): Visit {
  return { node, from, resumed, until: Infinity, cause: "" };
}
