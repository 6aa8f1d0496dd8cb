/**
 * One Socket.IO node of the benches, as its documentation builds one: WebSocket only, rooms, an adapter over Redis named by
 * the first argument (`streams` with connection state recovery of two minutes, or `pubsub`). No authentication, no
 * validation, no limits: whatever that saves is the peer's.
 */
import { createServer } from "node:http";
import { createRequire } from "node:module";

interface PeerSocket {
  readonly handshake: { readonly auth: { readonly room?: string } };
  readonly recovered: boolean;
  join(room: string): void;
  to(room: string): { emit(event: string, text: string): void };
  on(event: "m", run: (text: string, ack: () => void) => void): void;
}

interface PeerServer {
  on(event: "connection", run: (socket: PeerSocket) => void): void;
}

interface Redis {
  duplicate(): Redis;
}

const require = createRequire(import.meta.url);
const { Server } = require("socket.io") as {
  Server: new (http: ReturnType<typeof createServer>, options: object) => PeerServer;
};
const { Redis } = require("ioredis") as { Redis: new (url: string, options: object) => Redis };

const [kind, port, redisUrl] = process.argv.slice(2);
const recoveryMs = 120_000;

/** Commands of one turn of the event loop go out together: faster here than one by one, for both adapters. */
const redis = new Redis(redisUrl ?? "", { enableAutoPipelining: true });

function streams(): object {
  const { createAdapter } = require("@socket.io/redis-streams-adapter") as {
    createAdapter: (client: Redis, options: object) => unknown;
  };
  return {
    adapter: createAdapter(redis, { onlyPlaintext: true }),
    connectionStateRecovery: { maxDisconnectionDuration: recoveryMs, skipMiddlewares: true },
  };
}

function pubSub(): object {
  const { createAdapter } = require("@socket.io/redis-adapter") as {
    createAdapter: (publisher: Redis, subscriber: Redis) => unknown;
  };
  return { adapter: createAdapter(redis, redis.duplicate()) };
}

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  serveClient: false,
  ...(kind === "streams" ? streams() : pubSub()),
});
io.on("connection", (socket) => {
  const room = socket.handshake.auth.room ?? "";
  if (!socket.recovered) socket.join(room);
  socket.on("m", (text, ack) => {
    socket.to(room).emit("m", text);
    ack();
  });
});
http.listen(Number(port), "127.0.0.1", 4096, () => process.stdout.write("ready\n"));
