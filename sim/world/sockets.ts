/**
 * Simulated sockets between SDK environments and nodes, and the balancer in front. Role: opens, carries, cuts. Boundary:
 * a node is a door (its process, whether it accepts, `open`). Invariants: messages of a connection arrive in order or
 * not at all; each end hears of the end at most once, and of a silent connection never.
 */
import type { ConnectionInput } from "../../actors/gateway.ts";
import type { Socket } from "../../actors/socket.ts";
import type { ClientSocket } from "../../client/environment.ts";
import { Stream } from "./chance.ts";
import type { Costs } from "./costs.ts";
import type { Process } from "./process.ts";
import { SimulatedSocket } from "./socket.ts";
import type { Distance, WayParts } from "./way.ts";

/** Where a node takes sockets. */
export interface Door {
  readonly process: Process;
  /** Whether upgrades are accepted; 503 else. */
  accepting(): boolean;
  open(socket: Socket): ConnectionInput;
}

/** What the sockets of a world are made of. */
export interface SocketParts extends WayParts {
  readonly costs: Costs;
  readonly distance: Distance;
}

/** All sockets of one world. */
export class Sockets {
  readonly #parts: SocketParts;
  readonly #doors = new Map<string, Door>();
  readonly #open = new Map<string, Set<SimulatedSocket>>();
  readonly #latest = new WeakMap<Process, SimulatedSocket>();
  readonly #balancer: Stream;
  readonly #preferred = new Map<string, string>();
  readonly #shut = new Set<{ readonly node: string }>();
  #count = 0;
  /** Connections that were tried, and those that found no node. */
  readonly tally = { attempts: 0, unreachable: 0 };

  constructor(parts: SocketParts) {
    this.#parts = parts;
    this.#balancer = new Stream(parts.seed, "balancer");
  }

  /** A node's door from now on, or none. */
  setDoor(node: string, door: Door | undefined): void {
    if (door === undefined) this.#doors.delete(node);
    else this.#doors.set(node, door);
  }

  /** Opens a connection: to the node that the address names (`ws://n1/ws`), or to one that the balancer finds. */
  dial(client: Process, url: string): ClientSocket {
    this.tally.attempts++;
    const id = ++this.#count;
    const host = new URL(url).hostname;
    const door = this.#doors.has(host) ? this.#doors.get(host) : this.#choose(client.name);
    const node = door?.process.name ?? "nowhere";
    const socket = new SimulatedSocket(this.#parts, client, node, id);
    this.#latest.set(client, socket);
    if (door === undefined || !this.#serves(door)) {
      this.tally.unreachable++;
      socket.refuse();
      return socket.client;
    }
    const open = this.#open.get(node) ?? new Set();
    this.#open.set(node, open.add(socket));
    socket.onEnd = () => void open.delete(socket);
    socket.connect(door);
    return socket.client;
  }

  /** A crashed process's kernel ends its connections: the clients hear it. With `silently` the machine itself is gone. */
  crash(node: string, silently: boolean): void {
    const open = this.#open.get(node);
    if (open === undefined) return;
    this.#open.delete(node);
    for (const socket of open) {
      if (silently) socket.silence();
      else socket.cut();
      socket.forgetNode();
    }
    open.clear();
  }

  /** Cuts a share of a node's connections (`*`: of everybody's); both ends hear it. */
  cut(node: string, share: number): void {
    for (const [name, open] of this.#open) {
      if (node !== "*" && node !== name) continue;
      for (const socket of open) if (socket.chance() < share) socket.cut();
    }
  }

  /** Lets nobody in to a node (`*`: to any), until the answer is called. */
  shut(node: string): () => void {
    const entry = { node };
    this.#shut.add(entry);
    return () => void this.#shut.delete(entry);
  }

  /** Breaks a client's connection; both ends hear it. */
  drop(client: Process): void {
    this.#latest.get(client)?.cut();
  }

  /** From now on the balancer sends the client of that name to this node while that serves. */
  prefer(client: string, node: string): void {
    this.#preferred.set(client, node);
  }

  /** The client's network changes: its end is gone, the node hears nothing. */
  abandon(client: Process): void {
    this.#latest.get(client)?.abandon();
  }

  /** A client's process has ended: what the nodes still hold of its connection keeps nothing of it alive. */
  forget(client: Process): void {
    this.#latest.get(client)?.forgetClient();
  }

  /** How many connections a node's side holds. */
  count(node: string): number {
    return this.#open.get(node)?.size ?? 0;
  }

  /** Like nginx: another node when one refuses or says 503. */
  #choose(client: string): Door | undefined {
    const preferred = this.#doors.get(this.#preferred.get(client) ?? "");
    if (preferred !== undefined && this.#serves(preferred)) return preferred;
    const doors = [...this.#doors.values()];
    const first = this.#balancer.below(Math.max(1, doors.length));
    for (let i = 0; i < doors.length; i++) {
      const door = doors[(first + i) % doors.length];
      if (door !== undefined && this.#serves(door)) return door;
    }
    return undefined;
  }

  #serves(door: Door): boolean {
    for (const { node } of this.#shut) if (node === "*" || node === door.process.name) return false;
    return !door.process.dead && (door.process.paused || door.accepting());
  }
}
