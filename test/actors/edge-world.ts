import type { ConnectionEvent } from "../../actors/connection-log.ts";
import { Gateway, type ConnectionInput } from "../../actors/gateway.ts";
import { Hub } from "../../actors/hub.ts";
import { conversationAddress, encodeAddress, shardOf } from "../../actors/address.ts";
import type { ConnectionParts } from "../../actors/client-port.ts";
import type { SessionDescription } from "../../actors/messages.ts";
import type { AskReply, FollowedPage, ShardEnvelope } from "../../actors/runtime/envelope.ts";
import type { ActorSystem } from "../../actors/runtime/nact.ts";
import { wireOf } from "../../actors/encoded-event.ts";
import type { Claims } from "../../actors/socket.ts";
import { silentMetrics } from "../../base/metrics.ts";
import { frameParser, type FrameParser } from "../../edge/frame-parser.ts";
import type { Member, Route, Routing } from "../../placement/hosting.ts";
import type { ServerFrame } from "../../protocol/frames.ts";
import type { ConversationId, TenantId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import type { LogQuery, LogSlice } from "../../store/store.ts";
import { recordingLog, type LogLine } from "../support/recording-log.ts";
import { virtualTime, type VirtualClock, type VirtualTime } from "../support/virtual-clock.ts";
import { modelLog, type ModelLog } from "./model-log.ts";

/** The tenant of these tests. */
const tenant = "demo" as TenantId;
/** Shards of these tests. */
const shards = 16;

/** The key of a conversation's log. */
export function logOf(conv: string): string {
  return encodeAddress(conversationAddress(tenant, conv as ConversationId));
}

/** Routes that a test changes at will. */
export interface ScriptedRouting extends Routing {
  /** The shard belongs to that node under the next epoch; `moving` or nobody. */
  move(shard: number, owner: string | undefined, state?: Route["state"]): void;
  readonly known: Map<string, Member>;
}

/** Everything belongs to `here`. */
export function scriptedRouting(): ScriptedRouting {
  const routes = new Map<number, Route>();
  const handlers: ((shards: readonly number[]) => void)[] = [];
  let epoch = 1;
  const known = new Map<string, Member>();
  const run = (node: string): { node: string; incarnation: string } => ({ node, incarnation: "1" });
  for (let shard = 0; shard < shards; shard++)
    routes.set(shard, { owner: run("here"), epoch, state: "stable" });
  return {
    shards,
    self: run("here"),
    known,
    route: (shard) => routes.get(shard),
    correct() {},
    abandon() {},
    onRoutes: (handler) => void handlers.push(handler),
    frozen: () => false,
    onThaw() {},
    members: () => known,
    onMembers() {},
    move(shard, owner, state = "stable") {
      if (owner === undefined) routes.delete(shard);
      else routes.set(shard, { owner: run(owner), epoch: ++epoch, state });
      for (const handler of handlers) handler([shard]);
    },
  };
}

/** Mailboxes that run as soon as virtual time moves. */
function promptActors(soon: (run: () => void) => void, onSpawn: () => void): ActorSystem {
  return {
    family: () => ({
      spawn(_name, initial, run) {
        let state = initial;
        onSpawn();
        return { wake: () => soon(() => void (state = run(state))), stop() {} };
      },
      stop() {},
    }),
    stop() {},
  };
}

/** A client's end, as a test sees it. */
export interface ScriptedClient {
  readonly frames: ServerFrame[];
  readonly texts: string[];
  readonly input: ConnectionInput;
  readonly closes: number[];
  /** Bytes that the client has not read. */
  buffered: number;
  paused: boolean;
  say(frame: object): Promise<void>;
  of<T extends ServerFrame["t"]>(t: T): Extract<ServerFrame, { t: T }>[];
  /** Numbers delivered of a conversation. */
  seqs(conv: string): number[];
}

/** A gateway with a real hub, over a scripted owner of everything. */
export interface EdgeWorld {
  readonly time: VirtualTime;
  readonly clock: VirtualClock;
  readonly routing: ScriptedRouting;
  readonly hub: Hub;
  readonly gateway: Gateway;
  readonly sent: ShardEnvelope[];
  readonly asked: ShardEnvelope[];
  readonly lines: LogLine[];
  /** What the connection log was told. */
  readonly comings: ConnectionEvent[];
  readonly logs: Map<string, ModelLog>;
  readonly members: Set<string>;
  readonly followed: Set<string>;
  description: SessionDescription;
  /** What an ask is answered with; undefined: as a willing owner does. */
  answer: (envelope: ShardEnvelope) => Promise<AskReply | undefined> | undefined;
  verify: (token: string) => Promise<Claims | undefined>;
  waitMs: number;
  storeAway: boolean;
  /** Held before a log is read. */
  gate: (query: LogQuery) => Promise<void>;
  memberAway: boolean;
  /** Held before membership is known. */
  memberGate: Promise<void>;
  /** Buckets of connections that were made. */
  buckets: number;
  parse: FrameParser;
  log(conv: string): ModelLog;
  /** Appends to a log and publishes to the hub, if it follows. */
  say(conv: string, aud?: "all" | "staff"): Promise<void>;
  client(): ScriptedClient;
  attached(token?: string, device?: string, cursors?: object): Promise<ScriptedClient>;
  settle(): Promise<void>;
}

/** `role.user`, good for an hour; `role.user.<ms>` for that long. */
function claimsOf(token: string, wall: number): Claims | undefined {
  const [role = "", user = "", ms = "3600000", of = tenant] = token.split(".");
  if (role === "bad") return undefined;
  return { tenant: of, role, user, expiresAt: wall + Number(ms) };
}

function pageOf(log: ModelLog | undefined, after: number): FollowedPage {
  const events = (log?.events ?? []).filter(({ seq }) => seq > after).slice(0, 32);
  return { after, events: events.map(wireOf), end: log?.end?.seq ?? 0 };
}

/** Makes one. */
export function edgeWorld(): EdgeWorld {
  const time = virtualTime();
  const clock = time.clock();
  const routing = scriptedRouting();
  const comings: ConnectionEvent[] = [];
  const sent: ShardEnvelope[] = [];
  const asked: ShardEnvelope[] = [];
  const lines: LogLine[] = [];
  const logs = new Map<string, ModelLog>();
  const followed = new Set<string>();
  let gen = 0;

  const willing = (envelope: ShardEnvelope): AskReply => {
    if (envelope.k === "follow") {
      for (const { to } of envelope.items) followed.add(to);
      return {
        kind: "tails",
        tails: envelope.items.map(({ to, who, after }) => ({
          to,
          tail: logs.get(to)?.end,
          ...(who === undefined ? {} : { who }),
          ...(after === undefined ? {} : { page: pageOf(logs.get(to), after) }),
        })),
      };
    }
    if (envelope.k === "attach") return { kind: "attached", gen: ++gen, description: world.description };
    return { kind: "busy" };
  };
  const ask = async (envelope: ShardEnvelope): Promise<AskReply | undefined> => {
    asked.push(envelope);
    const scripted = world.answer(envelope);
    return scripted === undefined ? willing(envelope) : scripted;
  };
  const send = (envelope: ShardEnvelope): void => {
    sent.push(envelope);
    if (envelope.k === "unfollow") for (const log of envelope.to) followed.delete(log);
  };
  const readLog = async (query: LogQuery): Promise<LogSlice> => {
    await world.gate(query);
    if (world.storeAway) throw new Error("the store is away");
    const events = logs.get(query.log)?.events ?? [];
    const { after, before, limit } = query;
    const fits =
      after === undefined
        ? events.filter(({ seq }) => seq < (before ?? 0)).slice(-limit)
        : events.filter(({ seq }) => seq > after).slice(0, limit);
    return {
      events: fits.map((event) => ({ seq: event.seq, event: JSON.stringify(event) })),
      end: events.at(-1)?.seq ?? 0,
    };
  };
  const hub = new Hub({ clock, routing, ask, send, readLog });
  const connection: Omit<
    ConnectionParts,
    "urlElsewhere" | "onAttaching" | "onStirred" | "onBlocked" | "onClosed"
  > = {
    clock,
    log: recordingLog(lines),
    node: "here",
    shards,
    hub,
    rate: { perSecond: limits.commandsPerSecond, burst: limits.commandBurst },
    verify: (token) => world.verify(token),
    ask,
    askThen: (envelope, _boundMs, onReply) => void ask(envelope).then(onReply),
    send,
    admit: () => world.waitMs,
    async isMember(_tenant, conv, who) {
      await world.memberGate;
      return world.memberAway ? undefined : world.members.has(`${conv} ${who}`);
    },
    storeFull: () => false,
    trouble: () => "load",
    urlOf: () => undefined,
    connectionLog: { note: (event) => void comings.push(event) },
  };
  const gateway = new Gateway({
    connection,
    routing,
    random: { float: () => 0.5, id: () => "id" },
    log: recordingLog(lines),
    metrics: silentMetrics(),
    system: promptActors(
      (run) => clock.soon(run),
      () => void world.buckets++,
    ),
    parse: (text) => world.parse(text),
  });
  const world: EdgeWorld = {
    time,
    clock,
    routing,
    hub,
    gateway,
    sent,
    asked,
    lines,
    comings,
    logs,
    members: new Set(),
    followed,
    description: { follows: [] },
    answer: () => undefined,
    verify: (token) => Promise.resolve(claimsOf(token, clock.wall())),
    waitMs: 0,
    storeAway: false,
    gate: () => Promise.resolve(),
    memberAway: false,
    memberGate: Promise.resolve(),
    buckets: 0,
    parse: frameParser(),
    log(conv) {
      const log = logs.get(logOf(conv)) ?? modelLog();
      logs.set(logOf(conv), log);
      return log;
    },
    async say(conv, aud = "all") {
      const event = world.log(conv).append(aud);
      if (followed.has(logOf(conv))) hub.onEvents([{ to: logOf(conv), event: wireOf(event) }]);
      await time.advance(0);
    },
    client: () => scriptedClient(world),
    async attached(token = "visitor.ann", device = "d1", cursors = {}) {
      const client = world.client();
      await client.say({ t: "auth", token, device, attempt: 1, cursors });
      return client;
    },
    settle: () => time.advance(0),
  };
  return world;
}

function scriptedClient({ gateway, time }: EdgeWorld): ScriptedClient {
  const frames: ServerFrame[] = [];
  const texts: string[] = [];
  const closes: number[] = [];
  const socket = {
    buffered: 0,
    paused: false,
  };
  const input = gateway.open({
    send(text) {
      texts.push(text);
      frames.push(JSON.parse(text) as ServerFrame);
    },
    close: (code) => void closes.push(code),
    buffered: () => socket.buffered,
    pause: () => void (socket.paused = true),
    resume: () => void (socket.paused = false),
  });
  const client: ScriptedClient = {
    frames,
    texts,
    closes,
    input,
    get buffered() {
      return socket.buffered;
    },
    set buffered(bytes) {
      socket.buffered = bytes;
    },
    get paused() {
      return socket.paused;
    },
    set paused(on) {
      socket.paused = on;
    },
    async say(frame) {
      input.receive(JSON.stringify(frame));
      await time.advance(0);
    },
    of: <T extends ServerFrame["t"]>(t: T) =>
      frames.filter((frame): frame is Extract<ServerFrame, { t: T }> => frame.t === t),
    seqs: (conv) => client.of("deliver").flatMap((frame) => (frame.conv === conv ? [frame.seq] : [])),
  };
  return client;
}

/** The shard in which a conversation lives. */
export function shardOfConversation(conv: string): number {
  return shardOf(conversationAddress(tenant, conv as ConversationId), shards);
}

/** Holds the answers of one kind of ask until they are let out. */
export function holding(
  world: EdgeWorld,
  kind: ShardEnvelope["k"],
): (reply: AskReply | undefined) => Promise<void> {
  const waiting: ((reply: AskReply | undefined) => void)[] = [];
  world.answer = (envelope) =>
    envelope.k === kind ? new Promise((resolve) => waiting.push(resolve)) : undefined;
  return async (reply) => {
    for (const resolve of waiting.splice(0)) resolve(reply);
    await world.settle();
  };
}

/** An owner's answer to ann's following of a conversation. */
export function tailsOf(world: EdgeWorld, conv: string): AskReply {
  return { kind: "tails", tails: [{ to: logOf(conv), who: "v.ann", tail: world.log(conv).end }] };
}
