/**
 * What outlives the pages of one customer's browser. Role: the SDK's storage and shelf, as all pages of one origin share
 * them, and what their messages came to that closed pages have left. Boundary: who opens and closes pages is pages.ts.
 * Invariants: a record is held by at most one page, until that lets go of it or closes; who holds it is settled elsewhere,
 * so that a page hears of it a moment later, and one that is frozen or closed meanwhile gets nothing.
 */
import type { Cancel } from "../../base/clock.ts";
import type { ClientStorage, Shelf } from "../../client/environment.ts";
import type { SendRecord } from "../history.ts";
import type { Process } from "../world/process.ts";

/** Within which a page is told whether it holds a record. */
export const lockMs = 4;

/** The browser of one customer. */
export class Browser {
  /** Messages without an answer whose page has closed, by their text. */
  readonly left = new Map<string, SendRecord>();
  readonly storage: ClientStorage;
  readonly #records = new Map<string, string>();
  readonly #holders = new Map<string, Process>();

  constructor() {
    const stored = new Map<string, string>();
    this.storage = { get: (key) => stored.get(key), set: (key, value) => void stored.set(key, value) };
  }

  /** The names of all records, and of those that no page holds. */
  get records(): { readonly all: readonly string[]; readonly free: readonly string[] } {
    const all = [...this.#records.keys()];
    return { all, free: all.filter((name) => !this.#holders.has(name)) };
  }

  /** The shelf as that page has it. */
  shelf(page: Process): Shelf {
    return {
      names: () => [...this.#records.keys()],
      read: (name) => this.#records.get(name),
      write: (name, text) => void this.#records.set(name, text),
      remove: (name) => void this.#records.delete(name),
      hold: (name) =>
        new Promise((resolve) => {
          const delayMs = page.random.float() * lockMs;
          page.at(page.scheduler.now + delayMs, () => resolve(this.#hold(name, page)));
        }),
    };
  }

  /** A page has closed: what it held is free, what it was still asking for it does not get. */
  closed(page: Process): void {
    for (const [name, holder] of this.#holders) if (holder === page) this.#holders.delete(name);
  }

  #hold(name: string, page: Process): Cancel | undefined {
    if (this.#holders.has(name)) return undefined;
    this.#holders.set(name, page);
    return () => {
      if (this.#holders.get(name) === page) this.#holders.delete(name);
    };
  }
}
