/**
 * TimerOnce: durable timers are not lost, not early, not twice. Told from what the store accepted: arming and removing
 * are writes, and whoever handles a timer removes it in the commit of what came of it. What the store forgot did not
 * happen to its timers; told again, it happens then, and was judged before.
 */
import type { LogEvent } from "../../protocol/events.ts";
import type { Write } from "../../store/store.ts";
import type { History } from "../history.ts";
import type { AcceptedCommit } from "../world/store-server.ts";
import type { Telling } from "./tellings.ts";

/** A timer from one commit on. */
interface Timer {
  /** The number of that commit in its shard. */
  readonly by: number;
  readonly dueAt: number;
  /** Fired or removed; undefined while it is armed. */
  readonly goneAt: number | undefined;
}

/** A timer that is due is polled for every half second, by whoever owns its shard. */
const lateMs = 3000;

/** The timers of one run. */
export class TimerBook {
  readonly #history: History;
  /** What each timer was, the latest last. */
  readonly #timers = new Map<string, Timer[]>();

  constructor(history: History) {
    this.#history = history;
  }

  /** Takes the next telling. */
  take(telling: Telling): void {
    if (telling.kind === "forgotten") for (const commit of telling.commits) this.#undo(commit);
    else this.#takeWrites(telling.entry, telling.kind === "first");
  }

  /** Timers that should have fired by now, in words. */
  overdue(now: number): string[] {
    const late: string[] = [];
    for (const [id, past] of this.#timers) {
      const timer = past.at(-1);
      if (timer !== undefined && timer.goneAt === undefined && timer.dueAt + lateMs < now)
        late.push(`${id} was due at ${Math.round(timer.dueAt)} ms and has not fired`);
    }
    return late;
  }

  #takeWrites(entry: AcceptedCommit, judged: boolean): void {
    const { number: by, writes } = entry.commit;
    for (const write of writes) {
      if (write.op === "arm")
        this.#note(write.id, { by, dueAt: entry.at + write.delayMs, goneAt: undefined });
      else if (write.op === "disarm") this.#remove(write.id, entry, judged);
    }
  }

  #remove(id: string, { at, commit }: AcceptedCommit, judged: boolean): void {
    const timer = this.#timers.get(id)?.at(-1);
    const { number: by, writes } = commit;
    if (judged && isFiring(id, writes)) {
      // Whoever fires may end its reason too: then it is removed twice in one commit.
      if (timer?.goneAt !== undefined && timer.by !== by)
        this.#history.violate("TimerOnce", `${id} fired at ${Math.round(at)} ms though it was gone already`);
      else if (timer !== undefined && timer.goneAt === undefined && at < timer.dueAt - 1)
        this.#history.violate(
          "TimerOnce",
          `${id} fired at ${Math.round(at)} ms, due at ${Math.round(timer.dueAt)}`,
        );
    }
    if (timer !== undefined && timer.goneAt === undefined)
      this.#note(id, { by, dueAt: timer.dueAt, goneAt: at });
  }

  #note(id: string, timer: Timer): void {
    const past = this.#timers.get(id);
    if (past === undefined) this.#timers.set(id, [timer]);
    else past.push(timer);
  }

  /** The timers are again what they were before that commit. */
  #undo({ commit }: AcceptedCommit): void {
    for (const write of commit.writes) {
      if (write.op !== "arm" && write.op !== "disarm") continue;
      const past = this.#timers.get(write.id);
      while (past?.at(-1)?.by === commit.number) past.pop();
    }
  }
}

/** Whether a timer is removed because it fired, and not because its reason is gone. */
function isFiring(id: string, writes: readonly Write[]): boolean {
  const bar = id.lastIndexOf("|");
  const [owner, name] = [id.slice(0, bar), id.slice(bar + 1)];
  return !writes.some(
    (write) =>
      (write.op === "unset" && write.entity === owner && write.field === name) ||
      (write.op === "append" && write.log === owner && endedBySomebody(write.event)),
  );
}

function endedBySomebody(event: string): boolean {
  if (!event.includes('"kind":"closed"')) return false;
  const { body } = JSON.parse(event) as LogEvent;
  return body.kind === "closed" && body.why !== "idle";
}
