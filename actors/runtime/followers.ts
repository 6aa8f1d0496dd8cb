/**
 * Who follows the logs of one shard: nodes, not people. They belong to the shard's host, so following activates no
 * actor; they end with the shard's epoch or the follower's incarnation.
 */
import type { NodeRun } from "../../placement/hosting.ts";
import { runKey } from "../../placement/shard-table.ts";
import type { LogEvent } from "../../protocol/events.ts";
import { EncodedEvent, type WireEvent } from "../encoded-event.ts";
import { RunCounts } from "./run-counts.ts";

/** The following nodes of one shard. */
export class Followers {
  readonly #byLog = new Map<string, Map<string, NodeRun>>();
  /** The last event of logs that are followed, so that a new follower costs no read. */
  readonly #tails = new Map<string, WireEvent>();
  readonly #counts = new RunCounts();

  /** From now on every commit of this log is published to that node. */
  add(log: string, run: NodeRun): void {
    const runs = this.#byLog.get(log) ?? new Map<string, NodeRun>();
    const name = runKey(run);
    if (!runs.has(name)) this.#counts.add(run);
    runs.set(name, run);
    this.#byLog.set(log, runs);
  }

  /** That node has nobody left who follows the log. */
  remove(log: string, run: NodeRun): void {
    const runs = this.#byLog.get(log);
    if (runs?.delete(runKey(run)) !== true) return;
    this.#counts.remove(run);
    if (runs.size === 0) {
      this.#byLog.delete(log);
      this.#tails.delete(log);
    }
  }

  /** These runs are gone for good. */
  retain(alive: (run: NodeRun) => boolean): void {
    if (!this.#counts.some((run) => !alive(run))) return;
    for (const [log, runs] of this.#byLog)
      for (const run of runs.values()) if (!alive(run)) this.remove(log, run);
  }

  /** The nodes that follow a log, by name. */
  of(log: string): Iterable<readonly [name: string, run: NodeRun]> {
    return this.#byLog.get(log) ?? [];
  }

  /** Remembers a followed log's end. */
  noteTail(log: string, event: WireEvent): void {
    if (!this.#byLog.has(log)) return;
    const known = this.#tails.get(log);
    if (known === undefined || known[0] < event[0]) this.#tails.set(log, event);
  }

  /** A followed log's end, if it is remembered. */
  tail(log: string): LogEvent | undefined {
    const event = this.#tails.get(log);
    return event === undefined ? undefined : new EncodedEvent(event);
  }
}
