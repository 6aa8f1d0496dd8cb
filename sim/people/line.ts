/**
 * How one device gets to the servers. Role: opens sockets, and loses them when the device changes its network; in
 * between there may be none for a while. Boundary: the world carries; who changes when is habits.ts.
 */
import type { Cancel } from "../../base/clock.ts";
import type { ClientSocket } from "../../client/environment.ts";
import type { Process } from "../world/process.ts";
import type { Sockets } from "../world/sockets.ts";

const offlineCode = 1006;
/** Time in which a device without a network knows that it has none. */
const offlineMs = 5;

/** The line of one device. */
export class Line {
  readonly #process: Process;
  readonly #sockets: Sockets;
  #backAt = 0;
  #cancelBack: Cancel = () => {};

  constructor(process: Process, sockets: Sockets) {
    this.#process = process;
    this.#sockets = sockets;
  }

  /** Opens a socket; without a network it fails at once. */
  dial(url: string): ClientSocket {
    const { scheduler } = this.#process;
    if (scheduler.now >= this.#backAt) return this.#sockets.dial(this.#process, url);
    const socket: ClientSocket = {
      send: () => {},
      close: () => {},
      onopen: () => {},
      onmessage: () => {},
      onclose: () => {},
    };
    this.#process.at(scheduler.now + offlineMs, () => socket.onclose(offlineCode, "offline"));
    return socket;
  }

  /**
   * The network changes: what the device had is gone, the server hears nothing. `gapMs` later there is another one, and
   * the system says so by `back`; a change in between replaces this one.
   */
  change(gapMs: number, back: () => void): void {
    const { scheduler } = this.#process;
    this.#sockets.abandon(this.#process);
    this.#cancelBack();
    this.#backAt = scheduler.now + gapMs;
    const task = scheduler.schedule(this.#backAt, undefined, back);
    this.#cancelBack = () => scheduler.cancel(task);
  }

  /** Where there is no network, there is one now. */
  restore(back: () => void): void {
    const { scheduler } = this.#process;
    if (scheduler.now >= this.#backAt) return;
    this.#cancelBack();
    this.#backAt = scheduler.now;
    back();
  }
}
