/** The SDK's environment in Node, over the `ws` package. */
import { WebSocket, type RawData } from "ws";
import { idFromBytes, type ClientSocket, type Environment } from "./environment.ts";

/** The environment of a Node process. */
export function nodeEnvironment(): Environment {
  return {
    now: () => performance.now(),
    wall: () => Date.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
    id: () => idFromBytes(crypto.getRandomValues(new Uint8Array(12))),
    openSocket: openNodeSocket,
  };
}

function openNodeSocket(url: string, subprotocol: string): ClientSocket {
  const web = new WebSocket(url, subprotocol, { perMessageDeflate: false, handshakeTimeout: 10_000 });
  let failure = "";
  const socket: ClientSocket = {
    send(text) {
      if (web.readyState === WebSocket.OPEN) web.send(text);
    },
    close(code, reason) {
      if (web.readyState === WebSocket.CONNECTING) web.terminate();
      else web.close(code, reason);
    },
    onopen: () => {},
    onmessage: () => {},
    onclose: () => {},
  };
  web.on("open", () => socket.onopen());
  web.on("message", (data, isBinary) => {
    if (!isBinary) socket.onmessage(textOf(data));
  });
  web.on("error", (error) => (failure = error.message));
  web.on("close", (code, reason) => socket.onclose(code, reason.length > 0 ? reason.toString() : failure));
  return socket;
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return data instanceof ArrayBuffer ? Buffer.from(data).toString() : data.toString();
}
