/**
 * Which connections of a node are looked at in which second. Role: those where something goes on every second, the quiet
 * ones when the first of their deadlines may have come. Boundary: what a look does is the connection's affair. Invariants:
 * a second costs nothing for whoever is quiet; a connection is looked at no later than a second after it was stirred or
 * its deadline came, and at least every `slots` seconds, since wall clocks jump.
 */

/** What is looked at. */
export interface Swept {
  readonly open: boolean;
  /** Looks after everything; answers after how many milliseconds the next deadline may come. */
  sweep(now: number, pumps: boolean): number;
  /** Whether it is quiet; if so, it stirs the wheel when it is no more. */
  rest(): boolean;
}

const slots = 16;
const secondMs = 1000;
const pumpSweepEvery = 3;

/** The wheel of one node. */
export class SweepWheel<T extends Swept> {
  readonly #slots = Array.from({ length: slots }, () => new Set<T>());
  readonly #stirred = new Set<T>();
  #second = 0;

  /** A new one, first looked at in the next second. */
  add(one: T): void {
    this.#slotIn(1).add(one);
  }

  /** It is looked at every second until it rests. */
  stir(one: T): void {
    this.#stirred.add(one);
  }

  /** It is gone. */
  forget(one: T): void {
    this.#stirred.delete(one);
    for (const slot of this.#slots) slot.delete(one);
  }

  /** Once a second. */
  turn(now: number): void {
    this.#second++;
    const pumps = this.#second % pumpSweepEvery === 0;
    const slot = this.#slotIn(0);
    const due = new Set([...slot, ...this.#stirred]);
    for (const one of due) {
      if (!one.open) continue;
      const inMs = one.sweep(now, pumps);
      if (!one.open) continue;
      if (one.rest()) this.#stirred.delete(one);
      const seconds = Math.max(1, Math.min(slots - 1, Math.ceil(inMs / secondMs)));
      if (slot.delete(one)) this.#slotIn(seconds).add(one);
    }
  }

  #slotIn(seconds: number): Set<T> {
    const slot = this.#slots[(this.#second + seconds) % slots];
    if (slot === undefined) throw new RangeError("a wheel has all its slots");
    return slot;
  }
}
