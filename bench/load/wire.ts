/**
 * The cheapest WebSocket client that is still one (RFC 6455): raw frames over a TCP socket, the mask all zeros so that
 * masking costs nothing, writes gathered per turn of the event loop, received frames handed out as ranges of the chunk
 * they came in. All systems under test get the same.
 */
import { connect, type Socket } from "node:net";

/** What a wire tells. */
export interface WireListener {
  /** A text or binary frame: bytes `start` to `end` of the chunk, which is not kept. */
  frame(chunk: Buffer, start: number, end: number): void;
  /** The connection is over, whoever ended it. */
  closed(why: string): void;
}

/** Where to connect. */
export interface WireAddress {
  readonly port: number;
  readonly path: string;
  readonly protocol?: string;
}

const noBytes = Buffer.alloc(0);
const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const;
const finalBit = 0x80;
const maskBit = 0x80;
const maskBytes = 4;
const connectMs = 30_000;

/** One WebSocket of the load generator. */
export class Wire {
  readonly #socket: Socket;
  readonly #listener: WireListener;
  #rest = noBytes;
  #open = false;
  #corked = false;
  #over = false;

  private constructor(socket: Socket, listener: WireListener) {
    this.#socket = socket;
    this.#listener = listener;
  }

  /** Connects and upgrades. @throws Error when that is refused or takes too long */
  static open(address: WireAddress, listener: WireListener): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: address.port, host: "127.0.0.1", noDelay: true });
      const wire = new Wire(socket, listener);
      const timer = setTimeout(() => wire.#end("no upgrade in time"), connectMs);
      socket.on("connect", () => socket.write(upgrade(address)));
      socket.on("data", (chunk: Buffer) => {
        try {
          if (wire.#open) return wire.#take(chunk);
          if (!wire.#upgraded(chunk)) return;
          clearTimeout(timer);
          resolve(wire);
          const { first } = wire;
          if (first.length > 0) wire.#take(first);
        } catch (error) {
          wire.#end(String(error));
        }
      });
      socket.on("error", (error) => wire.#end(error.message));
      socket.on("close", () => {
        clearTimeout(timer);
        const opened = wire.#open;
        wire.#end("closed");
        if (!opened) reject(new Error(`port ${address.port}: ${wire.reason}`));
      });
    });
  }

  /** Why it ended; empty while it lives. */
  reason = "";
  /** With which code; 1006 where there was no close frame. */
  code = 1006;
  /** Frames that came together with the answer to the upgrade. */
  first = noBytes;

  /** Sends a text frame of ASCII characters. */
  send(text: string): void {
    this.#write(opcodes.text, text);
  }

  /** Drops the connection without a word. */
  cut(): void {
    this.#over = true;
    this.#socket.resetAndDestroy();
  }

  /** Says goodbye and drops the connection. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#write(opcodes.close, "");
    this.#socket.end();
    this.#socket.destroySoon();
  }

  #write(opcode: number, text: string): void {
    const { length } = text;
    const head = length < 126 ? 2 : 4;
    const frame = Buffer.allocUnsafe(head + maskBytes + length);
    frame[0] = finalBit | opcode;
    if (head === 2) frame[1] = maskBit | length;
    else {
      frame[1] = maskBit | 126;
      frame.writeUInt16BE(length, 2);
    }
    frame.writeUInt32BE(0, head);
    frame.write(text, head + maskBytes, "latin1");
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(frame);
  }

  /** True when the answer to the upgrade is complete and good. */
  #upgraded(chunk: Buffer): boolean {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const answer = this.#rest.toString("latin1", 0, end);
    if (!answer.startsWith("HTTP/1.1 101")) throw new Error(answer.split("\r\n")[0]);
    this.first = this.#rest.subarray(end + 4);
    this.#rest = noBytes;
    this.#open = true;
    return true;
  }

  #take(chunk: Buffer): void {
    const all = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + 2 <= all.length && !this.#over) {
      const short = (all[at + 1] ?? 0) & 0x7f;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (at + head > all.length) break;
      const length =
        short < 126 ? short : short === 126 ? all.readUInt16BE(at + 2) : Number(all.readBigUInt64BE(at + 2));
      const start = at + head;
      const end = start + length;
      if (end > all.length) break;
      at = end;
      this.#frame((all[start - head] ?? 0) & 0x0f, all, start, end);
    }
    this.#rest = at === all.length ? noBytes : Buffer.from(all.subarray(at));
  }

  #frame(opcode: number, all: Buffer, start: number, end: number): void {
    if (opcode === opcodes.close) {
      this.code = end - start >= 2 ? all.readUInt16BE(start) : 1005;
      this.#end(`closed by the server: ${this.code} ${all.toString("latin1", start + 2, end)}`);
    } else if (opcode === opcodes.ping) this.#write(opcodes.pong, all.toString("latin1", start, end));
    else if (opcode !== opcodes.pong) this.#listener.frame(all, start, end);
  }

  #end(why: string): void {
    if (this.reason === "") this.reason = why;
    if (!this.#over && this.#open) this.#listener.closed(this.reason);
    this.#over = true;
    this.#socket.destroy();
  }
}

function upgrade({ port, path, protocol }: WireAddress): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dXNoZXItYmVuY2gtdXNoZQ==",
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}
