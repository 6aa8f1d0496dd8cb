/**
 * What one device was given to say. Role: a record of each message and what came of it, for the checkers. Boundary: the
 * SDK sends it. Invariant: of a page that has closed it says which messages have to outlive it.
 */
import type { History, SendRecord } from "../history.ts";
import type { Process } from "../world/process.ts";
import { lockMs, type Browser } from "./browser.ts";

/** The messages of one device. */
export class Messages {
  readonly #history: History;
  readonly #process: Process;
  readonly #browser: Browser | undefined;
  readonly #unanswered = new Set<SendRecord>();
  readonly #listeners: (() => void)[] = [];
  #count = 0;
  #keeps = false;

  /** @param browser of a page that others follow */
  constructor(history: History, process: Process, browser: Browser | undefined) {
    this.#history = history;
    this.#process = process;
    this.#browser = browser;
  }

  /** Another one begins, unique in the whole history. @param seen highest number seen in its conversation */
  begin(conv: string, seen: number): SendRecord {
    const { name, scheduler } = this.#process;
    const text = `${name}#${++this.#count}`;
    const send: SendRecord = { text, conv, device: name, startedAt: scheduler.now, seen };
    this.#history.sends.push(send);
    this.#unanswered.add(send);
    for (const listen of this.#listeners.splice(0)) this.#process.clock.soon(listen);
    return send;
  }

  /** Resolves when another one has begun. */
  begun(): Promise<void> {
    return new Promise((resolve) => void this.#listeners.push(resolve));
  }

  /** One was answered. */
  settle(send: SendRecord, answer: { readonly seq: number } | { readonly refused: string }): void {
    Object.assign(send, answer, { settledAt: this.#process.scheduler.now });
    this.#unanswered.delete(send);
  }

  /**
   * The device's first welcome: a moment later, when the page has its record, all of them outlive it. A frozen page gets
   * its record late, and comes to this late as well.
   */
  welcomed(): void {
    if (this.#browser === undefined) return;
    this.#process.at(this.#process.scheduler.now + lockMs, () => {
      this.#keeps = true;
    });
  }

  /** The page has closed: what was not answered is the next one's, sent or not. */
  leave(): void {
    for (const send of this.#unanswered) {
      if (this.#keeps) send.kept = true;
      this.#browser?.left.set(send.text, send);
    }
  }
}
