/** Counters on Usher's runtime: one node that owns all shards, the transport that a node on its own has, a real store. */
import { encodeAddress, shardOf, type Address } from "../../actors/address.ts";
import type { Behavior } from "../../actors/behavior.ts";
import { directoryOf } from "../../actors/directory.ts";
import type { Message } from "../../actors/messages.ts";
import { nactSystem } from "../../actors/runtime/nact.ts";
import { Runtime } from "../../actors/runtime/runtime.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { silentMetrics } from "../../base/metrics.ts";
import { systemRandom } from "../../base/random.ts";
import type { Routing } from "../../placement/hosting.ts";
import type { TenantId } from "../../protocol/ids.ts";
import { memoryStore } from "../../store/memory.ts";
import { redisStore } from "../../store/redis.ts";
import { loopbackNetwork } from "../../transport/loopback.ts";
import type { Subject } from "./subject.ts";

const shards = 256;
const askMs = 60_000;
const idleMs = 3600_000;
const self = { node: "bench", incarnation: "1" };

interface Count {
  readonly count: number;
}

interface Order {
  readonly kind: "add" | "tell" | "keep";
}

/** Counts in memory; keeps its count when it is told to. */
const counter: Behavior<Count> = {
  restore: (_self, fields) => ({ count: Number(fields["count"] ?? 0) }),
  apply: (state) => state,
  position: () => 0,
  needs: () => [],
  idle: () => true,
  receive(state, message) {
    const { kind } = message as unknown as Order;
    if (kind === "tell") return { state, effects: [{ do: "reply", value: state.count }] };
    const next = { count: state.count + 1 };
    if (kind === "add") return { state: next, effects: [] };
    const kept = { do: "set", field: "count", value: String(next.count) } as const;
    return { state: next, effects: [kept, { do: "reply", value: next.count }] };
  },
};

/** Begins with no actor. @param redisUrl keeps in that Redis; empty: in memory */
export async function usherSubject(redisUrl: string): Promise<Subject> {
  const clock = systemClock();
  const [log, metrics] = [silentLog(), silentMetrics()];
  const store =
    redisUrl === "" ? memoryStore(clock) : await redisStore({ url: redisUrl, clock, log, metrics });
  let epoch = 1;
  const routing: Routing = {
    shards,
    self,
    route: () => ({ owner: self, epoch, state: "stable" }),
    correct() {},
    abandon() {},
    onRoutes() {},
    frozen: () => false,
    onThaw() {},
    members: () => new Map(),
    onMembers() {},
  };
  const runtime = new Runtime({
    clock,
    random: systemRandom(),
    log,
    metrics,
    transport: loopbackNetwork(clock).transport(self.node),
    routing,
    store,
    directory: directoryOf([]),
    behaviors: { session: counter, conversation: counter, desk: counter, robot: counter },
    system: nactSystem(),
    readKey: (key, who) => `${key}/${who}`,
    toConnections() {},
    onRenew() {},
    idleMs,
  });
  const every = Array.from({ length: shards }, (_, shard) => shard);
  const gain = async (): Promise<void> => {
    await Promise.all(every.map((shard) => runtime.gain(shard, epoch)));
  };
  runtime.start();
  await gain();
  const envelope = (i: number, kind: Order["kind"]) => {
    const address: Address = { kind: "desk", tenant: "bench" as TenantId, id: `a${i}` };
    const message = { kind } as unknown as Message;
    return { k: "actor", shard: shardOf(address, shards), to: encodeAddress(address), message } as const;
  };
  const ask = async (i: number, kind: Order["kind"]): Promise<number> => {
    const reply = await runtime.router.ask(envelope(i, kind), askMs);
    if (reply?.kind === "value") return reply.value as number;
    throw new Error(`actor ${i} answered ${JSON.stringify(reply)}`);
  };
  return {
    tell: (i) => runtime.router.send(envelope(i, "add")),
    ask: (i) => ask(i, "tell"),
    write: (i) => ask(i, "keep"),
    async sleep() {
      for (const shard of every) runtime.lose(shard);
      epoch++;
      await gain();
    },
    async stop() {
      runtime.stop();
      await store.close();
    },
  };
}
