/**
 * What a conversation knows. Role: the fold of its log (the chronicle), and the few things beside it that no event tells
 * (the ledgers: robot, idle, takeovers, members). Boundary: folds and parses; decides nothing and causes nothing.
 * Invariants: SeqDense, since `applyEvent` takes nothing but the next number; a snapshot plus the events after it is the
 * same chronicle as the whole log; ledgers are written in the step that changes them.
 */
import { assert } from "../base/assert.ts";
import type { Audience, LogEvent } from "../protocol/events.ts";
import type { DeskId, UserId } from "../protocol/ids.ts";
import { sessionId, type Address } from "./address.ts";
import { People } from "./people.ts";

/** Who a conversation is with now. `group` and `unborn` aside, the life of a support conversation. */
export type Phase = "unborn" | "robot" | "waiting" | "assigned" | "closed" | "group";

/** A content event that its author may still take back. */
export interface Spoken {
  readonly seq: number;
  /** `v.<visitor>`, `a.<staff>` or `robot`. */
  readonly who: string;
  readonly aud: Audience;
}

/** The agent in charge, and the assignment by which. */
export interface Assignee {
  readonly agent: UserId;
  readonly assignment: string;
}

/** The fold of a conversation's log. */
export interface Chronicle {
  readonly seq: number;
  /** The last number that a visitor may see. */
  readonly lastAll: number;
  readonly countAll: number;
  readonly countStaff: number;
  readonly phase: Phase;
  readonly channel: string;
  readonly desk: DeskId;
  readonly robot: string | null;
  readonly title: string;
  /** Session id of who founded the group. */
  readonly founder: string;
  readonly assignee: Assignee | null;
  /** Rising count of waits: the number of `queued` events. */
  readonly ticket: number;
  readonly rated: boolean;
  /** The last number that is not an idle notice. */
  readonly activity: number;
  /** Content that was said lately, oldest first, before `latest`. */
  readonly recent: readonly Spoken[];
  /** The last few pieces of content: a short list, since each message makes a new one. */
  readonly latest: readonly Spoken[];
  /** The latest numbers that only staff may see, ascending. */
  readonly hidden: readonly number[];
}

/** Questions put to the robot and not answered yet, and how many answers in a row were "unknown". */
export interface RobotLedger {
  readonly pending: readonly number[];
  readonly unknowns: number;
}

/** How many silent slices the idle timer has counted since the activity with number `mark`. */
export interface IdleLedger {
  readonly mark: number;
  readonly quiet: number;
}

/** Rising count of takeovers asked for, and the highest that was decided. */
export interface TakeoverLedger {
  readonly issued: number;
  readonly settled: number;
}

/** Everything a conversation's actor knows. */
export interface ConversationState {
  readonly self: Address;
  readonly log: Chronicle;
  readonly robot: RobotLedger;
  readonly idle: IdleLedger;
  readonly takeovers: TakeoverLedger;
  /** Rising count of a group's joins and leaves. */
  readonly changes: number;
  /** Names, not knowledge: nothing of it is stored. */
  readonly people: People;
}

/** The ledgers' names, which are also their fields in the store. */
export type Ledger = "robot" | "idle" | "takeovers" | "changes";

/** Events between snapshots. */
export const snapshotEvery = 64;
/** Content events that can still be recalled. */
const recallable = 100;
const latestMax = 16;
const hiddenMax = 64;

const unborn: Chronicle = {
  seq: 0,
  lastAll: 0,
  countAll: 0,
  countStaff: 0,
  phase: "unborn",
  channel: "",
  desk: "" as DeskId,
  robot: null,
  title: "",
  founder: "",
  assignee: null,
  ticket: 0,
  rated: false,
  activity: 0,
  recent: [],
  latest: [],
  hidden: [],
};

/** State from stored fields: the chronicle as of its snapshot, the ledgers as of now. */
export function restoreConversation(
  self: Address,
  fields: Readonly<Record<string, string>>,
): ConversationState {
  const parse = <T>(field: string, none: T): T => {
    const value = fields[field];
    return value === undefined ? none : (JSON.parse(value) as T);
  };
  const state = {
    self,
    // Snapshots of before know no `latest`.
    log: { ...unborn, ...parse<Partial<Chronicle>>("snap", {}) },
    robot: parse<RobotLedger>("robot", { pending: [], unknowns: 0 }),
    idle: parse<IdleLedger>("idle", { mark: 0, quiet: 0 }),
    takeovers: parse<TakeoverLedger>("takeovers", { issued: 0, settled: 0 }),
    changes: parse<number>("changes", 0),
    people: new People(self),
  };
  assert(Number.isInteger(state.log.seq), "a snapshot has a number");
  return state;
}

/** Folds one event: the next number, counts, and what its kind changes. */
export function applyEvent(log: Chronicle, event: LogEvent): Chronicle {
  assert(event.seq === log.seq + 1, `event ${event.seq} does not follow ${log.seq}`);
  const { seq, aud, body } = event;
  const next: Draft = { ...log };
  next.seq = seq;
  next.countAll = event.countAll;
  next.countStaff = event.countStaff;
  if (body.kind !== "idle") next.activity = seq;
  if (aud === "all") next.lastAll = seq;
  else next.hidden = pushBounded(log.hidden, seq, hiddenMax);
  change(next, event);
  return next;
}

/** A chronicle while it is written. */
type Draft = { -readonly [Field in keyof Chronicle]: Chronicle[Field] };

/** The content event of that number that can still be recalled. */
export function spokenAt({ recent, latest }: Chronicle, seq: number): Spoken | undefined {
  const at = (spoken: Spoken): boolean => spoken.seq === seq;
  return latest.find(at) ?? recent.find(at);
}

function change(log: Draft, event: LogEvent): void {
  const { body, by } = event;
  switch (body.kind) {
    case "message":
    case "note":
      return speak(log, { seq: event.seq, who: whoOf(by), aud: event.aud });
    case "idle":
    case "lost":
      return;
    case "opened":
      log.phase = "robot";
      log.channel = body.channel;
      log.desk = body.desk as DeskId;
      log.robot = body.robot ?? null;
      return;
    case "created":
      log.phase = "group";
      log.title = body.title;
      log.founder = whoOf(by);
      return;
    case "recalled": {
      const others = ({ seq }: Spoken): boolean => seq !== body.seq;
      log.recent = log.recent.filter(others);
      log.latest = log.latest.filter(others);
      return;
    }
    case "queued":
      log.phase = "waiting";
      log.desk = body.desk as DeskId;
      log.ticket++;
      return;
    case "assigned":
      log.phase = "assigned";
      log.assignee = { agent: body.agent as UserId, assignment: body.assignment };
      return;
    case "unassigned":
      log.assignee = null;
      return;
    case "closed":
      log.phase = "closed";
      log.assignee = null;
      return;
    case "rated":
      log.rated = true;
  }
}

function speak(log: Draft, spoken: Spoken): void {
  if (log.latest.length < latestMax) log.latest = [...log.latest, spoken];
  else {
    log.recent = [...log.recent, ...log.latest].slice(-recallable);
    log.latest = [spoken];
  }
}

/** The session id of an event's author: `v.<id>` or `a.<id>`; `robot` and `system` for those two. */
export function whoOf(by: LogEvent["by"]): string {
  return by.role === "robot" || by.role === "system" ? by.role : sessionId(by.role, by.id as UserId);
}

/**
 * The highest number up to `seq` that a visitor may hear of; undefined when it is too long ago to tell. A colleague's
 * read mark is shown to the visitor only through this, else its number would betray a note.
 */
export function visibleFloor(log: Chronicle, seq: number): number | undefined {
  let floor = seq;
  for (let at = log.hidden.length - 1; at >= 0; at--) {
    const hidden = log.hidden[at] ?? 0;
    if (hidden < floor) return floor;
    if (hidden === floor) floor--;
  }
  return log.hidden.length < hiddenMax ? floor : undefined;
}

function pushBounded<T>(list: readonly T[], item: T, max: number): readonly T[] {
  return list.length < max ? [...list, item] : [...list.slice(list.length - max + 1), item];
}
