/** Mistakes of the SDK, and of the edge about what clients send. */
import type { Parsed } from "../../actors/inbound.ts";
import type { ClientSocket, Environment } from "../../client/environment.ts";
import { everyNth, type Plant, type Planted } from "./plant.ts";

const seldom = 40;

/** The bugs of this family. */
export const clientPlants: readonly Plant[] = [
  {
    name: "client-ignores-gaps",
    about: "the client takes an acknowledgement for the delivery of all that stands before it",
    begin: () => onSockets(gapsHidden),
  },
  {
    name: "numbers-reused",
    about: "every producer of a device has the same name, so that numbers are used again",
    begin: () => ({
      device(environment) {
        const name = environment.id();
        return { ...environment, id: () => name };
      },
    }),
  },
  {
    name: "renumbered-resend",
    about: "what was unanswered when the connection broke is sent again under a new number",
    begin: () => onSockets(renumbered),
  },
  {
    name: "silent-refusals",
    about: "a node that has much to do drops one command of forty without a word",
    begin: () =>
      onParse(() => {
        const dropped = everyNth(seldom);
        return (parsed) => (parsed.kind === "command" && dropped() ? { kind: "unknown" } : parsed);
      }),
  },
  {
    name: "lost-body",
    about: "some messages get the text of an earlier one",
    begin: () => onParse(staleBodies),
  },
];

/** Shows the SDK own acknowledgements as if nothing stood between them and its position. */
function gapsHidden(): (socket: ClientSocket) => Partial<ClientSocket> & { readonly incoming: Incoming } {
  const position = new Map<string, number>();
  return () => ({
    incoming(text) {
      const frame = JSON.parse(text) as {
        t: string;
        conv?: string;
        seq?: number;
        base?: [number, number];
        convs?: { conv: string; base: [number, number] }[];
      };
      for (const { conv, base } of frame.convs ?? [])
        position.set(conv, Math.max(base[0], position.get(conv) ?? 0));
      if (frame.conv === undefined) return text;
      if (frame.base !== undefined)
        position.set(frame.conv, Math.max(frame.base[0], position.get(frame.conv) ?? 0));
      if (frame.seq === undefined || frame.seq === 0) return text;
      if (frame.t !== "ack" && frame.t !== "deliver") return text;
      const prev = position.get(frame.conv) ?? 0;
      if (frame.seq <= prev) return text;
      position.set(frame.conv, frame.seq);
      return frame.t === "ack" ? JSON.stringify({ ...frame, prev }) : text;
    },
  });
}

/** Each connection has producers of its own: `p` is given a suffix on the way out and loses it on the way in. */
function renumbered(): (socket: ClientSocket) => Partial<ClientSocket> & { readonly incoming: Incoming } {
  let connections = 0;
  return (socket) => {
    const suffix = `-${++connections}`;
    const first = new Map<string, number>();
    return {
      send(text) {
        const frame = JSON.parse(text) as { p?: string; n?: number; after?: number };
        const { p, n, after } = frame;
        if (p === undefined || n === undefined || after === undefined) return socket.send(text);
        const begun = first.get(p) ?? n;
        first.set(p, begun);
        const behind = after < begun ? 0 : after;
        socket.send(JSON.stringify({ ...frame, p: `${p}${suffix}`, after: behind }));
      },
      incoming(text) {
        const frame = JSON.parse(text) as { p?: string };
        if (frame.p?.endsWith(suffix) !== true) return text;
        return JSON.stringify({ ...frame, p: frame.p.slice(0, -suffix.length) });
      },
    };
  };
}

function staleBodies(): (parsed: Parsed) => Parsed {
  const stale = everyNth(seldom);
  let earlier: unknown;
  return (parsed) => {
    if (parsed.kind !== "command" || parsed.frame.t !== "send") return parsed;
    const { body } = parsed.frame;
    const taken = stale() ? (earlier ?? body) : body;
    earlier = body;
    return { ...parsed, frame: { ...parsed.frame, body: taken as typeof body } };
  };
}

/** What the SDK is shown instead of a message. */
type Incoming = (text: string) => string;

/** Changes what a device's sockets send and receive; `begin` is called once per device. */
function onSockets(
  begin: () => (socket: ClientSocket) => Partial<ClientSocket> & { readonly incoming: Incoming },
): Planted {
  return {
    device(environment): Environment {
      const change = begin();
      return {
        ...environment,
        openSocket(url, subprotocol) {
          const socket = environment.openSocket(url, subprotocol);
          const { incoming, ...changed } = change(socket);
          const shown: ClientSocket = {
            send: (text) => socket.send(text),
            close: (code, reason) => socket.close(code, reason),
            onopen: () => {},
            onmessage: () => {},
            onclose: () => {},
            ...changed,
          };
          socket.onopen = () => shown.onopen();
          socket.onmessage = (text) => shown.onmessage(incoming(text));
          socket.onclose = (code, reason) => shown.onclose(code, reason);
          return shown;
        },
      };
    },
  };
}

/** Changes what a run of a node reads from its clients. */
export function onParse(begin: () => (parsed: Parsed) => Parsed): Planted {
  return {
    node(ports) {
      const change = begin();
      return { ...ports, parse: (text) => change(ports.parse(text)) };
    },
  };
}
