import type { ConnectionInput } from "../../actors/gateway.ts";
import type { Socket } from "../../actors/socket.ts";
import type { ClientSocket } from "../../client/environment.ts";
import type { Process } from "./process.ts";
import type { Door, SocketParts } from "./sockets.ts";
import { Way } from "./way.ts";

/** What the operating systems on both ends take before a sender notices. */
const kernelBytes = 64 * 1024;
const lostCode = 1006;
const nothing = (): void => {};

/**
 * One connection, both ends of it. Invariants: each end is told of the end at most once; what a paused reader was sent
 * waits, in order.
 */
export class SimulatedSocket {
  readonly client: ClientSocket;
  readonly owner: Process;
  /** Called when the node's side is over. */
  onEnd: () => void = () => {};
  readonly #parts: SocketParts;
  readonly #up: Way;
  readonly #down: Way;
  readonly #id: number;
  #door: Door | undefined;
  #input: ConnectionInput | undefined;
  /** Whether the client's and the node's end still stand. */
  readonly #stands = { client: true, node: false };
  #silent = false;
  #opened = false;
  #reading = true;
  #unread: string[] = [];
  #underWay = 0;
  #cuts = 0;

  constructor(parts: SocketParts, owner: Process, node: string, id: number) {
    this.#parts = parts;
    this.owner = owner;
    this.#id = id;
    const name = `${owner.name}#${id}`;
    this.#up = new Way(parts, "clients", node, `${name}>${node}`, parts.distance);
    this.#down = new Way(parts, node, "clients", `${node}>${name}`, parts.distance);
    this.client = {
      send: (text) => this.#fromClient(text),
      close: (code) => this.#clientCloses(code),
      onopen: nothing,
      onmessage: nothing,
      onclose: nothing,
    };
  }

  /** Nobody takes it: the client hears so after a while. */
  refuse(): void {
    this.#tellClient(lostCode, "refused", 2 * this.#parts.distance.delayMs);
  }

  /** Goes through the upgrade at a node. */
  connect(door: Door): void {
    this.#door = door;
    const { costs } = this.#parts;
    const arrived = this.#up.carry(
      this.owner,
      door.process,
      "open",
      () => this.#upgrade(door),
      costs.acceptMs,
      true,
    );
    if (!arrived) this.silence();
  }

  /** A number of its own for a decision about it. */
  chance(): number {
    const draws = this.#id * 2_654_435_761 + ++this.#cuts * 40_503;
    return ((draws ^ (draws >>> 13)) >>> 0) / 4_294_967_296;
  }

  /** Both ends hear that the connection broke. */
  cut(): void {
    this.#tellClient(lostCode, "cut", this.#parts.distance.delayMs);
    this.#tellNode(this.#parts.distance.delayMs);
  }

  /** Nothing gets through any more, and nobody is told. */
  silence(): void {
    this.#silent = true;
  }

  /** The client's end alone hears that it broke. */
  abandon(): void {
    this.silence();
    this.#tellClient(lostCode, "the network changed", 0);
  }

  /** Nobody is there any more to hear anything at the client's end. */
  forgetClient(): void {
    Object.assign(this.client, { onopen: nothing, onmessage: nothing, onclose: nothing });
  }

  /** The node's process is dead. */
  forgetNode(): void {
    this.#input = undefined;
  }

  #upgrade(door: Door): void {
    if (!this.#stands.client && !this.#silent) return this.onEnd();
    if (!door.accepting()) {
      this.onEnd();
      return this.#tellClient(lostCode, "503", this.#parts.distance.delayMs);
    }
    this.#stands.node = true;
    this.#down.carry(door.process, this.owner, "opened", () => this.#openedAtClient(), 0, true);
    this.#input = door.open(this.#nodeEnd(door));
  }

  #openedAtClient(): void {
    if (!this.#stands.client || this.#silent) return;
    this.#opened = true;
    this.client.onopen();
  }

  #fromClient(text: string): void {
    const door = this.#door;
    if (!this.#stands.client || !this.#opened || this.#silent || door === undefined) return;
    const { costs } = this.#parts;
    const arrived = this.#up.carry(
      this.owner,
      door.process,
      text,
      () => this.#toNode(text),
      costs.frameInMs,
      true,
    );
    if (!arrived) this.silence();
  }

  #toNode(text: string): void {
    if (!this.#stands.node) return;
    if (this.#reading && this.#unread.length === 0) this.#input?.receive(text);
    else this.#unread.push(text);
  }

  /** One task per message that waited while the node did not read. */
  #catchUp(door: Door): void {
    const next = (): void => {
      const text = this.#reading && this.#stands.node ? this.#unread.shift() : undefined;
      if (text === undefined) return;
      this.#input?.receive(text);
      this.#catchUp(door);
    };
    if (this.#unread.length > 0)
      door.process.at(door.process.scheduler.now, next, this.#parts.costs.frameInMs);
  }

  #clientCloses(code: number): void {
    if (!this.#stands.client) return;
    this.#stands.client = false;
    this.#tellNode(this.#parts.distance.delayMs);
    if (!this.#opened) return;
    this.owner.clock.after(2 * this.#parts.distance.delayMs, () => this.client.onclose(code, ""));
  }

  #nodeEnd(door: Door): Socket {
    const { costs } = this.#parts;
    return {
      send: (text) => {
        if (!this.#stands.node) return;
        door.process.spend(costs.frameOutMs);
        this.#underWay += text.length;
        if (this.#silent) return;
        const arrived = this.#down.carry(door.process, this.owner, text, () => this.#toClient(text), 0, true);
        if (!arrived) this.silence();
      },
      close: (code, reason) => this.#nodeCloses(door, code, reason),
      buffered: () => Math.max(0, this.#underWay - kernelBytes),
      pause: () => {
        this.#reading = false;
      },
      resume: () => {
        if (this.#reading) return;
        this.#reading = true;
        this.#catchUp(door);
      },
    };
  }

  #toClient(text: string): void {
    this.#underWay -= text.length;
    if (this.#stands.client && !this.#silent) this.client.onmessage(text);
  }

  /** A dead process closes nothing: its kernel does. */
  #nodeCloses(door: Door, code: number, reason: string): void {
    if (!this.#stands.node || door.process.dead) return;
    this.#stands.node = false;
    this.onEnd();
    if (this.#silent) return;
    // What a page had not looked at yet when its network changed, it never sees: neither the last frames nor the end.
    const close = (): void => {
      if (!this.#silent) this.#closeAtClient(code, reason);
    };
    this.#down.carry(door.process, this.owner, `close ${code}`, close, 0, true);
  }

  #tellClient(code: number, reason: string, inMs: number): void {
    const { scheduler } = this.owner;
    this.owner.at(scheduler.now + inMs, () => this.#closeAtClient(code, reason));
  }

  #closeAtClient(code: number, reason: string): void {
    if (!this.#stands.client) return;
    this.#stands.client = false;
    this.client.onclose(code, reason);
  }

  #tellNode(inMs: number): void {
    const door = this.#door;
    if (door === undefined || this.#silent) return;
    door.process.at(door.process.scheduler.now + inMs, () => {
      if (!this.#stands.node) return;
      this.#stands.node = false;
      this.onEnd();
      this.#input?.closed();
    });
  }
}
