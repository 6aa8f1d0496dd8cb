import type { Cancel } from "./environment.ts";

interface Registration<Events extends object> {
  readonly name: keyof Events;
  readonly listener: (payload: never) => void;
}

/**
 * Typed events: `Events` maps each name to its payload. A listener that throws stops neither the others nor the
 * caller; its error goes to `failed`. One list for all names, replaced when it changes: there are few listeners.
 */
export class Emitter<Events extends object> {
  #listeners: readonly Registration<Events>[] = [];
  readonly #failed: (error: unknown) => void;

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Calls `listener`, once however often it was given, at each event of that name until the returned function is called. */
  on<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): Cancel {
    const others = (): Registration<Events>[] =>
      this.#listeners.filter((other) => other.name !== name || other.listener !== listener);
    if (others().length === this.#listeners.length)
      this.#listeners = [...this.#listeners, { name, listener }];
    return () => {
      this.#listeners = others();
    };
  }

  /** Tells all listeners of that name, in the order in which they came. */
  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const registered of this.#listeners) {
      if (registered.name !== name) continue;
      try {
        (registered.listener as (payload: Events[Name]) => void)(payload);
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
