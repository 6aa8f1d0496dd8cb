import { createServer, request, type IncomingMessage, type Server } from "node:http";
import { connect, type AddressInfo, type Socket as TcpSocket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { Socket } from "../../actors/socket.ts";
import { silentLog } from "../../base/log.ts";
import { serveWebSockets } from "../../edge/websocket.ts";
import { closeCodes } from "../../protocol/codes.ts";
import { limits } from "../../protocol/limits.ts";
import { eventually } from "../support/eventually.ts";

interface Edge {
  readonly url: string;
  readonly port: number;
  readonly sockets: Socket[];
  readonly heard: string[];
  accepting: boolean;
  gone: number;
  /** Of the last socket that went. */
  code?: number | undefined;
}

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function edge(origins: readonly string[] = [], compress = false): Promise<Edge> {
  const server: Server = createServer((_request, response) => response.end());
  const made: Edge = { url: "", port: 0, sockets: [], heard: [], accepting: true, gone: 0 };
  const { close } = serveWebSockets({
    server,
    log: silentLog(),
    accepting: () => made.accepting,
    origins,
    compress,
    open(socket) {
      made.sockets.push(socket);
      return {
        receive: (text) => void made.heard.push(text),
        closed: (code) => {
          made.gone++;
          made.code = code;
        },
      };
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  ends.push(() => {
    close();
    server.close();
    server.closeAllConnections();
  });
  return Object.assign(made, { port, url: `ws://127.0.0.1:${port}/ws` });
}

interface Opened {
  readonly socket: WebSocket;
  readonly heard: string[];
  closed(): Promise<number>;
}

async function opened(url: string, options: object = {}, protocol = limits.subprotocol): Promise<Opened> {
  const socket = new WebSocket(url, protocol, options);
  const heard: string[] = [];
  let code: number | undefined;
  socket.on("message", (data: Buffer) => heard.push(data.toString("utf8")));
  socket.on("close", (closeCode) => void (code = closeCode));
  socket.on("error", () => void (code ??= 1006));
  ends.push(() => socket.terminate());
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  return { socket, heard, closed: () => eventually(() => code, 5000, "a close") };
}

/** The status of an upgrade that is refused, or 101. */
function upgrade(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({
      port,
      path,
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-protocol": limits.subprotocol,
        ...headers,
      },
    });
    asked.on("response", (response: IncomingMessage) => resolve(response.statusCode ?? 0));
    asked.on("upgrade", (_response, socket: TcpSocket) => {
      socket.destroy();
      resolve(101);
    });
    asked.on("error", reject);
    asked.end();
  });
}

describe("websocket edge", () => {
  it("upgrades on /ws and below, with the subprotocol", async () => {
    const made = await edge();
    const client = await opened(made.url);
    expect(client.socket.protocol).toBe(limits.subprotocol);
    expect(await upgrade(made.port, "/ws/ann?x=1")).toBe(101);
  });

  it("refuses other paths, bad handshakes, strange origins, and all while it does not accept", async () => {
    const made = await edge(["https://shop.example"]);
    expect(await upgrade(made.port, "/")).toBe(404);
    expect(await upgrade(made.port, "/wsx")).toBe(404);
    expect(await upgrade(made.port, "/ws", { "sec-websocket-key": "short" })).toBe(400);
    expect(await upgrade(made.port, "/ws", { "sec-websocket-version": "7" })).toBe(400);
    expect(await upgrade(made.port, "/ws", { origin: "https://evil.example" })).toBe(403);
    expect(await upgrade(made.port, "/ws", { origin: "https://shop.example" })).toBe(101);
    expect(await upgrade(made.port, "/ws")).toBe(101);
    made.accepting = false;
    expect(await upgrade(made.port, "/ws")).toBe(503);
  });

  it("ends the connection of a refused upgrade, although the other end stays", async () => {
    const made = await edge();
    const socket = connect({ port: made.port, host: "127.0.0.1", allowHalfOpen: true });
    ends.push(() => socket.destroy());
    let ended = false;
    socket.on("data", () => {});
    socket.on("end", () => void (ended = true));
    socket.write(`GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    await eventually(() => ended);
    let broken = false;
    socket.on("error", () => void (broken = true));
    await eventually(() => {
      socket.write("x");
      return broken;
    });
  });

  it("closes with 4003 who does not speak the subprotocol, and survives what comes then", async () => {
    const made = await edge();
    const socket = connect({ port: made.port, host: "127.0.0.1" });
    ends.push(() => socket.destroy());
    let heard = Buffer.alloc(0);
    socket.on("data", (data: Buffer) => void (heard = Buffer.concat([heard, data])));
    socket.on("error", () => {});
    socket.write(
      "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    const code = Buffer.from([closeCodes.version >> 8, closeCodes.version & 255]);
    await eventually(() => heard.includes(code));
    // A frame that is not masked is an error of the protocol.
    socket.write(Buffer.from([0x81, 0x01, 0x41]));
    const other = await opened(made.url);
    other.socket.send("still there");
    await eventually(() => made.heard.includes("still there"));
    expect(made.sockets).toHaveLength(1);
  });

  it("passes text on, put together from its fragments, and nothing once it closes", async () => {
    const made = await edge();
    const client = await opened(made.url);
    client.socket.send("你", { fin: false });
    client.socket.send("好", { fin: true });
    await eventually(() => made.heard.length > 0);
    expect(made.heard).toEqual(["你好"]);
    made.sockets[0]?.close(closeCodes.replaced, "replaced");
    client.socket.send("late");
    expect(await client.closed()).toBe(closeCodes.replaced);
    await eventually(() => made.gone === 1);
    expect(made.heard).toEqual(["你好"]);
  });

  it.each([false, true])(
    "tells many clients the same and each its own, as text (compression %s)",
    async (compress) => {
      const made = await edge([], compress);
      const clients = [await opened(made.url), await opened(made.url), await opened(made.url)];
      let binary = 0;
      for (const { socket } of clients)
        socket.on("message", (_data, isBinary) => void (binary += isBinary ? 1 : 0));
      const long = "你好 ".repeat(1000);
      for (const text of ["one", "你好", long, "你好"]) for (const socket of made.sockets) socket.send(text);
      made.sockets.forEach((socket, i) => socket.send(`own ${i}`));
      await eventually(() => clients.every(({ heard }) => heard.length === 5));
      clients.forEach(({ heard }, i) => expect(heard).toEqual(["one", "你好", long, "你好", `own ${i}`]));
      expect(binary).toBe(0);
    },
  );

  it("closes with 4000 for binary, with 4004 for too much, and with 1009 for far too much", async () => {
    const made = await edge();
    const binary = await opened(made.url);
    binary.socket.send(Buffer.from("{}"));
    expect(await binary.closed()).toBe(closeCodes.badFrame);
    const large = await opened(made.url);
    large.socket.send("漢".repeat(limits.maxFrameBytes / 3 + 1));
    expect(await large.closed()).toBe(closeCodes.tooLarge);
    expect(JSON.parse(large.heard[0] ?? "")).toMatchObject({ t: "err", code: "TOO_LARGE" });
    const huge = await opened(made.url);
    huge.socket.send("x".repeat(5 * limits.maxFrameBytes));
    expect(await huge.closed()).toBe(1009);
    const whole = await opened(made.url);
    whole.socket.send("x".repeat(limits.maxFrameBytes));
    await eventually(() => made.heard.some((text) => text.length === limits.maxFrameBytes));
  });

  it("closes also where the reason is longer than a close frame can say", async () => {
    const made = await edge();
    const client = await opened(made.url);
    made.sockets[0]?.close(closeCodes.badFrame, `malformed send: ${"x".repeat(200)}`);
    expect(await client.closed()).toBe(closeCodes.badFrame);
  });

  it("says what came before its close, and nothing after it", async () => {
    const made = await edge();
    const client = await opened(made.url);
    const [socket] = made.sockets;
    socket?.send("one");
    socket?.send("two");
    socket?.close(closeCodes.drain, "drain");
    socket?.send("three");
    expect(await client.closed()).toBe(closeCodes.drain);
    expect(client.heard).toEqual(["one", "two"]);
  });

  it("counts what waits for the end of the turn", async () => {
    const made = await edge();
    const client = await opened(made.url);
    const [socket] = made.sockets;
    socket?.send("é".repeat(500));
    expect(socket?.buffered()).toBe(1004);
    await eventually(() => client.heard.length === 1);
    expect(socket?.buffered()).toBe(0);
  });

  it("counts what the client does not read", async () => {
    const made = await edge();
    const client = await opened(made.url);
    const [socket] = made.sockets;
    client.socket.pause();
    let sent = 0;
    while (sent < 64 && (socket?.buffered() ?? 0) <= limits.closeSlowBytes) {
      socket?.send("x".repeat(256 * 1024));
      sent++;
      await new Promise((resolve) => void setImmediate(resolve));
    }
    expect(socket?.buffered()).toBeGreaterThan(limits.closeSlowBytes);
    client.socket.resume();
    await eventually(() => socket?.buffered() === 0);
  });

  it("counts it with compression too", async () => {
    const made = await edge([], true);
    const client = await opened(made.url);
    expect(client.socket.extensions).toContain("permessage-deflate");
    const [socket] = made.sockets;
    client.socket.pause();
    for (let i = 0; i < 8; i++) socket?.send("x".repeat(256 * 1024));
    expect(socket?.buffered()).toBeGreaterThan(limits.closeSlowBytes);
    client.socket.resume();
    await eventually(() => client.heard.length === 8);
    expect(socket?.buffered()).toBe(0);
  });

  it("ends a socket whose other end does not answer the close, also one that is not read", async () => {
    const made = await edge();
    const client = await opened(made.url);
    client.socket.pause();
    made.sockets[0]?.pause();
    made.sockets[0]?.close(closeCodes.drain, "drain");
    await eventually(() => made.gone === 1, 5000, "the end of the socket");
  });

  it("says with which code a client went, and 1006 when it just went", async () => {
    const made = await edge();
    const polite = await opened(made.url);
    polite.socket.close(1001);
    await eventually(() => made.code === 1001, 5000, "the code");
    const rude = await opened(made.url);
    rude.socket.terminate();
    await eventually(() => made.code === 1006, 5000, "no code");
  });

  it("hears the answer to its close although it was not reading", async () => {
    const made = await edge();
    const client = await opened(made.url);
    made.sockets[0]?.pause();
    const from = performance.now();
    made.sockets[0]?.close(closeCodes.drain, "drain");
    expect(await client.closed()).toBe(closeCodes.drain);
    await eventually(() => made.gone === 1);
    expect(performance.now() - from).toBeLessThan(1500);
  });

  it("reads nothing while it is paused", async () => {
    const made = await edge();
    const client = await opened(made.url);
    made.sockets[0]?.pause();
    client.socket.send("one");
    const other = await opened(made.url);
    other.socket.send("two");
    await eventually(() => made.heard.length > 0);
    expect(made.heard).toEqual(["two"]);
    made.sockets[0]?.resume();
    await eventually(() => made.heard.length === 2);
  });
});
