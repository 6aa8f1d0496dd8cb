/**
 * Runtimes under a virtual clock: one store, one network, routes made by hand, and actors that do what a message says.
 */
import { encodeAddress, shardOf, type Address } from "../../../actors/address.ts";
import type { Behavior, CommandAnswer, Context, Effect, Need } from "../../../actors/behavior.ts";
import type { Directory } from "../../../actors/directory.ts";
import type { Message } from "../../../actors/messages.ts";
import type { CommandNumber } from "../../../actors/producers.ts";
import type { ActorEnvelope, AskReply, NodeEnvelope } from "../../../actors/runtime/envelope.ts";
import type { ActorSystem } from "../../../actors/runtime/nact.ts";
import { Runtime } from "../../../actors/runtime/runtime.ts";
import type { Clock } from "../../../base/clock.ts";
import { silentMetrics } from "../../../base/metrics.ts";
import type { Member, NodeRun, Route, Routing } from "../../../placement/hosting.ts";
import type { LogEvent } from "../../../protocol/events.ts";
import type { TenantId } from "../../../protocol/ids.ts";
import { loopbackNetwork } from "../../../transport/loopback.ts";
import { faultyStore, type FaultyStore } from "../../support/faulty-store.ts";
import { recordingLog, type LogLine } from "../../support/recording-log.ts";
import { virtualTime, type VirtualTime } from "../../support/virtual-clock.ts";

/** A message that says what its receiver does. Everything with a tag is remembered in the receiver's record. */
export interface Script {
  readonly tag?: string;
  readonly effects?: readonly Effect[];
  /** Appends an event that carries this text. */
  readonly append?: string;
  readonly answer?: CommandAnswer;
  /** Replies with the tags that the receiver remembers, and what it was asked to load. */
  readonly ask?: boolean;
  readonly needs?: readonly Need[];
  readonly crash?: boolean;
}

/** A script as a message. */
export function script(what: Script): Message {
  return { kind: "script", ...what } as unknown as Message;
}

interface Told {
  readonly tags: readonly string[];
  readonly seq: number;
}

function spoken(seq: number, epoch: number, text: string): LogEvent {
  const head = { seq, epoch, aud: "all", prevAll: seq - 1, countAll: seq, countStaff: seq } as const;
  const by = { role: "agent", id: "amy" } as const;
  return { ...head, ts: 0, by, body: { kind: "message", body: { kind: "text", text } } };
}

/** What such an event says. */
export function textOf({ body }: LogEvent): string {
  return body.kind === "message" && body.body.kind === "text" ? body.body.text : "";
}

/** Remembers tags, obeys scripts. */
const obedient: Behavior<Told> = {
  restore: (_self, fields) => {
    if (fields["broken"] !== undefined) throw new Error("broken record");
    return { tags: JSON.parse(fields["tags"] ?? "[]") as string[], seq: Number(fields["seq"] ?? 0) };
  },
  apply: (state, { seq }) => ({ ...state, seq }),
  position: ({ seq }) => seq,
  needs: (_state, message) => (message as unknown as Script).needs ?? [],
  idle: () => true,
  receive(state, message, context: Context) {
    const what: Script =
      message.kind === "timer"
        ? { tag: `timer ${message.id}` }
        : message.kind === "devices"
          ? { tag: `devices ${context.devices}` }
          : (message as unknown as Script);
    if (what.crash === true) throw new Error("scripted");
    const effects: Effect[] = [...(what.effects ?? [])];
    let { tags, seq } = state;
    if (what.tag !== undefined) {
      tags = [...tags, what.tag];
      effects.push({ do: "set", field: "tags", value: JSON.stringify(tags) });
    }
    if (what.append !== undefined) {
      seq++;
      effects.push({ do: "append", event: spoken(seq, context.epoch, what.append) });
    }
    if (what.answer !== undefined) effects.push({ do: "answer", answer: what.answer });
    if (what.ask === true || message.kind === "describe") {
      const loaded = (what.needs ?? []).map((need) =>
        "kept" in need ? context.kept(need.kept) : context.isMember(need.member),
      );
      effects.push({ do: "reply", value: { tags, loaded } });
    }
    return { state: { tags, seq }, effects };
  },
};

/** Wakes run on the clock, one turn later. */
function systemOn(clock: Clock): ActorSystem {
  return {
    family: () => {
      let over = false;
      return {
        spawn<State>(_name: string, initial: State, run: (state: State) => State) {
          let state = initial;
          let woken = false;
          let stopped = false;
          return {
            wake() {
              if (woken || stopped || over) return;
              woken = true;
              clock.soon(() => {
                woken = false;
                if (!stopped && !over) state = run(state);
              });
            },
            stop: () => void (stopped = true),
          };
        },
        stop: () => void (over = true),
      };
    },
    stop() {},
  };
}

/** One node and what a test does with it. */
export interface Node {
  readonly name: string;
  run: NodeRun;
  readonly runtime: Runtime;
  frozen: boolean;
  /** Shards that are frozen alone. */
  readonly unconfirmed: Set<number>;
  readonly abandoned: { readonly shard: number; readonly epoch: number }[];
  /** Envelopes for its connections. */
  readonly connections: NodeEnvelope[];
  /** Peers about which it was told that something is lost. */
  readonly renewed: string[];
  thaw(): void;
  ask(to: Address, what: Script, command?: CommandNumber, boundMs?: number): Promise<AskReply | undefined>;
  tell(to: Address, what: Script): void;
}

/** All of it. */
export interface World {
  readonly time: VirtualTime;
  readonly clock: Clock;
  readonly store: FaultyStore;
  readonly lines: LogLine[];
  readonly nodes: readonly Node[];
  /** Runs that the members show in place of a node's present one, by node. */
  readonly shown: Map<string, NodeRun>;
  /** The route that all nodes know. */
  routes: (Route | undefined)[];
  /** The named node becomes owner under the next epoch; the previous owner loses the shard when it hears of it. */
  move(shard: number, node: Node): Promise<void>;
  /** Everybody hears of the routes as they are. */
  announce(shards: readonly number[]): void;
  /** A node's first address of that kind in the shard. */
  address(kind: Address["kind"], shard: number, nth?: number): Address;
}

/** How many shards a world has. */
export const shards = 4;
const tenant = "t" as TenantId;

/** Nodes a, b, ... that own nothing yet. */
export function world(count = 1): World {
  const time = virtualTime();
  const clock = time.clock();
  const store = faultyStore(clock);
  const network = loopbackNetwork(clock);
  const lines: LogLine[] = [];
  const nodes: Node[] = [];
  const onRoutes: ((changed: readonly number[]) => void)[] = [];
  let ids = 0;
  const made: World = {
    time,
    clock,
    store,
    lines,
    nodes,
    shown: new Map(),
    routes: Array.from({ length: shards }, () => undefined),
    announce(changed) {
      for (const handler of onRoutes) handler(changed);
    },
    async move(shard, node) {
      const old = made.routes[shard];
      const epoch = (old?.epoch ?? 0) + 1;
      const before = nodes.find(({ name }) => name === old?.owner.node);
      if (before !== undefined && before !== node) before.runtime.lose(shard);
      made.routes[shard] = { owner: node.run, epoch, state: "stable" };
      made.announce([shard]);
      let served = false;
      void (async () => {
        await node.runtime.gain(shard, epoch);
        served = true;
      })();
      await time.until(() => served, 10_000, "the gain");
    },
    address(kind, shard, nth = 0) {
      let found = -1;
      for (let i = 0; ; i++) {
        const id = kind === "session" ? `a.${i}` : `g_${i}`;
        const address: Address = { kind, tenant, id };
        if (shardOf(address, shards) === shard && ++found === nth) return address;
      }
    },
  };
  const members = (): ReadonlyMap<string, Member> =>
    new Map(nodes.map(({ name, run }) => [name, { ...(made.shown.get(name) ?? run) } as Member]));
  for (const name of ["a", "b", "c"].slice(0, count)) {
    const thawed: (() => void)[] = [];
    const routing: Routing = {
      shards,
      get self() {
        return node.run;
      },
      route: (shard) => made.routes[shard],
      correct(shard, owner, epoch) {
        if (epoch <= (made.routes[shard]?.epoch ?? 0)) return;
        made.routes[shard] = { owner, epoch, state: "stable" };
        made.announce([shard]);
      },
      abandon: (shard, epoch) => void node.abandoned.push({ shard, epoch }),
      onRoutes: (handler) => void onRoutes.push(handler),
      frozen: (shard) => node.frozen || (shard !== undefined && node.unconfirmed.has(shard)),
      onThaw: (handler) => void thawed.push(handler),
      members,
      onMembers() {},
    };
    const transport = network.transport(name);
    const runtime = new Runtime({
      clock,
      random: { float: () => 0.5, id: () => `id${++ids}` },
      log: recordingLog(lines),
      metrics: silentMetrics(),
      transport,
      routing,
      store,
      directory: { tenant: () => undefined } as unknown as Directory,
      behaviors: { session: obedient, conversation: obedient, desk: obedient, robot: obedient },
      system: systemOn(clock),
      readKey: (log, who) => `read/${log}/${who}`,
      toConnections: (envelope) => void node.connections.push(envelope),
      onRenew: (peer) => void node.renewed.push(peer.node),
      idleMs: 20_000,
    });
    const envelope = (to: Address, what: Script, command?: CommandNumber): ActorEnvelope => ({
      k: "actor",
      shard: shardOf(to, shards),
      to: encodeAddress(to),
      message: script(what),
      ...(command === undefined ? {} : { command }),
    });
    const node: Node = {
      name,
      run: { node: name, incarnation: `${name}1` },
      runtime,
      frozen: false,
      unconfirmed: new Set(),
      abandoned: [],
      connections: [],
      renewed: [],
      thaw() {
        node.frozen = false;
        for (const handler of thawed) handler();
      },
      ask: (to, what, command, boundMs = 5000) => runtime.router.ask(envelope(to, what, command), boundMs),
      tell: (to, what) => runtime.router.send(envelope(to, what)),
    };
    void transport.subscribe(name, (payload) => runtime.takePayload(payload));
    nodes.push(node);
    runtime.start();
  }
  return made;
}

/** A world with one node that owns all shards. */
export async function oneNode(): Promise<{ on: World; node: Node }> {
  const on = world(1);
  const [node] = on.nodes;
  if (node === undefined) throw new Error("there is a node");
  for (let shard = 0; shard < shards; shard++) await on.move(shard, node);
  return { on, node };
}

/** What a promise resolved with so far. */
export function watch<T>(promise: Promise<T>): { value: T | undefined; done: boolean } {
  const seen: { value: T | undefined; done: boolean } = { value: undefined, done: false };
  void (async () => {
    seen.value = await promise;
    seen.done = true;
  })();
  return seen;
}

/** The answer of a command that went well. */
export const ack: CommandAnswer = { kind: "ack", seq: 0, epoch: 0, prev: 0, ts: 0 };
