/**
 * A page as the heir of those that closed before it. Role: notes what it is answered about messages that they were
 * given, for the checkers; its application is told of none of these. Boundary: which page sends what is the SDK's.
 */
import type { ServerFrame } from "../../protocol/frames.ts";
import { retryOf } from "../../client/refusal.ts";
import type { SendRecord } from "../history.ts";

/** One page. */
export class Heir {
  readonly #left: ReadonlyMap<string, SendRecord>;
  readonly #now: () => number;
  /** Those that it has sent, by producer and number. */
  readonly #sent = new Map<string, SendRecord>();

  /**
   * @param left what closed pages have left, by text
   * @param now milliseconds of the world
   */
  constructor(left: ReadonlyMap<string, SendRecord>, now: () => number) {
    this.#left = left;
    this.#now = now;
  }

  /** It sends a message under that number of that producer. */
  sends(p: string, n: number, text: string): void {
    const send = this.#left.get(text);
    if (send !== undefined) this.#sent.set(`${p} ${n}`, send);
  }

  /** It is answered; the first verdict counts. */
  hears(frame: Extract<ServerFrame, { t: "ack" | "nack" }>): void {
    const send = this.#sent.get(`${frame.p} ${frame.n}`);
    if (send === undefined || send.inherited !== undefined) return;
    const at = this.#now();
    if (frame.t === "ack") send.inherited = { at, seq: frame.seq };
    else if (retryOf(frame) === "never") send.inherited = { at, refused: frame.code };
  }
}
