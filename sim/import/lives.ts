/**
 * Finds in a recording when nodes ended, and how. A node says when it starts and when it is told to stop; one that starts
 * without having been told to stop was killed, as was one that falls silent while its devices turn up elsewhere.
 */
import type { Entry } from "./entry.ts";
import type { Visit, Visitor } from "./visits.ts";

/** One run of a node's process. */
export interface Life {
  readonly node: string;
  readonly begin: number;
  /** Its last line. */
  last: number;
  /** When it was told to stop, or began to send its clients away. */
  stopAt: number | undefined;
  /** When it died; undefined while it lived, or when it stopped in order. */
  crashAt: number | undefined;
  /** When its next run began. */
  backAt: number | undefined;
}

/** Below these, devices that turn up elsewhere do not prove that their node died. */
const leastOrphans = 2;
const orphanShare = 0.5;
/** From the end of a socket until the first clients are back: what a reconnect takes. */
const returnMs = 500;

/** All runs of all nodes. */
export function findLives(entries: readonly Entry[], visitors: readonly Visitor[]): Life[] {
  const lives = runsOf(entries);
  const visitsOf = new Map<Life, { visit: Visit; next: Visit | undefined }[]>();
  for (const { visits } of visitors) {
    for (const [i, visit] of visits.entries()) {
      const life = lifeOf(lives, visit);
      if (life === undefined) continue;
      const list = visitsOf.get(life) ?? [];
      visitsOf.set(life, list);
      list.push({ visit, next: visits[i + 1] });
    }
  }
  for (const life of lives) judge(life, visitsOf.get(life) ?? []);
  return lives;
}

/** The run in which a visit took place. */
export function lifeOf(lives: readonly Life[], { node, from }: Visit): Life | undefined {
  const ofNode = lives.filter((life) => life.node === node);
  return ofNode.findLast(({ begin }) => begin <= from) ?? ofNode[0];
}

function runsOf(entries: readonly Entry[]): Life[] {
  const lives: Life[] = [];
  const current = new Map<string, Life>();
  for (const { at, node, event } of entries) {
    const life = current.get(node);
    if (life === undefined || (event === "start" && at > life.begin)) {
      if (life !== undefined) life.backAt = at;
      const begun = { node, begin: at, last: at, stopAt: undefined, crashAt: undefined, backAt: undefined };
      current.set(node, begun);
      lives.push(begun);
      continue;
    }
    life.last = Math.max(life.last, at);
    if (event === "stop") life.stopAt = at;
  }
  return lives;
}

function judge(life: Life, visits: readonly { visit: Visit; next: Visit | undefined }[]): void {
  if (life.stopAt !== undefined) return;
  const orphans = visits.filter(({ visit, next }) => visit.cause === "" && next !== undefined);
  const left = visits.filter(({ visit }) => visit.cause === "" && visit.until === Infinity);
  const sent = visits.filter(({ visit }) => visit.cause === "drain").map(({ visit }) => visit.until);
  const stayed = visits.some(({ visit }) => visit.cause !== "drain" && visit.until > Math.min(...sent));
  if (life.backAt === undefined && sent.length >= leastOrphans && !stayed) {
    life.stopAt = Math.min(...sent);
    return;
  }
  const many = Math.max(leastOrphans, (orphans.length + left.length) * orphanShare);
  if (life.backAt === undefined && orphans.length < many) return;
  const returns = orphans.flatMap(({ next }) =>
    next !== undefined && next.from > life.last ? next.from : [],
  );
  const first = Math.min(...returns, life.backAt ?? Infinity);
  life.crashAt = Math.max(life.last, Number.isFinite(first) ? first - returnMs : life.last);
}
