/**
 * One node, built from given ports: the server and the simulator build the same. Role: joins runtime, placement, gateway
 * and admission, and takes them down in the right order. Boundary: it knows no environment, no HTTP, no package.
 */
import { behaviors, type Behaviors } from "../actors/behaviors.ts";
import {
  decodeAddress,
  encodeAddress,
  conversationAddress,
  sessionAddress,
  shardOf,
} from "../actors/address.ts";
import { readKey } from "../actors/read-key.ts";
import type { ConnectionLog } from "../actors/connection-log.ts";
import type { Directory } from "../actors/directory.ts";
import { Gateway, type ConnectionInput } from "../actors/gateway.ts";
import type { Parsed } from "../actors/inbound.ts";
import type { SessionDescription } from "../actors/messages.ts";
import { nactSystem } from "../actors/runtime/nact.ts";
import { Runtime } from "../actors/runtime/runtime.ts";
import type { Socket, VerifyToken } from "../actors/socket.ts";
import { assert } from "../base/assert.ts";
import { sleep, type Cancel, type Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import type { Random } from "../base/random.ts";
import type { Admission } from "../edge/admission.ts";
import type { Member, NodeRun } from "../placement/hosting.ts";
import type { Kv } from "../placement/kv.ts";
import { startPlacement, type Placement } from "../placement/placement.ts";
import type { PlacementTimings } from "../placement/timings.ts";
import type { ConversationId, Role, TenantId, UserId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { Store } from "../store/store.ts";
import type { Transport } from "../transport/transport.ts";
import { watchIsolation } from "./isolation.ts";

/** Everything a node touches. */
export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly transport: Transport;
  readonly kv: Kv;
  readonly store: Store;
  readonly directory: Directory;
  readonly verify: VerifyToken;
  readonly admission: Admission;
  /** Used share of what the heap may grow to, 0 to 1. */
  readonly memory: () => number;
  readonly parse: (text: string) => Parsed;
  /** Who this node is to the others. */
  readonly self: Omit<Member, "incarnation" | "state">;
  readonly shards: number;
  /** What one connection may send; default: as the protocol's limits say. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
  readonly timings?: Partial<PlacementTimings>;
  /** Clients of a draining node are sent away within this time. */
  readonly drainMs?: number;
  /** Told which devices come and go. */
  readonly connectionLog?: ConnectionLog;
  /** What each kind of actor does; default: as actors/behaviors.ts says. */
  readonly behaviors?: Behaviors;
}

/** A running node. */
export interface UsherNode {
  readonly placement: Placement;
  readonly runtime: Runtime;
  /** Takes a client's socket. */
  open(socket: Socket): ConnectionInput;
  /** Whether new connections are accepted: from when it was ready first until it drains, or alone lacks NATS. */
  accepting(): boolean;
  /** Whether it can serve: lease, table, own shards, store. */
  ready(): boolean;
  /** Why it is not ready, in words; empty when it is. */
  trouble(): string;
  /** How many connections are open. */
  connections(): number;
  /** Where a user's session lives. */
  locate(tenant: TenantId, role: Role, user: UserId): { node: string; url: string } | undefined;
  /** A visitor's conversations, newest first; undefined when the session cannot be reached. */
  history(tenant: TenantId, visitor: UserId): Promise<SessionDescription["follows"] | undefined>;
  /** What /admin/placement shows. */
  picture(): object;
  /** Hands everything over and sends clients away; a planned stop costs no error. */
  drain(): Promise<void>;
  /** Ends at once what is left. */
  stop(): Promise<void>;
}

const defaultDrainMs = 2000;
const probeMs = 500;
const fullnessMs = 2000;
/** Above this share of the store's memory no conversation begins any more. */
const fullAt = 0.8;
const isolationPaceMs = 3000;

/** Starts a node; resolves when it has begun to beat, before it is ready. */
export async function startNode(ports: NodePorts): Promise<UsherNode> {
  const { clock, random, log, metrics, transport, store, self } = ports;
  let runtime: Runtime | undefined;
  const theRuntime = (): Runtime => {
    assert(runtime !== undefined, "placement calls nobody before the runtime stands");
    return runtime;
  };
  const subscription = await transport.subscribe(self.node, (payload) => runtime?.takePayload(payload));
  const placement = startPlacement({
    kv: ports.kv,
    probe: (node) => transport.probe(node, probeMs),
    hosting: {
      gain: (shard, epoch) => theRuntime().gain(shard, epoch),
      release: (shard, boundMs) => theRuntime().release(shard, boundMs),
      lose: (shard) => theRuntime().lose(shard),
    },
    clock,
    random,
    log,
    metrics,
    self,
    shards: ports.shards,
    fences: async () =>
      (await store.fences(ports.shards)).map(({ shard, epoch, owner }) => ({
        shard,
        epoch,
        ...runOf(owner),
      })),
    ...(ports.timings === undefined ? {} : { timings: ports.timings }),
  });
  const system = nactSystem();
  let gateway: Gateway | undefined;
  runtime = new Runtime({
    clock,
    random,
    log,
    metrics,
    transport,
    routing: placement,
    store,
    directory: ports.directory,
    behaviors: ports.behaviors ?? behaviors(),
    system,
    readKey: (conversation, who) => readKeyOf(conversation, who),
    toConnections: (envelope) => gateway?.take(envelope),
    onRenew: (peer) => gateway?.renew(peer.node),
  });
  const { hub, router } = runtime;
  const { fullness, stop: stopGauging } = gaugeFullness(ports);
  const host = runtime;
  gateway = new Gateway({
    routing: placement,
    random,
    log,
    metrics,
    system,
    parse: ports.parse,
    onLag: (lagMs) =>
      ports.admission.breathe({
        lagMs,
        storeMs: host.takeSlowestCommitMs(),
        busMs: placement.beatLateMs(),
        memory: ports.memory(),
      }),
    connection: {
      clock,
      log,
      node: self.node,
      shards: ports.shards,
      rate: ports.rate ?? { perSecond: limits.commandsPerSecond, burst: limits.commandBurst },
      hub,
      verify: ports.verify,
      ask: (envelope, boundMs) => router.ask(envelope, boundMs),
      askThen: (envelope, boundMs, onReply) => router.askThen(envelope, boundMs, onReply),
      send: (envelope) => router.send(envelope),
      admit: (resume) => ports.admission.admit(resume),
      storeFull: () => fullness() > fullAt,
      trouble: () => (placement.frozen() ? "nats" : store.connected() ? "load" : "store"),
      urlOf(shard) {
        const owner = placement.route(shard)?.owner.node;
        const url =
          owner === undefined || owner === self.node ? "" : (placement.members().get(owner)?.url ?? "");
        return url === "" ? undefined : url;
      },
      isMember: (tenant, conv, who) => isMember(ports, tenant as TenantId, conv, who),
      ...(ports.connectionLog === undefined ? {} : { connectionLog: ports.connectionLog }),
    },
  });
  const connections = gateway;
  metrics.gauge("usher_admission_pace", "Share of USHER_ADMIT that is in force", () =>
    ports.admission.pace(),
  );
  metrics.gauge(
    "usher_attaches_waiting",
    "Connections that wait for their turn to attach",
    () => connections.attachesWaiting,
  );
  placement.onReborn(() => {
    host.reborn();
    connections.renewAll();
  });
  host.start();
  let draining = false;
  let alone = false;
  let served = false;
  const ready = (): boolean => !draining && placement.ready() && store.connected() && transport.connected();
  const accepting = (): boolean => {
    served ||= ready();
    return served && !draining && !alone;
  };
  const stopWatching = watchIsolation({
    clock,
    log,
    store,
    node: self.node,
    frozen: () => placement.frozen(),
    onChange: (now) => {
      alone = now;
      if (alone) connections.sendAway(isolationPaceMs);
    },
  });
  return {
    placement,
    runtime: host,
    open: (socket) => connections.open(socket),
    accepting,
    ready,
    trouble() {
      if (draining) return "draining";
      if (!store.connected()) return "the store is away";
      if (!transport.connected()) return "NATS is away";
      if (placement.frozen()) return "the lease is not renewed";
      return placement.ready() ? "" : "waiting for its shards";
    },
    connections: () => connections.size,
    locate(tenant, role, user) {
      const route = placement.route(shardOf(sessionAddress(tenant, role, user), ports.shards));
      if (route === undefined) return undefined;
      const { node } = route.owner;
      return { node, url: placement.members().get(node)?.url ?? (node === self.node ? self.url : "") };
    },
    async history(tenant, visitor) {
      const session = sessionAddress(tenant, "visitor", visitor);
      const shard = shardOf(session, ports.shards);
      const message = { kind: "describe", history: true } as const;
      const reply = await router.ask(
        { k: "actor", shard, to: encodeAddress(session), message },
        limits.commandMs,
      );
      return reply?.kind === "value" ? (reply.value as SessionDescription).follows : undefined;
    },
    picture: () => ({ ...placement.picture(), runtime: host.counters(), hub: hub.sizes }),
    async drain() {
      if (draining) return;
      draining = true;
      await placement.drain();
      connections.sendAway(ports.drainMs ?? defaultDrainMs);
      const deadline = clock.now() + (ports.drainMs ?? defaultDrainMs) + 2000;
      while (connections.size > 0 && clock.now() < deadline) await sleep(clock, 20);
    },
    async stop() {
      stopWatching();
      stopGauging();
      connections.stop();
      await placement.stop().catch((error: unknown) => log.warn("no goodbye", { error: messageOf(error) }));
      host.stop();
      subscription.unsubscribe();
    },
  };
}

/** Looks every few seconds how full the store is. */
function gaugeFullness({ clock, store, log, metrics }: NodePorts): { fullness: () => number; stop: Cancel } {
  let last = 0;
  let asking = false;
  metrics.gauge("usher_store_fullness_ratio", "Used share of the store's memory bound", () => last);
  const look = (): void => {
    if (asking || !store.connected()) return;
    asking = true;
    store
      .fullness()
      .then((share) => {
        last = share;
      })
      .catch((error: unknown) => log.debug("fullness unknown", { error: messageOf(error) }))
      .finally(() => {
        asking = false;
      });
  };
  look();
  return { fullness: () => last, stop: clock.every(fullnessMs, look) };
}

/** The inverse of `node/incarnation`. */
function runOf(owner: string): NodeRun {
  const slash = owner.lastIndexOf("/");
  return { node: owner.slice(0, slash), incarnation: owner.slice(slash + 1) };
}

function readKeyOf(conversation: string, who: string): string {
  const address = decodeAddress(conversation);
  assert(address !== undefined, "logs have addresses for names");
  return readKey(address, who);
}

async function isMember(
  ports: NodePorts,
  tenant: TenantId,
  conv: ConversationId,
  who: string,
): Promise<boolean | undefined> {
  const address = conversationAddress(tenant, conv);
  const query = { shard: shardOf(address, ports.shards), set: encodeAddress(address), member: who };
  try {
    return (await ports.store.isMember([query]))[0] ?? false;
  } catch (error) {
    ports.log.warn("membership could not be read", { error: messageOf(error) });
    return undefined;
  }
}
