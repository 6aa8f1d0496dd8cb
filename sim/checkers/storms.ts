/**
 * StormBounded: queues stay under their caps, and refusals are explicit. Watches each node's side of each connection:
 * every command that a node has read is answered in time, if only with BUSY, or its connection is closed; what one
 * producer has in flight and what waits to be written stay within the protocol's limits.
 */
import type { ConnectionInput } from "../../actors/gateway.ts";
import type { Socket } from "../../actors/socket.ts";
import { SparseMap } from "../../base/sparse-map.ts";
import { limits } from "../../protocol/limits.ts";
import type { History } from "../history.ts";
import type { Process } from "../world/process.ts";

/** Beyond the bound of a command: the sweep that ends it, and the turn of a busy processor. */
const graceMs = 2000;
/** One frame may go over the limit before the connection is closed for it. */
const bytesMax = limits.closeSlowBytes + 4 * limits.maxFrameBytes;
/** Asks of one node that may wait for their answer. */
const asksMax = 50_000;

interface Watched {
  readonly process: Process;
  readonly socket: Socket;
  /** Commands that were read and not answered, with when that was, oldest first. */
  readonly waiting: SparseMap<string, number>;
  readonly inFlight: SparseMap<string, number>;
}

/** What the nodes of one run do with their connections. */
export class StormWatch {
  readonly #history: History;
  readonly #now: () => number;
  /** Those of whom a command waits. */
  readonly #waiting = new Set<Watched>();
  /** When each process was last seen standing still. */
  readonly #pausedAt = new Map<Process, number>();

  constructor(history: History, now: () => number) {
    this.#history = history;
    this.#now = now;
  }

  /** Stands between a node and one connection. */
  watch(process: Process, socket: Socket, open: (socket: Socket) => ConnectionInput): ConnectionInput {
    const watched: Watched = { process, socket, waiting: new SparseMap(), inFlight: new SparseMap() };
    const input = open({
      buffered: () => socket.buffered(),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      send: (text) => {
        if (text.startsWith('{"t":"ack"') || text.startsWith('{"t":"nack"')) this.#answered(watched, text);
        socket.send(text);
        if (socket.buffered() > bytesMax) this.#flooded(watched);
      },
      close: (code, reason) => {
        this.#waiting.delete(watched);
        socket.close(code, reason);
      },
    });
    return {
      receive: (text) => {
        if (text.includes('"p":"')) this.#received(watched, text);
        input.receive(text);
      },
      closed: (code) => {
        this.#waiting.delete(watched);
        input.closed(code);
      },
    };
  }

  /** Looks at everything that waits now; `asks` of each living node. Call it every second or so. */
  look(nodes: readonly { readonly name: string; readonly asks: number }[]): void {
    const now = this.#now();
    for (const { name, asks } of nodes)
      if (asks > asksMax) this.#history.violate("StormBounded", `${asks} asks wait at ${name}`);
    for (const watched of this.#waiting) this.#lookAt(watched, now);
  }

  #lookAt(watched: Watched, now: number): void {
    const { process, waiting } = watched;
    if (process.dead) return void this.#waiting.delete(watched);
    if (process.paused) return void this.#pausedAt.set(process, now);
    const since = now - limits.commandMs - graceMs;
    if ((this.#pausedAt.get(process) ?? -Infinity) > since) return;
    for (const [command, at] of waiting.entries()) {
      if (at >= since) return;
      waiting.delete(command);
      if (waiting.size === 0) this.#waiting.delete(watched);
      const text = `${process.name} read ${command} at ${Math.round(at)} ms and has not answered`;
      this.#history.violate("StormBounded", text);
    }
  }

  #flooded({ process, socket }: Watched): void {
    const text = `${socket.buffered()} bytes wait on one connection of ${process.name}`;
    this.#history.violate("StormBounded", text);
  }

  #received(watched: Watched, text: string): void {
    const { process, waiting, inFlight } = watched;
    const { p, n } = JSON.parse(text) as { p?: unknown; n?: unknown };
    if (typeof p !== "string" || typeof n !== "number") return;
    const command = `${p} ${n}`;
    if (waiting.has(command)) return;
    waiting.set(command, this.#now());
    this.#waiting.add(watched);
    const count = (inFlight.get(p) ?? 0) + 1;
    inFlight.set(p, count);
    if (count > limits.maxInFlight)
      this.#history.violate(
        "StormBounded",
        `${count} commands of one producer are in flight at ${process.name}`,
      );
  }

  #answered(watched: Watched, text: string): void {
    const { waiting, inFlight } = watched;
    const { p, n } = JSON.parse(text) as { p: string; n: number };
    if (waiting.delete(`${p} ${n}`)) inFlight.set(p, (inFlight.get(p) ?? 1) - 1);
    if (waiting.size === 0) this.#waiting.delete(watched);
  }
}
