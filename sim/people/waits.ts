import type { LogEvent } from "../../protocol/events.ts";

/** How customers waited for a person. */
export interface Waits {
  /** Milliseconds that each wait took which ended with an agent. */
  readonly waitedMs: readonly number[];
  /** Most who waited at one time, at all desks together, and who waits in the end. */
  readonly peak: number;
  readonly left: number;
}

/** Reads the waits from the logs, by the clocks of the nodes that wrote them: jumps of those show. */
export function waitsOf(logs: ReadonlyMap<string, readonly LogEvent[]>): Waits {
  const waitedMs: number[] = [];
  const changes: { at: number; by: number }[] = [];
  for (const log of logs.values()) {
    let since: number | undefined;
    for (const { ts, body } of log) {
      if (body.kind === "queued") {
        // Handed from desk to desk, one still waits.
        if (since === undefined) changes.push({ at: ts, by: 1 });
        since ??= ts;
      } else if (since !== undefined && (body.kind === "assigned" || body.kind === "closed")) {
        changes.push({ at: Math.max(since, ts), by: -1 });
        if (body.kind === "assigned") waitedMs.push(Math.max(0, ts - since));
        since = undefined;
      }
    }
  }
  changes.sort((a, b) => a.at - b.at || a.by - b.by);
  let waiting = 0;
  let peak = 0;
  for (const { by } of changes) {
    waiting += by;
    peak = Math.max(peak, waiting);
  }
  return { waitedMs, peak, left: waiting };
}
