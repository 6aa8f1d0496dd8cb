/**
 * Envelopes as they travel. Role: the three kinds that every message causes (a command's ask, its answer, events) are short
 * lists, since JSON spends most of its time on names; all others are the objects that they are. Boundary: knows the layout
 * of envelopes, nothing of links. Invariant: `decodeEnvelope(JSON.parse(encodeEnvelope(e)))` is `e` but for
 * `encodedFrame`.
 */
import type { Principal } from "../messages.ts";
import type { CommandFrame } from "../../protocol/frames.ts";
import type { ActorEnvelope, NodeEnvelope } from "./envelope.ts";
import type { WireEvent } from "../encoded-event.ts";

type Ask = Extract<NodeEnvelope, { k: "ask" }>;
type Reply = Extract<NodeEnvelope, { k: "reply" }>;
type Events = Extract<NodeEnvelope, { k: "events" }>;

/** What each list begins with. */
const commandTag = 0;
const acknowledgementTag = 1;
const eventsTag = 2;

type CommandList = readonly [
  tag: typeof commandTag,
  ask: number,
  shard: number,
  to: string,
  tenant: Principal["tenant"],
  role: Principal["role"],
  user: Principal["user"],
  digest: number,
  frame: CommandFrame,
];
type AcknowledgementList = readonly [
  tag: typeof acknowledgementTag,
  ask: number,
  seq: number,
  epoch: number,
  prev: number,
  ts: number,
];
/** After the epoch a log's address and its event, again and again. */
type EventsList = readonly [
  tag: typeof eventsTag,
  shard: number,
  epoch: number,
  ...items: (string | WireEvent)[],
];

/** One envelope as JSON. */
export function encodeEnvelope(envelope: NodeEnvelope): string {
  if (envelope.k === "events") return encodeEvents(envelope);
  if (envelope.k === "reply") return encodeAcknowledgement(envelope) ?? JSON.stringify(envelope);
  if (envelope.k === "ask") return encodeCommand(envelope) ?? JSON.stringify(envelope);
  return JSON.stringify(envelope);
}

/** The envelope that was encoded as this value of JSON. */
export function decodeEnvelope(value: unknown): NodeEnvelope {
  if (!Array.isArray(value)) return value as NodeEnvelope;
  const list = value as unknown as CommandList | AcknowledgementList | EventsList;
  switch (list[0]) {
    case commandTag:
      return decodeCommand(list);
    case acknowledgementTag:
      return decodeAcknowledgement(list);
    case eventsTag:
      return decodeEvents(list);
  }
}

/** Ids of every kind are made of characters that JSON leaves as they are. */
function encodeCommand({ ask, envelope }: Ask): string | undefined {
  if (envelope.k !== "actor" || envelope.message.kind !== "command") return undefined;
  const { shard, to, message, command, encodedFrame } = envelope;
  if (command === undefined) return undefined;
  const { tenant, role, user } = message.by;
  const frame = encodedFrame ?? JSON.stringify(message.frame);
  return `[${commandTag},${ask},${shard},"${to}","${tenant}","${role}","${user}",${command.digest},${frame}]`;
}

function decodeCommand([, ask, shard, to, tenant, role, user, digest, frame]: CommandList): Ask {
  const { p, n, after } = frame;
  const envelope: ActorEnvelope = {
    k: "actor",
    shard,
    to,
    message: { kind: "command", frame, by: { tenant, role, user } },
    command: { p, n, after, digest },
  };
  return { k: "ask", ask, envelope };
}

function encodeAcknowledgement({ ask, reply }: Reply): string | undefined {
  if (reply.kind !== "answer" || reply.last !== undefined) return undefined;
  const { answer } = reply;
  if (answer.kind !== "ack" || answer.conv !== undefined) return undefined;
  return `[${acknowledgementTag},${ask},${answer.seq},${answer.epoch},${answer.prev},${answer.ts}]`;
}

function decodeAcknowledgement([, ask, seq, epoch, prev, ts]: AcknowledgementList): Reply {
  return { k: "reply", ask, reply: { kind: "answer", answer: { kind: "ack", seq, epoch, prev, ts } } };
}

function encodeEvents({ shard, epoch, items }: Events): string {
  let text = `[${eventsTag},${shard},${epoch}`;
  for (const { to, event } of items) {
    const [seq, eventEpoch, aud, prevAll, countAll, countStaff, view] = event;
    const head = `${seq},${eventEpoch},"${aud}",${prevAll},${countAll},${countStaff}`;
    text += `,"${to}",[${head},${JSON.stringify(view)}]`;
  }
  return `${text}]`;
}

function decodeEvents(list: EventsList): Events {
  const [, shard, epoch] = list;
  const items: { to: string; event: WireEvent }[] = [];
  for (let i = 3; i + 1 < list.length; i += 2) {
    items.push({ to: list[i] as string, event: list[i + 1] as WireEvent });
  }
  return { k: "events", shard, epoch, items };
}
