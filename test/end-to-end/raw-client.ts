import { WebSocket } from "ws";
import type { ServerFrame } from "../../protocol/frames.ts";
import { limits } from "../../protocol/limits.ts";
import { eventually } from "../support/eventually.ts";

/** A socket that says exactly what a test tells it to, and keeps everything it hears. */
export interface RawClient {
  readonly frames: ServerFrame[];
  send(frame: object | string): void;
  /** The first frame, heard already or to come, for which the test holds. */
  next<T extends ServerFrame["t"]>(
    t: T,
    where?: (frame: Extract<ServerFrame, { t: T }>) => boolean,
  ): Promise<Extract<ServerFrame, { t: T }>>;
  /** The code that the server closed with. */
  closed(): Promise<number>;
  close(): void;
}

/** Opens a socket; resolves after `hello`. */
export async function rawClient(url: string): Promise<RawClient> {
  const socket = new WebSocket(url, limits.subprotocol);
  const frames: ServerFrame[] = [];
  let code: number | undefined;
  socket.on("message", (data: Buffer) => frames.push(JSON.parse(data.toString("utf8")) as ServerFrame));
  socket.on("close", (closeCode) => {
    code = closeCode;
  });
  socket.on("error", () => {
    code ??= 1006;
  });
  const client: RawClient = {
    frames,
    send: (frame) => socket.send(typeof frame === "string" ? frame : JSON.stringify(frame)),
    next: (t, where = () => true) =>
      eventually(
        () => {
          const found = frames.find(
            (frame): frame is Extract<ServerFrame, { t: typeof t }> => frame.t === t && where(frame as never),
          );
          if (found === undefined && code !== undefined) throw new Error(`closed with ${code}`);
          return found;
        },
        10_000,
        `a ${t} frame`,
      ),
    closed: () => eventually(() => code, 10_000, "a close"),
    close: () => socket.close(),
  };
  await client.next("hello");
  return client;
}

/** Opens a socket and attaches; resolves after `welcome`. */
export async function attachedClient(
  url: string,
  token: string,
  device: string,
  attempt = 1,
  cursors: Readonly<Record<string, readonly [number, number]>> = {},
): Promise<RawClient> {
  const client = await rawClient(url);
  client.send({ t: "auth", token, device, attempt, cursors });
  await client.next("welcome");
  return client;
}
