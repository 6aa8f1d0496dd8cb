/**
 * TimerOnce: durable timers are not lost, not early, not twice. Told from what the store accepted: arming and removing
 * are writes, and whoever handles a timer removes it in the commit of what came of it. Linear, and fed bit by bit, since
 * a run has not converged while a timer is overdue.
 */
import type { LogEvent } from "../../protocol/events.ts";
import type { Write } from "../../store/store.ts";
import type { History } from "../history.ts";
import type { Accepted } from "../world/store-server.ts";

interface Timer {
  readonly id: string;
  readonly armedAt: number;
  readonly dueAt: number;
  /** Fired or removed; undefined while it is armed. */
  readonly goneAt: number | undefined;
  /** The store forgot about it, so that nobody can tell. */
  readonly doubtful: boolean;
}

/** A failover forgets less than this. */
const forgetMs = 10_000;
/** A timer that is due is polled for every half second, by whoever owns its shard. */
const lateMs = 3000;

/** The timers of one run. */
export class TimerBook {
  readonly #history: History;
  readonly #timers = new Map<string, Timer>();
  /** The highest commit number of each shard: what is not above it is told again. */
  readonly #numbers = new Map<number, number>();
  #read = 0;

  constructor(history: History) {
    this.#history = history;
  }

  /** Takes what the store accepted since the last time. */
  take(accepted: readonly Accepted[]): void {
    for (; this.#read < accepted.length; this.#read++) {
      const entry = accepted[this.#read];
      if (entry?.kind === "forgot") this.#forget(entry.at);
      if (entry?.kind !== "commit") continue;
      const { shard, number, writes } = entry.commit;
      const again = number <= (this.#numbers.get(shard) ?? 0);
      if (!again) this.#numbers.set(shard, number);
      this.#takeWrites(writes, entry.at, !again);
    }
  }

  /** Timers that should have fired by now, in words. */
  overdue(now: number): string[] {
    const late: string[] = [];
    for (const { id, dueAt, goneAt, doubtful } of this.#timers.values())
      if (goneAt === undefined && !doubtful && dueAt + lateMs < now)
        late.push(`${id} was due at ${Math.round(dueAt)} ms and has not fired`);
    return late;
  }

  #takeWrites(writes: readonly Write[], at: number, fresh: boolean): void {
    for (const write of writes) {
      if (write.op === "arm") {
        const { id, delayMs } = write;
        const dueAt = at + delayMs;
        this.#timers.set(id, { id, armedAt: at, dueAt, goneAt: undefined, doubtful: false });
      } else if (write.op === "disarm") this.#remove(write.id, writes, at, fresh);
    }
  }

  #remove(id: string, writes: readonly Write[], at: number, fresh: boolean): void {
    const timer = this.#timers.get(id);
    if (fresh && timer?.doubtful !== true && isFiring(id, writes)) {
      // Whoever fires may end its reason too: then it is removed twice in one commit.
      if (timer?.goneAt !== undefined && timer.goneAt !== at)
        this.#history.violate("TimerOnce", `${id} fired at ${Math.round(at)} ms though it was gone already`);
      else if (timer?.goneAt === undefined && timer !== undefined && at < timer.dueAt - 1)
        this.#history.violate(
          "TimerOnce",
          `${id} fired at ${Math.round(at)} ms, due at ${Math.round(timer.dueAt)}`,
        );
    }
    if (timer !== undefined) this.#timers.set(id, { ...timer, goneAt: timer.goneAt ?? at });
  }

  /** What was armed or removed lately may be as it was before. */
  #forget(at: number): void {
    for (const [id, timer] of this.#timers)
      if ((timer.goneAt ?? timer.armedAt) > at - forgetMs) this.#timers.set(id, { ...timer, doubtful: true });
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
