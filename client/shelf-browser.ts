/** Records in the page's local storage, held under Web Locks, which end with their page. */
import { attempted, type Shelf } from "./environment.ts";

const prefix = "usher.unsent.";

/** The shelf of all pages of one origin; undefined where a page has no Web Locks or may not store anything. */
export function browserShelf(): Shelf | undefined {
  // The types promise what a page without TLS does not have.
  const locks = navigator.locks as LockManager | undefined;
  const storage = attempted(() => localStorage);
  if (locks === undefined || storage === undefined) return undefined;
  return {
    names: () =>
      Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? "").flatMap((key) =>
        key.startsWith(prefix) ? [key.slice(prefix.length)] : [],
      ),
    read: (name) => storage.getItem(prefix + name) ?? undefined,
    write: (name, text) => storage.setItem(prefix + name, text),
    remove: (name) => storage.removeItem(prefix + name),
    hold: (name) =>
      new Promise((resolve, reject) => {
        const held = (lock: Lock | null): Promise<void> | undefined => {
          if (lock === null) return void resolve(undefined);
          return new Promise((letGo) => resolve(() => letGo()));
        };
        locks.request(prefix + name, { ifAvailable: true }, held).catch(reject);
      }),
  };
}
