/** The systems beside Usher, each as its documentation builds it; see peers/ for their nodes. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startNats } from "../../compose/local/nats.ts";
import { freePort, startProcess, type LocalProcess } from "../../compose/local/process.ts";
import { startRedis } from "../../compose/local/redis.ts";
import { startTogether, type System } from "./system.ts";

const bench = fileURLToPath(new URL("..", import.meta.url));

/** Socket.IO 4 over Redis streams, resumable for two minutes. */
export const socketIoStreams = socketIo("socketio-streams", "streams");
/** Socket.IO 4 over Redis pub/sub: at most once. */
export const socketIoPubSub = socketIo("socketio-pubsub", "pubsub");

/** `ws` and NATS core with nothing stored: what this architecture could reach if it promised nothing. */
export const ceiling: System = {
  name: "ceiling",
  missing: () => undefined,
  start: ({ nodes }) =>
    startTogether(async (onStop) => {
      const nats = await startNats();
      onStop(() => nats.stop());
      const started = await startNodes("peers/raw-node.ts", nodes, onStop, (i) => [String(i)], nats.url);
      return { ...started, brokers: [nats.process] };
    }),
};

function socketIo(name: "socketio-streams" | "socketio-pubsub", adapter: string): System {
  return {
    name,
    missing: () =>
      existsSync(`${bench}node_modules/socket.io`)
        ? undefined
        : `${name} is left out: its packages are missing (npm install --prefix bench)`,
    start: ({ nodes }) =>
      startTogether(async (onStop) => {
        const redis = await startRedis();
        onStop(() => redis.stop());
        const started = await startNodes("peers/socketio-node.ts", nodes, onStop, () => [adapter], redis.url);
        return { ...started, brokers: [redis.process] };
      }),
  };
}

/** Starts node processes with arguments of their own, the port, and the address of what they stand on. */
async function startNodes(
  file: string,
  count: number,
  onStop: (stop: () => Promise<void>) => void,
  own: (i: number) => readonly string[],
  url: string,
): Promise<{ ports: number[]; nodes: LocalProcess[] }> {
  const ports: number[] = [];
  const nodes: LocalProcess[] = [];
  for (let i = 0; i < count; i++) {
    const port = await freePort();
    const node = await startProcess({
      name: `${file} ${i}`,
      command: process.execPath,
      args: ["--disable-warning=ExperimentalWarning", file, ...own(i), String(port), url],
      cwd: bench,
      ready: /ready/,
    });
    onStop(() => node.stop());
    ports.push(port);
    nodes.push(node);
  }
  return { ports, nodes };
}
