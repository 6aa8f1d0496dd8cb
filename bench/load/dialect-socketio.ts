/**
 * Clients that speak Socket.IO 5 over Engine.IO 4 on a bare WebSocket: `40{auth}` connects to the namespace, `42[...]` is an
 * event, `43<id>[...]` its acknowledgement, `2` a ping that is answered by `3` (socket.io-protocol, engine.io-protocol).
 */
import {
  missedMs,
  within,
  type Attendee,
  type Dialect,
  type Resumed,
  type Returner,
  type Seat,
  type TalkListener,
  type Talker,
  type Target,
} from "./dialect.ts";
import { fillingOf, markedText, readMarker } from "./marker.ts";
import { Missed } from "./missed.ts";
import { Wire } from "./wire.ts";

const code = { open: 0x30, ping: 0x32, message: 0x34, connect: 0x30, event: 0x32, ack: 0x33 } as const;
const everybody = "all";

/** Takes the events and acknowledgements of a client as raw bytes. */
interface SocketIoListener {
  event(chunk: Buffer, start: number, end: number): void;
  acked(): void;
}

interface Connected {
  readonly sid: string;
  readonly pid?: string;
}

/** One attached Socket.IO client. */
class SocketIoClient {
  connected: Connected | undefined;
  #wire: Wire | undefined;
  #ended = "";
  readonly #listener: SocketIoListener;

  constructor(listener: SocketIoListener) {
    this.#listener = listener;
  }

  async attach(port: number, auth: object): Promise<Connected> {
    const wire = Wire.open(
      { port, path: "/socket.io/?EIO=4&transport=websocket" },
      {
        frame: (chunk, start, end) => this.#take(chunk, start, end),
        closed: (why) => {
          this.#ended = why;
          this.#wake();
        },
      },
    );
    this.#wire = await wire;
    this.#wire.send(`40${JSON.stringify(auth)}`);
    while (this.connected === undefined) {
      if (this.#ended !== "") throw new Error(`not connected: ${this.#ended}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.connected;
  }

  send(text: string): void {
    this.#wire?.send(text);
  }

  cut(): void {
    this.#wire?.cut();
  }

  close(): void {
    this.#wire?.close();
  }

  #wake: () => void = () => {};

  #take(chunk: Buffer, start: number, end: number): void {
    const [first, second] = [chunk[start], chunk[start + 1]];
    if (first === code.ping) return this.send("3");
    if (first !== code.message) return;
    if (second === code.event) return this.#listener.event(chunk, start, end);
    if (second === code.ack) return this.#listener.acked();
    if (second !== code.connect) return;
    this.connected = JSON.parse(chunk.toString("utf8", start + 2, end)) as Connected;
    this.#wake();
  }
}

/** Socket.IO's clients; `room` is who hears whom. */
export class SocketIoDialect implements Dialect {
  readonly troubles: Record<string, number> = {};
  readonly #target: Target;
  readonly #filling: string;
  readonly #returners: SocketIoReturner[] = [];

  constructor(target: Target) {
    this.#target = target;
    this.#filling = fillingOf(target.bytes);
  }

  async pair(
    { pair, homes }: Seat,
    listeners: readonly [TalkListener, TalkListener],
  ): Promise<readonly [Talker, Talker]> {
    const room = `${this.#target.generator}-${pair}`;
    return [
      await this.#talker(homes[0], room, 0, listeners[0]),
      await this.#talker(homes[1], room, 1, listeners[1]),
    ];
  }

  idle(i: number): Promise<Attendee> {
    return this.#attendee(i, `idle-${i}`);
  }

  speaker(listener: TalkListener): Promise<Talker> {
    return this.#talker(0, everybody, 0, listener);
  }

  member(i: number): Promise<Attendee> {
    return this.#attendee(i, everybody);
  }

  async returner(i: number): Promise<Returner> {
    const returner = new SocketIoReturner(this.#port(i));
    await returner.begin();
    this.#returners.push(returner);
    return returner;
  }

  /** Offsets come with events: everybody hears one. */
  async settle(): Promise<void> {
    await this.#broadcast(1);
    const late = Date.now() + missedMs;
    while (this.#returners.some(({ offset }) => offset === "") && Date.now() < late)
      await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Everybody is in one room, so that a missed message is one entry of the stream for all: the easiest case. */
  miss(_clients: number, messages: number): Promise<void> {
    return this.#broadcast(messages);
  }

  async #broadcast(messages: number): Promise<void> {
    let acks = 0;
    let done = (): void => {};
    const talker = await this.speaker({
      heard: () => {},
      acked: () => {
        if (++acks === messages) done();
      },
    });
    for (let k = 0; k < messages; k++) talker.say(k);
    await within(missedMs, (resolve) => (done = resolve));
    talker.close();
  }

  #port(i: number): number {
    return this.#target.ports[i % this.#target.ports.length] ?? 0;
  }

  async #talker(home: number, room: string, side: number, listener: TalkListener): Promise<Talker> {
    const client = new SocketIoClient({
      acked: () => listener.acked(),
      event: (chunk, start, end) => {
        readMarker(chunk, start, end, (from, k) => {
          if (from !== side) listener.heard(from, k);
        });
      },
    });
    await client.attach(this.#port(home), { room });
    const filling = this.#filling;
    return {
      say: (k) => client.send(`42${k}["m","${markedText(side, k, filling)}"]`),
      tick: () => {},
      close: () => client.close(),
    };
  }

  async #attendee(home: number, room: string): Promise<Attendee> {
    let count = 0;
    const client = new SocketIoClient({ acked: () => {}, event: () => void count++ });
    await client.attach(this.#port(home), { room });
    return {
      get count() {
        return count;
      },
      tick: () => {},
      cut: () => client.cut(),
      close: () => client.close(),
    };
  }
}

class SocketIoReturner implements Returner {
  /** Of the last event. */
  offset = "";
  readonly #port: number;
  #client: SocketIoClient | undefined;
  #connected: Connected = { sid: "" };
  readonly #missed = new Missed();

  constructor(port: number) {
    this.#port = port;
  }

  async begin(): Promise<void> {
    await this.#attach({ room: everybody });
  }

  cut(): void {
    this.#client?.cut();
  }

  async resume(messages: number): Promise<Resumed> {
    this.#missed.expect(messages);
    const { sid, pid } = this.#connected;
    await this.#attach({ room: everybody, pid, offset: this.offset });
    return this.#missed.arrived(this.#connected.sid === sid);
  }

  tick(): void {
    // The server pings.
  }

  close(): void {
    this.#client?.close();
  }

  async #attach(auth: object): Promise<void> {
    const client = new SocketIoClient({
      acked: () => {},
      event: (chunk, start, end) => this.#heard(chunk, start, end),
    });
    this.#client = client;
    this.#connected = await client.attach(this.#port, auth);
  }

  /** `42["m","~0.3~...","<offset>"]` */
  #heard(chunk: Buffer, start: number, end: number): void {
    this.offset = chunk.toString("latin1", chunk.lastIndexOf(',"', end) + 2, end - 2);
    this.#missed.heard(chunk, start, end);
  }
}
