/** Mistakes between nodes: routes, links, and what an end of a connection means. */
import type { NodeEnvelope, ShardEnvelope } from "../../actors/runtime/envelope.ts";
import type { NodePorts } from "../../server/node.ts";
import { onParse } from "./clients.ts";
import type { Plant, Planted } from "./plant.ts";

/** What plants read of a link's payload. */
interface Payload {
  readonly from: string;
  readonly fi: string;
  readonly l: number;
  readonly n: number;
  readonly e?: readonly NodeEnvelope[];
  readonly piece?: unknown;
  readonly again?: number;
  readonly gone?: number;
}

/** The bugs of this family. */
export const wirePlants: readonly Plant[] = [
  {
    name: "stale-routes",
    about: "where a shard is, is learnt once: no answer of the old owner and no new table corrects it",
    begin: () =>
      onSend(() => {
        const first = new Map<number, string>();
        return (envelope, to) => {
          const inner = envelope.k === "ask" || envelope.k === "shard" ? envelope.envelope : undefined;
          if (inner === undefined) return envelope;
          const known = first.get(inner.shard) ?? to;
          first.set(inner.shard, known);
          return known === to ? envelope : undefined;
        };
      }),
  },
  {
    name: "old-close-honoured",
    about:
      "the late close of a connection detaches its device, though a newer connection has taken its place",
    begin: () =>
      onSend(() => {
        const newest = new Map<string, number>();
        return (envelope) => {
          const inner = envelope.k === "ask" || envelope.k === "shard" ? envelope.envelope : undefined;
          if (inner?.k !== "attach" && inner?.k !== "detach") return envelope;
          const device = `${inner.session} ${inner.device}`;
          if (inner.k === "attach") newest.set(device, Math.max(inner.conn, newest.get(device) ?? 0));
          else if (envelope.k === "shard")
            return { ...envelope, envelope: { ...inner, conn: newest.get(device) ?? inner.conn } };
          return envelope;
        };
      }),
  },
  {
    name: "late-attach-wins",
    about: "of two connections of a device the one that is heard last wins, not the one that was begun last",
    begin: lateAttachWins,
  },
  {
    name: "tells-sent-once",
    about: "an unconfirmed message between actors is never repeated to another node",
    begin: () =>
      onSend(() => {
        const sent = new Set<string>();
        return (envelope) => {
          const debt = debtOf(envelope);
          if (debt === undefined) return envelope;
          if (sent.has(debt)) return undefined;
          sent.add(debt);
          return envelope;
        };
      }),
  },
  {
    name: "node-gaps-ignored",
    about: "a node that misses numbers of a peer's batches goes on with the next one and tells nobody",
    begin: () => onReceive(withoutGaps),
  },
  {
    name: "nothing-sent-again",
    about: "a peer that asks for a lost batch again is not heard",
    begin: () => onReceive(() => (payload) => (payload.again === undefined ? payload : undefined)),
  },
];

/** Attempts are numbered as they arrive: at the node, and again at the owner of the session. */
function lateAttachWins(): Planted {
  let heard = 0;
  const atTheNode = onParse(
    () => (parsed) =>
      parsed.kind === "request" && parsed.frame.t === "auth"
        ? { ...parsed, frame: { ...parsed.frame, attempt: ++heard } }
        : parsed,
  );
  const atTheOwner = onReceive(() => (payload) => ({
    ...payload,
    ...(payload.e === undefined ? {} : { e: payload.e.map(renumbered) }),
  }));
  const renumbered = (envelope: NodeEnvelope): NodeEnvelope =>
    envelope.k === "ask" && envelope.envelope.k === "attach"
      ? { ...envelope, envelope: { ...envelope.envelope, attempt: ++heard } }
      : envelope;
  return {
    node: (ports) => [atTheNode, atTheOwner].reduce((own, { node }) => node?.(own) ?? own, ports),
  };
}

function debtOf(envelope: NodeEnvelope): string | undefined {
  const inner: ShardEnvelope | undefined = envelope.k === "shard" ? envelope.envelope : undefined;
  return inner?.k === "actor" && inner.debt !== undefined
    ? `${inner.debt.shard}/${inner.debt.id}`
    : undefined;
}

/** Renumbers what comes so that it has no holes, and hides counts that would tell of one. */
function withoutGaps(): (payload: Payload) => Payload | undefined {
  const taken = new Map<string, { last: number; given: number }>();
  return (payload) => {
    if (payload.again !== undefined) return payload;
    if (payload.e === undefined && payload.piece === undefined) return undefined;
    const link = `${payload.from}/${payload.fi}/${payload.l}`;
    const seen = taken.get(link) ?? { last: 0, given: 0 };
    if (payload.n <= seen.last) return undefined;
    const given = seen.given + 1;
    taken.set(link, { last: payload.n, given });
    return { ...payload, n: given };
  };
}

/** Changes the envelopes that a run of a node sends to others; undefined leaves one out. */
function onSend(begin: () => (envelope: NodeEnvelope, to: string) => NodeEnvelope | undefined): Planted {
  return onTransport((ports) => {
    const change = begin();
    const { transport } = ports;
    return {
      send(to, text) {
        if (!text.includes('"e":[')) return transport.send(to, text);
        const payload = JSON.parse(text) as Payload;
        const e = payload.e?.flatMap((envelope) => change(envelope, to) ?? []);
        return transport.send(to, e === undefined ? text : JSON.stringify({ ...payload, e }));
      },
    };
  });
}

/** Changes the payloads that a run of a node takes from others; undefined drops one. */
function onReceive(begin: () => (payload: Payload) => Payload | undefined): Planted {
  return onTransport(({ transport }) => {
    const change = begin();
    return {
      subscribe: (self, handler) =>
        transport.subscribe(self, (text) => {
          const changed = change(JSON.parse(text) as Payload);
          if (changed !== undefined) handler(JSON.stringify(changed));
        }),
    };
  });
}

function onTransport(change: (ports: NodePorts) => Partial<NodePorts["transport"]>): Planted {
  return { node: (ports) => ({ ...ports, transport: { ...ports.transport, ...change(ports) } }) };
}
