import * as fc from "fast-check";
import { ProducerRows } from "./producer-rows.ts";
import type { FakeSocket, VirtualWorld } from "./virtual-world.ts";
import type { CommandFrame, Cursor, Followed, Item, ServerFrame } from "../../protocol/frames.ts";

/** The conversation that the model's user has. */
export const conv = "s.v1.1";

interface Connection {
  readonly socket: FakeSocket;
  live: boolean;
  sent: number;
}

/** What goes wrong, each with its probability; all 0 is a perfect world. */
export interface Faults {
  /** A frame of either direction ends the connection instead of arriving. */
  cut: number;
  /** A command is answered BUSY. */
  busy: number;
  /** A command takes effect, but its answer is lost on a living connection. */
  mute: number;
  /** A delivery is skipped. */
  skip: number;
  /** A delivery comes twice. */
  twice: number;
}

const rate = fc.constantFrom(0, 0.02, 0.1, 0.3);
/** Faults of all kinds, or of few. */
export const storm: fc.Arbitrary<Faults> = fc.record({
  cut: rate,
  busy: rate,
  mute: rate,
  skip: rate,
  twice: rate,
});

/** What an item says; empty for what is no text. */
export function textOf({ ev }: Item): string {
  return ev.body.kind === "message" && ev.body.body.kind === "text" ? ev.body.body.text : "";
}

const closings = [1006, 4100, 4103, 4200, 4201, 4202] as const;

/** A server with one user, one conversation and as many faults as a test likes, on a virtual clock. */
export class ModelServer {
  readonly rows = new ProducerRows();
  readonly items: Item[] = [];
  readonly faults: Faults = { cut: 0, busy: 0, mute: 0, skip: 0, twice: 0 };
  readonly #world: VirtualWorld;
  readonly #connections = new Set<Connection>();
  #generation = 0;

  constructor(world: VirtualWorld) {
    this.#world = world;
    world.accept = (socket) => this.#accept(socket);
  }

  /** Somebody else says something. */
  speak(text: string): void {
    this.#append({
      ts: 0,
      by: { role: "agent", id: "a1" },
      body: { kind: "message", body: { kind: "text", text } },
    });
  }

  #accept(socket: FakeSocket): void {
    const connection: Connection = { socket, live: false, sent: 0 };
    socket.onclient = (frame) => this.#later(connection, () => this.#receive(connection, frame));
    this.#connections.add(connection);
    this.#say(connection, { t: "hello", node: "n1", hb: 25_000, authMs: 10_000, maxFrame: 65_536 });
  }

  #receive(connection: Connection, frame: Record<string, unknown>): void {
    switch (frame["t"]) {
      case "auth":
        return this.#welcome(connection, frame["cursors"] as Record<string, Cursor>);
      case "ping":
        return this.#say(connection, { t: "pong" });
      case "send":
        return this.#command(connection, frame as unknown as CommandFrame);
      case "follow": {
        const cursor = (frame["cursor"] ?? this.#tail()) as Cursor;
        connection.sent = cursor[0];
        this.#say(connection, {
          t: "conv",
          id: frame["id"] as number,
          recovered: true,
          ...this.#followed(cursor),
        });
        return this.#pump(connection);
      }
      case "sync": {
        const after = Number(frame["after"] ?? 0);
        const items = this.items.slice(after, after + 3);
        const more = after + 3 < this.items.length;
        return this.#say(connection, { t: "page", id: frame["id"] as number, conv, items, more });
      }
      default:
        return undefined;
    }
  }

  #welcome(connection: Connection, cursors: Record<string, Cursor>): void {
    const cursor = cursors[conv] ?? [0, 0];
    connection.sent = cursor[0];
    connection.live = true;
    this.#say(connection, {
      t: "welcome",
      session: "v.v1",
      user: "v1",
      role: "visitor",
      gen: (this.#generation += 1),
      limits: { maxInFlight: 32, commandsPerSecond: 20 },
      convs: [this.#followed(cursor)],
      more: false,
      recovered: cursors[conv] ? { [conv]: true } : {},
    });
    this.#pump(connection);
  }

  #command(connection: Connection, frame: CommandFrame): void {
    const { p, n } = frame;
    if (this.#happens(this.faults.busy))
      return this.#say(connection, { t: "nack", p, n, code: "BUSY", retry: "same" });
    const before = this.rows.log(conv).length;
    const answer = this.rows.command(frame);
    const muted = this.#happens(this.faults.mute);
    if (this.rows.log(conv).length === before || frame.t !== "send" || answer.t !== "ack") {
      if (!muted) this.#say(connection, this.#asLogged(answer));
      return;
    }
    const seq = this.items.length + 1;
    const isDelivery = connection.sent === seq - 1 && !muted;
    if (isDelivery) connection.sent = seq;
    const ev = {
      ts: 0,
      by: { role: "visitor", id: "v1" },
      p,
      n,
      body: { kind: "message", body: frame.body },
    } as const;
    this.#seqs.set(`${p} ${n}`, seq);
    if (!muted) this.#say(connection, this.#asLogged(answer));
    this.#append(ev);
  }

  readonly #seqs = new Map<string, number>();

  /** The rows count own commands only; in the log others stand between them. */
  #asLogged(answer: Extract<ServerFrame, { t: "ack" | "nack" }>): ServerFrame {
    const seq = this.#seqs.get(`${answer.p} ${answer.n}`);
    return answer.t === "ack" && seq !== undefined ? { ...answer, conv, seq, prev: seq - 1 } : answer;
  }

  #append(ev: Item["ev"]): void {
    const seq = this.items.length + 1;
    this.items.push({ seq, epoch: 1, prev: seq - 1, ev });
    for (const connection of this.#connections) this.#pump(connection);
  }

  #pump(connection: Connection): void {
    while (connection.live && connection.sent < this.items.length) {
      const item = this.items[connection.sent];
      if (!item) return;
      connection.sent += 1;
      if (this.#happens(this.faults.skip)) continue;
      this.#say(connection, { t: "deliver", conv, ...item });
      if (this.#happens(this.faults.twice)) this.#say(connection, { t: "deliver", conv, ...item });
    }
  }

  #say(connection: Connection, frame: ServerFrame): void {
    this.#later(connection, () => connection.socket.say(frame));
  }

  /** After the latency of the line, which keeps the order; or never, when the line is cut. */
  #later(connection: Connection, run: () => void): void {
    this.#world.after(20, () => {
      if (!this.#connections.has(connection)) return;
      if (!this.#happens(this.faults.cut)) return run();
      this.#connections.delete(connection);
      connection.live = false;
      connection.socket.drop(closings[Math.floor(this.#world.random() * closings.length)] ?? 1006);
    });
  }

  #followed(base: Cursor): Followed {
    const tail = this.#tail();
    return { conv, kind: "support", open: true, openedAt: 0, tail, base, read: 0, unread: 0 };
  }

  #tail(): Cursor {
    return [this.items.length, this.items.length === 0 ? 0 : 1];
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#world.random() < probability;
  }
}
