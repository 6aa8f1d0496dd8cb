import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP link that a test can break in the ways that links break. */
export interface TcpProxy {
  /** Where to connect instead of the target, on 127.0.0.1. */
  readonly port: number;
  /** Drops all connections and refuses new ones, until `heal`. */
  cut(): void;
  /** Listens again on the same port. */
  heal(): Promise<void>;
  /** While on: the next bytes that the target sends on a connection are dropped, and that connection is cut. */
  swallowReplies(on: boolean): void;
  /** While on: connections are accepted and stay open, but no byte passes in either direction. */
  silence(on: boolean): void;
  /** How many connections are open. */
  connections(): number;
  stop(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly target: Socket;
}

/** Starts a proxy on a free loopback port in front of a loopback port. */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let swallowing = false;
  let silent = false;

  const join = (client: Socket): void => {
    const target = connect({ host: "127.0.0.1", port: targetPort, noDelay: true });
    client.setNoDelay(true);
    const pair = { client, target };
    pairs.add(pair);
    const drop = (): void => {
      pairs.delete(pair);
      client.destroy();
      target.destroy();
    };
    for (const socket of [client, target]) socket.on("error", drop).on("close", drop);
    client.on("data", (bytes) => target.write(bytes)).on("end", () => target.end());
    target.on("data", (bytes) => (swallowing ? drop() : client.write(bytes))).on("end", () => client.end());
    if (silent) pause(pair);
  };
  const server = createServer(join);
  const port = await listen(server, 0);
  const cut = (): void => {
    server.close();
    for (const { client, target } of pairs) {
      client.destroy();
      target.destroy();
    }
    pairs.clear();
  };
  return {
    port,
    cut,
    async heal() {
      if (!server.listening) await listen(server, port);
    },
    swallowReplies: (on) => void (swallowing = on),
    silence(on) {
      silent = on;
      for (const pair of pairs) {
        if (on) pause(pair);
        else resume(pair);
      }
    },
    connections: () => pairs.size,
    async stop() {
      if (!server.listening) return cut();
      const closed = new Promise<void>((resolve) => server.once("close", resolve));
      cut();
      await closed;
    },
  };
}

function pause({ client, target }: Pair): void {
  client.pause();
  target.pause();
}

function resume({ client, target }: Pair): void {
  client.resume();
  target.resume();
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.removeListener("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}
