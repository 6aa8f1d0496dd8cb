/**
 * WebSockets (RFC 6455) through the ws package: upgrades on `/ws`, text messages in, frames out. Upgrades are refused
 * with 503 while the node drains or cannot serve, so that a proxy tries the next node.
 */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import type { ConnectionInput } from "../actors/gateway.ts";
import { errorFrame } from "../actors/server-frames.ts";
import type { Socket } from "../actors/socket.ts";
import type { Log } from "../base/log.ts";
import { closeCodes } from "../protocol/codes.ts";
import { limits } from "../protocol/limits.ts";
import { isAllowed } from "./origin.ts";
import { Output, Turns } from "./output.ts";
import { textFrame } from "./text-frame.ts";

/** What the WebSocket edge is made of. */
export interface WebSocketParts {
  readonly server: Server;
  readonly log: Log;
  /** Whether upgrades are accepted now. */
  readonly accepting: () => boolean;
  /** Browser origins that may connect; empty allows all. */
  readonly origins: readonly string[];
  readonly open: (socket: Socket) => ConnectionInput;
  /** Offer permessage-deflate (RFC 7692): saves bytes, costs memory per connection. */
  readonly compress: boolean;
}

const path = "/ws";
const pathWithUser = "/ws/";
/** Frames up to here are read and answered with 4004; beyond, ws itself closes with 1009. */
const maxPayloadBytes = 4 * limits.maxFrameBytes;
const closeWaitMs = 2000;
/** Of a close frame (RFC 6455, section 5.5), in which only ASCII is written here. */
const maxReasonBytes = 123;
const asText = { binary: false } as const;

/** Serves WebSockets on an HTTP server. */
export function serveWebSockets(parts: WebSocketParts): { close(): void } {
  const wss = new WebSocketServer({
    noServer: true,
    maxPayload: maxPayloadBytes,
    clientTracking: false,
    perMessageDeflate: parts.compress ? { threshold: 1024, serverNoContextTakeover: true } : false,
    handleProtocols: (offered) => (offered.has(limits.subprotocol) ? limits.subprotocol : false),
  });
  const turns = new Turns();
  const encode = encodeRepeatsOnce();
  const onUpgrade = (request: IncomingMessage, duplex: Duplex, head: Buffer): void => {
    duplex.on("error", () => duplex.destroy());
    const url = (request.url ?? "").split("?")[0] ?? "";
    if (url !== path && !url.startsWith(pathWithUser)) return refuse(duplex, 404, "Not Found");
    if (!parts.accepting()) return refuse(duplex, 503, "Service Unavailable");
    if (!isAllowed(request.headers.origin, parts.origins)) return refuse(duplex, 403, "Forbidden");
    const output = new Output(duplex, turns);
    // The answer to the upgrade and the first frame go out together.
    output.hold();
    wss.handleUpgrade(request, duplex, head, (webSocket) => attach(parts, webSocket, output, encode));
  };
  parts.server.on("upgrade", onUpgrade);
  return { close: () => void parts.server.off("upgrade", onUpgrade) };
}

function attach(parts: WebSocketParts, webSocket: WebSocket, output: Output, encode: Encode): void {
  // Before anything else: an error that nobody listens to ends the process.
  webSocket.on("error", (error: Error & { code?: string }) => {
    parts.log.debug("socket error", { code: error.code });
  });
  const socket = new ClientWebSocket(webSocket, output, encode);
  if (webSocket.protocol !== limits.subprotocol) {
    return socket.close(closeCodes.version, `speak ${limits.subprotocol}`);
  }
  const input = parts.open(socket);
  webSocket.on("message", (data: RawData, isBinary: boolean) => {
    if (webSocket.readyState !== webSocket.OPEN) return;
    if (isBinary) socket.close(closeCodes.badFrame, "text frames only");
    else if (sizeOf(data) > limits.maxFrameBytes) {
      socket.send(JSON.stringify(errorFrame("TOO_LARGE")));
      socket.close(closeCodes.tooLarge, "frame too large");
    } else input.receive(textOf(data));
  });
  webSocket.on("close", (code) => input.closed(code));
}

type Encode = (text: string) => string;

/** A text that goes to many clients in a row is encoded once. */
function encodeRepeatsOnce(): Encode {
  let last: string | undefined;
  let encoded = "";
  return (text) => {
    if (text !== last) {
      last = text;
      encoded = textFrame(text);
    }
    return encoded;
  };
}

/** One WebSocket as the gateway sees it. */
class ClientWebSocket implements Socket {
  readonly #webSocket: WebSocket;
  readonly #output: Output;
  readonly #encode: Encode;
  /** Frames are compressed, each by itself: only ws can do it. */
  readonly #compressed: boolean;

  constructor(webSocket: WebSocket, output: Output, encode: Encode) {
    this.#webSocket = webSocket;
    this.#output = output;
    output.begin(webSocket);
    this.#encode = encode;
    this.#compressed = webSocket.extensions !== "";
  }

  send(text: string): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    if (this.#compressed) this.#webSocket.send(text, asText);
    else this.#output.add(this.#encode(text));
  }

  close(code: number, reason: string): void {
    const webSocket = this.#webSocket;
    this.#output.flush();
    webSocket.close(code, reason.slice(0, maxReasonBytes));
    // A socket that is not read does not see the other end's close frame.
    webSocket.resume();
    const timer = setTimeout(() => webSocket.terminate(), closeWaitMs);
    timer.unref();
    webSocket.once("close", () => clearTimeout(timer));
  }

  buffered(): number {
    return this.#compressed ? this.#webSocket.bufferedAmount : this.#output.buffered;
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }
}

function sizeOf(data: RawData): number {
  return Array.isArray(data) ? data.reduce((sum, part) => sum + part.length, 0) : data.byteLength;
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("utf8");
  return Buffer.isBuffer(data) ? data.toString("utf8") : Buffer.from(data).toString("utf8");
}

function refuse(duplex: Duplex, status: number, text: string): void {
  duplex.once("finish", () => duplex.destroy());
  duplex.end(`HTTP/1.1 ${status} ${text}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
