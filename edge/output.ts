/**
 * What goes out on one connection. Role: gathers the frames of one turn of the event loop into one string, which Node
 * hands to the operating system in one copy and one call. Boundary: frames are text-frame.ts; the handshake, pongs and
 * the end are the ws package's, on the same stream. Invariant: only whole frames are written, in the order in which they
 * were added.
 */
import type { Duplex } from "node:stream";

/** The ends of the event loop's turns: what was added in a turn is written then. */
export class Turns {
  #waiting: Output[] = [];
  readonly #end = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const output of waiting) output.flush();
  };

  /** Lets it write at the end of this turn, after all who asked before. */
  wait(output: Output): void {
    if (this.#waiting.length === 0) setImmediate(this.#end);
    this.#waiting.push(output);
  }
}

/** Where a WebSocket stands, as ws tells it. */
export interface Standing {
  readonly readyState: number;
  readonly OPEN: number;
}

/** The sending side of one connection. */
export class Output {
  readonly #duplex: Duplex;
  readonly #turns: Turns;
  #webSocket: Standing | undefined;
  #pending = "";
  #held = false;
  #waits = false;

  constructor(duplex: Duplex, turns: Turns) {
    this.#duplex = duplex;
    this.#turns = turns;
  }

  /** Bytes that the operating system does not have yet. */
  get buffered(): number {
    return this.#pending.length + this.#duplex.writableLength;
  }

  /** Until the end of the turn, what others write on the stream waits for what is added here. */
  hold(): void {
    this.#held = true;
    this.#duplex.cork();
    this.#wait();
  }

  /** The handshake is over: from now on what is added goes out as long as this is open. */
  begin(webSocket: Standing): void {
    this.#webSocket = webSocket;
  }

  /** Adds a whole frame, a character a byte. */
  add(frame: string): void {
    this.#pending += frame;
    this.#wait();
  }

  /** Writes what was added, unless the close frame has gone out: nothing may follow it (RFC 6455, section 5.5.1). */
  flush(): void {
    this.#waits = false;
    const pending = this.#pending;
    this.#pending = "";
    const open = this.#webSocket !== undefined && this.#webSocket.readyState === this.#webSocket.OPEN;
    if (pending !== "" && open) this.#duplex.write(pending, "latin1");
    if (!this.#held) return;
    this.#held = false;
    this.#duplex.uncork();
  }

  #wait(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#turns.wait(this);
  }
}
