/**
 * One node of the ceiling: `ws` and NATS core, nothing stored, checked or limited. A message goes to the node that the
 * sender names, as `room text`; frames for many are built once.
 */
import { createServer } from "node:http";
import { connect } from "nats";
import { WebSocket, WebSocketServer } from "ws";

const [self, port, natsUrl] = process.argv.slice(2);
const rooms = new Map<string, Set<WebSocket>>();
const nats = await connect({ servers: natsUrl ?? "" });
const decoder = new TextDecoder();
const encoder = new TextEncoder();

function deliver(room: string, text: string, sender?: WebSocket): void {
  const frame = Buffer.from(`d${text}`);
  for (const socket of rooms.get(room) ?? [])
    if (socket !== sender && socket.readyState === WebSocket.OPEN) socket.send(frame, { binary: false });
}

for (const subject of [`node.${self}`, "all"]) {
  nats.subscribe(subject, {
    callback: (_error, { data }) => {
      const whole = decoder.decode(data);
      const at = whole.indexOf(" ");
      deliver(whole.slice(0, at), whole.slice(at + 1));
    },
  });
}

const http = createServer();
const server = new WebSocketServer({ server: http, clientTracking: false, perMessageDeflate: false });
server.on("connection", (socket, request) => {
  const query = new URL(request.url ?? "/", "http://node").searchParams;
  const room = query.get("room") ?? "";
  const peer = query.get("peer") ?? "";
  const members = rooms.get(room) ?? new Set<WebSocket>();
  rooms.set(room, members.add(socket));
  socket.on("message", (data: Buffer) => {
    const text = data.toString("latin1", 1);
    if (peer === self) deliver(room, text, socket);
    else nats.publish(peer === "*" ? "all" : `node.${peer}`, encoder.encode(`${room} ${text}`));
    socket.send("a");
  });
  socket.on("close", () => {
    members.delete(socket);
    if (members.size === 0) rooms.delete(room);
  });
  socket.on("error", () => socket.terminate());
  socket.send("h");
});
http.listen(Number(port), "127.0.0.1", 4096, () => process.stdout.write("ready\n"));
