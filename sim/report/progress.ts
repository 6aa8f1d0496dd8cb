/** How far a run is, on stderr every few real seconds: virtual time, phase, devices online, speed. */
import type { Sample, Sampler } from "./sampler.ts";

/** Where progress is told. */
export interface ProgressOutput {
  /** Real milliseconds. */
  readonly now: () => number;
  /** Whether a person looks at stderr: the line is then written over and over. */
  readonly interactive: boolean;
  err(text: string): void;
}

const everyMs = 2000;

/** The progress of one run. */
export class Progress {
  readonly #output: ProgressOutput;
  readonly #begunAt: number;
  #toldAt: number;
  #events = 0;
  #told = false;

  constructor(output: ProgressOutput) {
    this.#output = output;
    this.#begunAt = output.now();
    this.#toldAt = this.#begunAt;
  }

  /** Hears of every sample; tells at most one in two real seconds. */
  note(sample: Sample, { sampled, marks }: Sampler): void {
    const now = this.#output.now();
    const passed = now - this.#toldAt;
    if (passed < everyMs || sampled === undefined) return;
    const { executed } = sampled.scheduler;
    const speed = Math.round((executed - this.#events) / passed);
    const phase = marks.findLast((mark) => mark.kind === "phase")?.name ?? "";
    const virtual = `${(sample.at / 1000).toFixed(1)} s virtual`;
    const real = `${Math.round((now - this.#begunAt) / 1000)} s real`;
    const line = `${virtual}, ${real}: ${phase}, ${sample.online} online, ${speed} k events/s`;
    this.#output.err(this.#output.interactive ? `\r${line}\u001b[K` : `${line}\n`);
    this.#toldAt = now;
    this.#events = executed;
    this.#told = true;
  }

  /** Leaves the terminal as it was. */
  end(): void {
    if (this.#told && this.#output.interactive) this.#output.err("\r\u001b[K");
  }
}
