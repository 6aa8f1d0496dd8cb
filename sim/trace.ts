/**
 * Traces: every delivery of a run as one line of JSON, behind a first line with the settings. A replay runs the same
 * settings again and stops where the two part.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Settings } from "./settings.ts";
import type { OnDelivery } from "./world/digest.ts";

const bufferCharacters = 1 << 20;

/** Writes a trace. */
export function traceWriter(path: string, settings: Settings): { note: OnDelivery; close(): void } {
  const file = openSync(path, "w");
  let buffer = `${JSON.stringify({ settings })}\n`;
  const flush = (): void => {
    writeSync(file, buffer);
    buffer = "";
  };
  return {
    note(at, link, text) {
      buffer += `${lineOf(at, link, text)}\n`;
      if (buffer.length > bufferCharacters) flush();
      return true;
    },
    close() {
      flush();
      closeSync(file);
    },
  };
}

/** Where a replay parted from its trace. */
export interface Divergence {
  readonly line: number;
  readonly expected: string;
  readonly actual: string;
}

/** Compares a run with a trace. */
export class TraceReader {
  readonly settings: Settings;
  readonly #lines: readonly string[];
  #next = 1;
  #divergence: Divergence | undefined;

  constructor(path: string) {
    this.#lines = readFileSync(path, "utf8").trimEnd().split("\n");
    this.settings = (JSON.parse(this.#lines[0] ?? "") as { settings: Settings }).settings;
  }

  /** Takes the next delivery; false at the first that is another one. */
  readonly note: OnDelivery = (at, link, text) => {
    if (this.#divergence !== undefined) return false;
    const expected = this.#lines[this.#next] ?? "(the trace ends)";
    const actual = lineOf(at, link, text);
    if (actual !== expected) this.#divergence = { line: this.#next + 1, expected, actual };
    else this.#next++;
    return actual === expected;
  };

  /** Where they parted; undefined when they did not, and the trace has no more lines. */
  get divergence(): Divergence | undefined {
    if (this.#divergence !== undefined || this.#next === this.#lines.length) return this.#divergence;
    return { line: this.#next + 1, expected: this.#lines[this.#next] ?? "", actual: "(the run ended)" };
  }
}

function lineOf(at: number, link: string, text: string): string {
  return JSON.stringify([Math.round(at * 1000) / 1000, link, text]);
}
