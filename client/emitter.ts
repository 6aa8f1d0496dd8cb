import type { Cancel } from "./environment.ts";

/**
 * Typed events: `Events` maps each name to its payload. A listener that throws stops neither the others nor the
 * caller; its error goes to `failed`.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();
  readonly #failed: (error: unknown) => void;

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Calls `listener` at each event of that name until the returned function is called. */
  on<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): Cancel {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Tells all listeners of that name, in the order in which they came. */
  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const listener of Array.from(this.#listeners.get(name) ?? [])) {
      try {
        (listener as (payload: Events[Name]) => void)(payload);
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
