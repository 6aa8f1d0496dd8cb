/**
 * One simulated process: a node, a client, a server. Role: its clock with its own rate, its chance, and its processor.
 * A crash drops all that waits on it, a pause holds it. Boundary: what it runs it does not know.
 * Invariants: tasks run in the order in which they became due, one at a time, each taking its time of the processor.
 */
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import { randomOf } from "./chance.ts";
import type { Owner, Scheduler, Task } from "./scheduler.ts";

/** When every simulation begins, for people to read: 2023-11-14. */
export const epochMs = 1_700_000_000_000;

/** Node's timers take at least this. */
const shortestMs = 1;

/** A process of the simulated world. */
export class Process implements Owner {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  /** Most tasks that ever waited for the processor. */
  peakBacklog = 0;
  /** The same since whoever looks at it has set it back. */
  recentPeak = 0;
  #state: "running" | "paused" | "dead" = "running";
  #busyUntil = 0;
  #backlog: Task[] = [];
  #taken = 0;
  #held: Task[] = [];
  #waking = false;
  readonly #onWake = (): void => this.#wake();
  #rate = 1;
  #anchor: number;
  #anchored = 0;
  #wallShift = 0;
  readonly #atEnd: (() => void)[] = [];

  /** @param run tells its runs apart: a restarted process draws other numbers */
  constructor(scheduler: Scheduler, seed: number, name: string, run = 0) {
    this.scheduler = scheduler;
    this.name = name;
    this.random = randomOf(seed, `${name}/${run}`);
    this.#anchor = scheduler.now;
    this.clock = this.#makeClock();
  }

  /** Whether it has ended. */
  get dead(): boolean {
    return this.#state === "dead";
  }

  /** Whether it stands still. */
  get paused(): boolean {
    return this.#state === "paused";
  }

  /** When what its code hands over now leaves it: after the work that it has begun. */
  get departure(): number {
    return Math.max(this.scheduler.now, this.#busyUntil);
  }

  /** How many tasks wait for the processor. */
  get backlog(): number {
    return this.#backlog.length - this.#taken;
  }

  /** Takes time of its processor, for what the running task does besides. */
  spend(ms: number): void {
    if (ms > 0) this.#busyUntil = this.departure + ms;
  }

  /** Runs code as this process's, now; nothing if it is dead. */
  enter<T>(run: () => T): T | undefined {
    return this.dead ? undefined : this.scheduler.enter(this, run);
  }

  /** Lets a task of this process run at that time. */
  at(atMs: number, run: () => void, costMs = 0): Task {
    return this.scheduler.schedule(atMs, this, run, costMs);
  }

  /** Stands still, like a process that was sent SIGSTOP or collects garbage for seconds. */
  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  /** Goes on; all that became due meanwhile happens now, in order. */
  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    const held = this.#held;
    this.#held = [];
    for (const task of held) this.#defer(task);
  }

  /** Ends at once: nothing of it ever happens any more. */
  kill(): void {
    this.#state = "dead";
    this.#held = [];
    this.#drained();
    for (const run of this.#atEnd.splice(0)) run();
  }

  /** What the world does when it ends: servers forget it, lest they keep its memory alive. */
  atEnd(run: () => void): void {
    this.#atEnd.push(run);
  }

  /** From now on its clock runs that much faster than the world's. */
  setRate(rate: number): void {
    this.#anchored = this.clock.now();
    this.#anchor = this.scheduler.now;
    this.#rate = rate;
  }

  /** Sets its wall clock alone, as an operator or NTP would. */
  shiftWall(ms: number): void {
    this.#wallShift += ms;
  }

  /** Whether a task that is due may run now; what may not is kept or dropped here. */
  admits(task: Task): boolean {
    if (this.#state === "dead") return false;
    if (this.#state === "paused") {
      this.#held.push(task);
      return false;
    }
    if (this.#busyUntil > this.scheduler.now || this.backlog > 0) {
      this.#defer(task);
      return false;
    }
    if (task.costMs > 0) this.#busyUntil = this.scheduler.now + task.costMs;
    return true;
  }

  #defer(task: Task): void {
    this.#backlog.push(task);
    const { backlog } = this;
    if (backlog > this.recentPeak) {
      this.recentPeak = backlog;
      if (backlog > this.peakBacklog) this.peakBacklog = backlog;
    }
    this.#wakeLater();
  }

  #wakeLater(): void {
    if (this.#waking) return;
    this.#waking = true;
    this.scheduler.schedule(this.#busyUntil, undefined, this.#onWake);
  }

  #wake(): void {
    this.#waking = false;
    if (this.#state === "dead") return;
    if (this.#state === "paused") {
      this.#held.unshift(...this.#backlog.slice(this.#taken));
      return this.#drained();
    }
    if (this.#busyUntil > this.scheduler.now) return this.#wakeLater();
    const task = this.#take();
    if (task !== undefined) {
      if (task.costMs > 0) this.#busyUntil = this.scheduler.now + task.costMs;
      this.scheduler.execute(task);
    }
    if (this.backlog > 0) this.#wakeLater();
  }

  #take(): Task | undefined {
    while (this.#taken < this.#backlog.length) {
      const task = this.#backlog[this.#taken++];
      if (this.#taken > 1024 && this.#taken * 2 > this.#backlog.length) {
        this.#backlog = this.#backlog.slice(this.#taken);
        this.#taken = 0;
      }
      if (task?.live !== true) continue;
      if (this.backlog === 0) this.#drained();
      return task;
    }
    this.#drained();
    return undefined;
  }

  #drained(): void {
    this.#backlog = [];
    this.#taken = 0;
  }

  #makeClock(): Clock {
    const { scheduler } = this;
    const due = (delayMs: number): number => scheduler.now + Math.max(shortestMs, delayMs) / this.#rate;
    const now = (): number => this.#anchored + (scheduler.now - this.#anchor) * this.#rate;
    return {
      now,
      wall: () => Math.floor(epochMs + scheduler.now + this.#wallShift),
      after: (delayMs, run) => {
        const task = this.at(due(delayMs), run);
        return () => scheduler.cancel(task);
      },
      every: (periodMs, run) => {
        const again = (): Task =>
          this.at(due(periodMs), () => {
            task = again();
            run();
          });
        let task = again();
        return () => scheduler.cancel(task);
      },
      soon: (run) => void this.at(scheduler.now, run),
    };
  }
}
