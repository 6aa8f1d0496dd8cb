import type { LogEvent } from "../../protocol/events.ts";
import type { History } from "../history.ts";

/** What a run leaves behind for the checkers. */
export interface Evidence {
  readonly history: History;
  /** Conversation -> its log as the store holds it in the end. */
  readonly logs: ReadonlyMap<string, readonly LogEvent[]>;
}

/** One family of guarantees: tells the history what is violated. Linear in the evidence. */
export type Checker = (evidence: Evidence) => void;
