/** The real SDK over the load generator's cheap wires, behind what a balancer does. */
import type { ClientSocket, Environment } from "../../client/environment.ts";
import { nodeEnvironment } from "../../client/socket-node.ts";
import { limits } from "../../protocol/limits.ts";
import { Wire } from "./wire.ts";

const lostCode = 1006;

/**
 * An environment whose sockets go to one of several nodes: its own, and when that refuses, at once another. Which one
 * differs among those of one node, so that they come to all others alike, as behind the consistent hash of
 * `compose/nginx.conf`. Its frames are ASCII.
 * @param home counts clients: their nodes are taken in turn, and for those of one node so are the others
 */
export function wireEnvironment(ports: readonly number[], home: number): Environment {
  return {
    ...nodeEnvironment(),
    openSocket() {
      const socket: ClientSocket = {
        send: (text) => wire?.send(text),
        close: (code) => {
          closed = true;
          wire?.close();
          queueMicrotask(() => socket.onclose(code, ""));
        },
        onopen: () => {},
        onmessage: () => {},
        onclose: () => {},
      };
      let wire: Wire | undefined;
      let closed = false;
      /** What came together with the answer to the upgrade. */
      const early: string[] = [];
      dial(ports, home, {
        frame: (chunk, start, end) => {
          const text = chunk.toString("utf8", start, end);
          if (wire === undefined) early.push(text);
          else socket.onmessage(text);
        },
        closed: (why) => {
          if (!closed) socket.onclose(wire?.code ?? lostCode, why);
          closed = true;
        },
      }).then(
        (opened) => {
          if (closed) return opened.close();
          wire = opened;
          socket.onopen();
          for (const text of early.splice(0)) socket.onmessage(text);
        },
        (error: unknown) => {
          if (!closed) socket.onclose(lostCode, String(error));
          closed = true;
        },
      );
      return socket;
    },
  };
}

async function dial(
  ports: readonly number[],
  home: number,
  listener: Parameters<typeof Wire.open>[1],
): Promise<Wire> {
  let last: unknown = new Error("there is no node");
  const others = ports.length - 1;
  for (let i = 0; i < ports.length; i++) {
    const further = i === 0 ? 0 : 1 + ((Math.floor(home / ports.length) + i) % others);
    const port = ports[(home + further) % ports.length] ?? 0;
    try {
      return await Wire.open({ port, path: "/ws", protocol: limits.subprotocol }, listener);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}
