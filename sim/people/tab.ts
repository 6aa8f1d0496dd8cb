/**
 * A page whose tab goes to the background and comes back. Role: holds the page's timers as browsers hold those of hidden
 * pages: once a second at first, once a minute after five minutes (Chrome 88 and later; what arrives on a WebSocket is
 * not held), or not at all while the page is frozen (Page Lifecycle). Boundary: the person in front of it is visitor.ts.
 * Invariants: no timer is lost and none comes early; when the page is shown, all that became due comes at once, in order.
 */
import type { Cancel } from "../../base/clock.ts";
import type { Process } from "../world/process.ts";

/** How a page is hidden; `late`: as one that has been for five minutes, since a run is shorter than people's lives. */
export type Hiding = "fresh" | "late" | "frozen";

const lateMs = 300_000;
const freshPeriodMs = 1000;
const latePeriodMs = 60_000;

interface Held {
  readonly run: () => void;
  live: boolean;
}

/** The tab of one device. */
export class Tab {
  readonly #process: Process;
  /** Where its seconds and minutes begin: not all browsers wake at the same moment. */
  readonly #phaseMs: number;
  readonly #viewers: (() => void)[] = [];
  #hiddenSince: number | undefined;
  #held: Held[] = [];
  #cancelWake: Cancel | undefined;

  /** @param phase uniform in [0, 1) */
  constructor(process: Process, phase: number) {
    this.#process = process;
    this.#phaseMs = phase * latePeriodMs;
  }

  /** Whether it is in the background. */
  get hidden(): boolean {
    return this.#hiddenSince !== undefined;
  }

  /** The page's timer: runs once, `delayMs` later or as soon after that as the tab may. */
  after(delayMs: number, run: () => void): Cancel {
    const held: Held = { run, live: true };
    const cancel = this.#process.clock.after(delayMs, () => this.#due(held));
    return () => {
      held.live = false;
      cancel();
    };
  }

  /** It goes to the background. */
  hide(hiding: Hiding): void {
    if (this.hidden) return;
    const { clock } = this.#process;
    this.#hiddenSince = clock.now() - (hiding === "late" ? lateMs : 0);
    if (hiding === "frozen") this.#process.pause();
  }

  /** It is shown again; what was held comes before anything that is asked for after this. */
  show(): void {
    if (!this.hidden) return;
    this.#hiddenSince = undefined;
    this.#process.resume();
    this.#release();
    for (const look of this.#viewers.splice(0)) this.#process.clock.soon(look);
  }

  /** Resolves when somebody looks at it. */
  shown(): Promise<void> {
    return this.hidden ? new Promise((resolve) => void this.#viewers.push(resolve)) : Promise.resolve();
  }

  #due(held: Held): void {
    if (!this.hidden) return held.run();
    this.#held.push(held);
    const { clock } = this.#process;
    this.#cancelWake ??= clock.after(this.#nextAt(clock.now()) - clock.now(), () => this.#release());
  }

  #nextAt(now: number): number {
    const hiddenMs = now - (this.#hiddenSince ?? now);
    const periodMs = hiddenMs < lateMs ? freshPeriodMs : latePeriodMs;
    return Math.ceil((now - this.#phaseMs) / periodMs) * periodMs + this.#phaseMs;
  }

  /** Each as a task of its own, so that one that fails holds up no other. */
  #release(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    for (const held of this.#held.splice(0)) {
      this.#process.clock.soon(() => {
        if (held.live) held.run();
      });
    }
  }
}
