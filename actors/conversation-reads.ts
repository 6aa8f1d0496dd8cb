/**
 * How far each person has read: one kept record per person and conversation, beside the log and not in its snapshot.
 * Unread = content up to the end - content up to the mark - own content after the mark, so it is never negative and
 * one's own messages never count (openimsdk/open-im-server#3539, #2807).
 */
import { assert } from "../base/assert.ts";
import { isStaff } from "../protocol/ids.ts";
import type { LogEvent } from "../protocol/events.ts";
import type { ConversationDraft } from "./conversation-draft.ts";
import { visibleFloor } from "./conversation-state.ts";
import type { Principal } from "./messages.ts";

/** One person's mark: read up to `seq`, where `count` content events stood; `own` are own content events after it. */
interface ReadMark {
  readonly seq: number;
  readonly count: number;
  readonly own: readonly number[];
}

const nothingRead: ReadMark = { seq: 0, count: 0, own: [] };
const markTtlMs = 180 * 24 * 3600_000;
/** A mark grows up to so many characters by own content after it, then the oldest of that goes. */
const ownMaxChars = 1024;
const ownMin = 64;

/** A mark as it was kept: its numbers, short since each send writes one. Without a record nothing is read. */
function parseMark(record: string | undefined): ReadMark {
  if (record === undefined) return nothingRead;
  const [seq, count, ...own] = record.split(" ").map(Number);
  assert(seq !== undefined && count !== undefined && seq >= 0 && count >= 0, "a read mark holds numbers");
  return { seq, count, own };
}

function formatMark({ seq, count, own }: ReadMark): string {
  return own.length === 0 ? `${seq} ${count}` : `${seq} ${count} ${own.join(" ")}`;
}

function unreadOf(mark: ReadMark, count: number): number {
  return Math.max(0, count - mark.count - mark.own.length);
}

/** `read` and `unread` of `Followed`: `count` is the log's content count for that reader's audience. */
export function readState(record: string | undefined, count: number): { read: number; unread: number } {
  const mark = parseMark(record);
  return { read: mark.seq, unread: unreadOf(mark, count) };
}

/**
 * Moves a reader's mark forward, never back, and shows it to who follows. A number beyond the end that the reader knows
 * is no mark; a visitor's on a staff event is taken for the one before it, so that guessing tells nothing.
 */
export function onRead(draft: ConversationDraft, by: Principal, seq: number, count: number): void {
  const { log, people } = draft.state;
  const staff = isStaff(by.role);
  const key = people.get(by.role, by.user).readKey;
  const mark = parseMark(draft.context.kept(key));
  const end = staff ? log.seq : log.lastAll;
  const total = staff ? log.countStaff : log.countAll;
  const shown = visibleFloor(log, seq);
  const read = staff ? seq : (shown ?? seq);
  if (read <= mark.seq || seq > end) return;
  const own = mark.own.filter((said) => said > read);
  const known = read === end ? total : Math.min(count, total - own.length);
  const moved = { seq: read, count: Math.max(mark.count, known), own };
  const lastOwn = own.at(-1);
  // What follows is one's own: with nothing unread before it, the mark moves past that as well.
  const past = lastOwn !== undefined && unreadOf(moved, total) === 0;
  keepMark(draft, key, past ? { seq: lastOwn, count: total, own: [] } : moved);
  const frame = { t: "read", conv: draft.conv, user: by.user, role: by.role, seq: read } as const;
  if (shown !== read) draft.effects.push({ do: "broadcast", frame, to: "staff" });
  if (shown !== undefined && shown > 0)
    draft.effects.push({ do: "broadcast", frame: { ...frame, seq: shown }, to: "all" });
}

/** After an own content event: the mark moves to it if nothing unread stood before it, else it is noted as own. */
export function foldOwn(draft: ConversationDraft, by: Principal, event: LogEvent): void {
  const count = isStaff(by.role) ? event.countStaff : event.countAll;
  const key = draft.state.people.get(by.role, by.user).readKey;
  const record = draft.context.kept(key);
  // Who had something unread when they spoke last has it still: only a read mark takes it away.
  if (record !== undefined && record.length < ownMaxChars && notesOwn(record))
    return void draft.effects.push({ do: "extend", key, value: ` ${event.seq}` });
  const mark = parseMark(record);
  const caughtUp = mark.own.length === 0 && unreadOf(mark, count - 1) === 0;
  keepMark(
    draft,
    key,
    caughtUp
      ? { seq: event.seq, count, own: [] }
      : { ...mark, own: [...mark.own.slice(1 - ownMin), event.seq] },
  );
}

/** Two numbers without a fraction and what stands between them take no more. */
const plainMaxChars = 33;

/** Whether a mark, as it was kept, holds own content after it. What is long needs no look inside, which would copy it. */
function notesOwn(record: string): boolean {
  return record.length > plainMaxChars || record.includes(" ", record.indexOf(" ") + 1);
}

/** For somebody who enters a group: what stood there before counts as read. */
export function markAllRead(draft: ConversationDraft, by: Principal): void {
  const { log, people } = draft.state;
  keepMark(draft, people.get(by.role, by.user).readKey, { seq: log.seq, count: log.countStaff, own: [] });
}

function keepMark(draft: ConversationDraft, key: string, mark: ReadMark): void {
  draft.effects.push({ do: "keep", key, value: formatMark(mark), ttlMs: markTtlMs });
}
