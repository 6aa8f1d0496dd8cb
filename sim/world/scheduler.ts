/**
 * One global virtual time and everything that is going to happen in it.
 *
 * Role: runs one task after the other in the order of (time, asked for); between two tasks all promises settle.
 * Boundary: knows no network and no node; who a task belongs to decides whether and when it may run.
 * Invariant (Deterministic): what runs next depends on what was scheduled before and on nothing else.
 */
import { Agenda } from "./agenda.ts";

/** Whose task it is: a process that may be dead, paused or busy. */
export interface Owner {
  readonly name: string;
  /** False when the task must not run now; the owner then keeps or drops it. */
  admits(task: Task): boolean;
}

/** Something that will happen. */
export interface Task {
  readonly at: number;
  readonly order: number;
  readonly owner: Owner | undefined;
  /** Time of its owner's processor that it takes. */
  readonly costMs: number;
  run: () => void;
  /** Neither done nor taken back. */
  live: boolean;
}

/** How a task's error is told: nobody else would hear of it. */
export type OnError = (error: unknown, owner: Owner | undefined) => void;

const breathEvery = 8192;
/** More tasks than these within a millisecond are a loop. */
const standstillTasks = 1_000_000;
const compactAbove = 4096;
const breathe = globalThis.setImmediate;

/** The heart of a simulation. */
export class Scheduler {
  readonly #agenda = new Agenda<Task>();
  readonly #onError: OnError;
  #now = 0;
  #order = 0;
  #cancelled = 0;
  #executed = 0;
  /** When time last went on by a millisecond, and how many tasks had run then. */
  #stirredAt = 0;
  #stirred = 0;
  #current: Owner | undefined;
  #running = false;
  #halted: string | undefined;

  constructor(onError: OnError) {
    this.#onError = onError;
  }

  /** Virtual milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** Whose task is running; undefined for the world's own. */
  get current(): Owner | undefined {
    return this.#current;
  }

  /** Whether virtual code is running at this very moment: real code in between sees real time. */
  get running(): boolean {
    return this.#running;
  }

  /** How many tasks have run. */
  get executed(): number {
    return this.#executed;
  }

  /** Lets something happen at a time that is not over. */
  schedule(at: number, owner: Owner | undefined, run: () => void, costMs = 0): Task {
    const task = { at: Math.max(at, this.#now), order: ++this.#order, owner, costMs, run, live: true };
    this.#agenda.push(task);
    return task;
  }

  /** Takes it back; harmless when it has run. */
  cancel(task: Task): void {
    if (!task.live) return;
    end(task);
    if (++this.#cancelled > compactAbove && this.#cancelled * 2 > this.#agenda.size) {
      this.#agenda.compact();
      this.#cancelled = 0;
    }
  }

  /** Runs a task now, for its owner: for those who kept it until it may run. */
  execute(task: Task): void {
    if (!task.live) return;
    const { run } = task;
    end(task);
    this.#executed++;
    this.enter(task.owner, run);
  }

  /** Runs code as that owner's, until the next task. */
  enter<T>(owner: Owner | undefined, run: () => T): T | undefined {
    this.#current = owner;
    try {
      return run();
    } catch (error) {
      this.#onError(error, owner);
      return undefined;
    }
  }

  /** Ends the run that is being driven, after the present task. */
  halt(reason: string): void {
    this.#halted ??= reason;
  }

  /** Resolves after that much virtual time, in a task of the world's own. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.schedule(this.#now + ms, undefined, resolve));
  }

  /**
   * Lets time pass until the script has ended, which itself waits by `sleep` and by what happens.
   * @throws Error when nothing is left to happen and the script still waits, when time stands still, or when it was halted
   */
  drive<T>(script: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let settle: (() => void) | undefined;
      let steps = 0;
      const step = (): void => {
        this.#running = true;
        if (settle === undefined && !this.#next()) {
          settle = () => reject(new Error(`nothing is left to happen at ${this.#now} ms`));
        }
        const halted = this.#halted;
        if (halted !== undefined) settle = () => reject(new Error(halted));
        if (this.#executed - this.#stirred > standstillTasks) {
          const name = this.#current?.name ?? "the world";
          settle = () => reject(new Error(`time stands still at ${this.#now} ms: ${name} never rests`));
        }
        if (settle !== undefined) {
          this.#running = false;
          return settle();
        }
        queueMicrotask(++steps % breathEvery === 0 ? pauseThen : stepThen);
      };
      // Only when all promises have settled: what they ask for belongs to the virtual world.
      const pause = (): void => {
        this.#running = false;
        breathe(step);
      };
      // When all promises have settled: a tick that a microtask asks for comes after all other microtasks.
      const stepThen = (): void => process.nextTick(step);
      const pauseThen = (): void => process.nextTick(pause);
      this.#running = true;
      this.#current = undefined;
      script().then(
        (value) => (settle = () => resolve(value)),
        (error: unknown) =>
          (settle = () => reject(error instanceof Error ? error : new Error(String(error)))),
      );
      queueMicrotask(stepThen);
    });
  }

  /** Runs the next task; false when there is none. */
  #next(): boolean {
    for (;;) {
      const task = this.#agenda.pop();
      if (task === undefined) return false;
      if (!task.live) {
        this.#cancelled = Math.max(0, this.#cancelled - 1);
        continue;
      }
      if (task.at - this.#stirredAt >= 1) {
        this.#stirredAt = task.at;
        this.#stirred = this.#executed;
      }
      this.#now = task.at;
      if (task.owner !== undefined && !task.owner.admits(task)) continue;
      this.execute(task);
      return true;
    }
  }
}

/** Whoever still has a handle of it keeps alive nothing of what it was for. */
function end(task: Task): void {
  task.live = false;
  task.run = nothing;
}

const nothing = (): void => {};
