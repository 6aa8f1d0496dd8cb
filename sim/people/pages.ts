/**
 * The pages that one customer opens and closes in one browser. Role: which of them are open. Boundary: what happens on a
 * page is visitor.ts, when one turns it habits.ts, what remains of it browser.ts.
 */
import { Browser } from "./browser.ts";
import type { Device } from "./device.ts";

/** Opens a page. @param number the first is 1 */
export type OpenPage = (number: number, browser: Browser) => Device;

/** The pages of one customer. */
export class Pages {
  readonly #browser = new Browser();
  readonly #openPage: OpenPage;
  readonly #name: string;
  #open: Device[] = [];
  #count = 0;

  /** @param name of the customer */
  constructor(name: string, openPage: OpenPage) {
    this.#name = name;
    this.#openPage = openPage;
  }

  /** The page that is open for longest, if one is. */
  get oldest(): Device | undefined {
    return this.#open[0];
  }

  /** Opens another page. */
  open(): Device {
    const page = this.#openPage(++this.#count, this.#browser);
    this.#open.push(page);
    return page;
  }

  /** Closes a page; with `silently` the servers do not hear of it, as when its device loses power. */
  close(page: Device, silently: boolean): void {
    this.#open = this.#open.filter((other) => other !== page);
    page.close(silently);
  }

  /** Comes back where no page is open, or where there is something left that no open page has. */
  settle(): void {
    if (this.#open.length === 0 || this.#browser.records.free.length > 0) this.open();
  }

  /** What is still kept for the next page, in words. */
  lacks(): string[] {
    return this.#browser.records.all.map((name) => `${this.#name} has left messages unsent: record ${name}`);
  }
}
