/** The program's surroundings, as its commands see them. */
import type { ProgressOutput } from "./report/progress.ts";

/** Where a command writes, and what it was called with. */
export interface Terminal extends ProgressOutput {
  /** What the command line says. */
  readonly args: readonly string[];
  out(text: string): void;
}

/** What repeats a command, to be pasted into a shell. */
export function commandOf(args: readonly string[]): string {
  const quoted = args.map((arg) => (/^[\w./,:=-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`));
  return `npm run -s sim -- ${quoted.join(" ")}`;
}
