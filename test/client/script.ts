import { connect, type Client } from "../../client/client.ts";
import { VirtualWorld, type FakeSocket } from "./virtual-world.ts";
import type { ClientEvents } from "../../client/client-events.ts";
import type { Cursor, Followed, Item } from "../../protocol/frames.ts";

/** The conversation of most scripts. */
export const conv = "s.v1.1";

/** A client on a virtual clock whose server is the test itself. */
export interface Script {
  readonly world: VirtualWorld;
  readonly client: Client;
  /** What the client emitted, in order. */
  readonly log: { readonly name: keyof ClientEvents; readonly payload: unknown }[];
  /** Payloads of one kind of event. */
  readonly emitted: <Name extends keyof ClientEvents>(name: Name) => ClientEvents[Name][];
  /** Frames that the client sent on the newest socket, of one kind. */
  readonly frames: (t: string) => Record<string, unknown>[];
  /** Says hello and welcome on the newest socket. */
  readonly welcome: (options?: WelcomeOptions) => Promise<void>;
  /** Lets the newest socket deliver a message. */
  readonly deliver: (seq: number, text?: string, prev?: number) => void;
}

/** What a scripted welcome says. */
export interface WelcomeOptions {
  readonly convs?: readonly Followed[];
  readonly recovered?: Record<string, true | "reset" | "left">;
  readonly more?: boolean;
  readonly url?: string;
}

const names = [
  "state",
  "welcome",
  "conversation",
  "event",
  "message",
  "history",
  "reset",
  "left",
  "read",
  "typing",
  "queue",
  "presence",
  "drain",
  "error",
] as const;

/** A description of a followed conversation. */
export function followed(base: Cursor = [0, 0], more: Partial<Followed> = {}): Followed {
  const fixed = { conv, kind: "support", open: true, openedAt: 0, read: 0, unread: 0 } as const;
  return { ...fixed, tail: base, base, ...more };
}

/** A message of somebody else as a delivery carries it. */
export function message(seq: number, text = `m${seq}`, prev = seq - 1): Item {
  const body = { kind: "message", body: { kind: "text", text } } as const;
  return { seq, epoch: 1, prev, ev: { ts: 0, by: { role: "agent", id: "a1" }, body } };
}

/** Starts a client; nothing has been said on its socket yet. */
export async function script(
  options: {
    token?: string | (() => string | Promise<string>);
    storage?: boolean;
    world?: VirtualWorld;
  } = {},
): Promise<Script> {
  const world = options.world ?? new VirtualWorld();
  const environment = world.environment({ storage: options.storage ?? false });
  const client = connect({ url: "ws://one/ws", token: options.token ?? "token", device: "d1", environment });
  const log: Script["log"] = [];
  for (const name of names) client.on(name, (payload) => void log.push({ name, payload }));
  await world.pass(1);
  const socket = (): FakeSocket => world.socket;
  return {
    world,
    client,
    log,
    emitted: (name) => log.filter((entry) => entry.name === name).map(({ payload }) => payload as never),
    frames: (t) => socket().sent.filter((frame) => frame["t"] === t),
    async welcome({ convs = [followed()], recovered = {}, more = false, url } = {}) {
      socket().say({ t: "hello", node: "n1", hb: 25_000, authMs: 10_000, maxFrame: 65_536 });
      socket().say({
        t: "welcome",
        session: "v.v1",
        user: "v1",
        role: "visitor",
        gen: 1,
        limits: { maxInFlight: 32, commandsPerSecond: 20 },
        convs,
        more,
        recovered,
        ...(url === undefined ? {} : { url }),
      });
      await world.pass(0);
    },
    deliver: (seq, text, prev) => socket().say({ t: "deliver", conv, ...message(seq, text, prev) }),
  };
}
