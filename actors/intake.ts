/**
 * Keeps the node's breath: how late the event loop is, and which sockets are not read because of it. Boundary: knows no
 * frame and no session. Invariants: nobody is held while the loop is in time; holding costs only for those on whom
 * something comes, however many are connected.
 */
import type { Cancel, Clock } from "../base/clock.ts";

/** A socket that can be left unread. */
export interface Readable {
  pause(): void;
  resume(): void;
}

/** What an intake is made of. */
export interface IntakeParts {
  readonly clock: Clock;
  /** Told of every look how many milliseconds late it came. */
  readonly onLag: (lagMs: number) => void;
  /** Sockets were not read for this long: their clients' silence is not theirs. */
  readonly onHeld: (ms: number) => void;
}

/** How often the event loop is looked at. */
export const lookMs = 50;
/** Above this lag sockets are held, until it is a quarter of it. */
const heldLagMs = 200;

/** See the file's head. */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #held = new Set<Readable>();
  #heldSince: number | undefined;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Begins to look; the answer ends it. */
  start(): Cancel {
    const { clock } = this.#parts;
    let expected = clock.now() + lookMs;
    return clock.every(lookMs, () => {
      const now = clock.now();
      this.#look(now - expected, now);
      expected = now + lookMs;
    });
  }

  /** Something came on that socket: what follows is left unread while the loop is late. */
  heard(socket: Readable): void {
    if (this.#heldSince === undefined || this.#held.has(socket)) return;
    this.#held.add(socket);
    socket.pause();
  }

  /** That socket is gone. */
  forget(socket: Readable): void {
    this.#held.delete(socket);
  }

  #look(lagMs: number, now: number): void {
    this.#parts.onLag(lagMs);
    if (this.#heldSince === undefined) {
      if (lagMs > heldLagMs) this.#heldSince = now;
      return;
    }
    if (lagMs > heldLagMs / 4) return;
    this.#parts.onHeld(now - this.#heldSince);
    this.#heldSince = undefined;
    for (const socket of this.#held) socket.resume();
    this.#held.clear();
  }
}
