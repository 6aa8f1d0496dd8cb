/**
 * The conversation that a customer had before the run. Role: lets the production code hold one in a small world of its
 * own, per channel, and puts its rows into a run's store for as many customers as are wanted, under their own ids.
 * Boundary: knows no format of the rows; what it replaces in them are ids. Invariant: a customer's rows are, but for times
 * and the random producer id, those that the same customer's own commands would have made.
 */
import { assert } from "../base/assert.ts";
import { sessionAddress, shardOf } from "../actors/address.ts";
import { directoryOf } from "../actors/directory.ts";
import { silentLog } from "../base/log.ts";
import { frameParser } from "../edge/frame-parser.ts";
import type { UserId } from "../protocol/ids.ts";
import type { Write } from "../store/store.ts";
import { Cluster } from "./cluster.ts";
import { History } from "./history.ts";
import type { Returning } from "./people/customers.ts";
import { Device } from "./people/device.ts";
import { newTally } from "./people/tap.ts";
import { simulatedTenant, tenantId, verifyToken } from "./people/tenant.ts";
import type { Settings } from "./settings.ts";
import { randomOf } from "./world/chance.ts";
import { freeCosts } from "./world/costs.ts";
import type { StoreServer } from "./world/store-server.ts";
import { World } from "./world/world.ts";

/** Who stands in for all others; no other id contains this one. */
const standIn = "the-one-before-you";
/** The run of a node that is long gone: every new one takes its shards over. */
const owner = "earlier/0";
const epoch = 1;
const readyMs = 30_000;
const settledMs = 5000;

/** Puts an earlier conversation of each of them into the store, as a cluster of the past left it. Before any node runs. */
export async function recallConversations(
  settings: Settings,
  store: StoreServer,
  returning: readonly Returning[],
): Promise<void> {
  const templates = new Map<string, Template>();
  for (const channel of new Set(returning.map((one) => one.channel)))
    templates.set(channel, new Template(await converse(settings, channel)));
  const { id } = randomOf(settings.seed, "earlier");
  const shards = new Map<number, Write[]>();
  for (const { user, channel } of returning) {
    const shard = shardOf(sessionAddress(tenantId, "visitor", user as UserId), settings.shards);
    const writes = shards.get(shard) ?? [];
    shards.set(shard, writes);
    templates.get(channel)?.fill(writes, user, id());
  }
  for (const [shard, writes] of [...shards].sort(([a], [b]) => a - b))
    await store.inherit(owner, { shard, epoch, number: 1, writes });
}

/** Opens a conversation in that channel by the real SDK at a real node; what the store holds of it when all is quiet. */
async function converse(settings: Settings, channel: string): Promise<Write[]> {
  const history = new History();
  const onError = (error: unknown): never => {
    throw error;
  };
  const world = new World({ seed: settings.seed, costs: freeCosts, onError });
  const written: Write[] = [];
  world.store.onWritten((write) => written.push(write));
  const nodes = {
    directory: directoryOf([simulatedTenant(settings)]),
    verify: verifyToken(world),
    parse: frameParser(),
    log: () => silentLog(),
    shards: settings.shards,
    admitPerSecond: settings.admit,
    direct: false,
  };
  await world.run(async () => {
    const { scheduler } = world;
    const cluster = new Cluster(world, nodes, 1, () => {});
    cluster.start();
    while (!cluster.calm()) {
      assert(scheduler.now < readyMs, "a node of its own is ready in time");
      await scheduler.sleep(100);
    }
    const parts = {
      world,
      history,
      tally: newTally(),
      recoveries: [],
      environmentThrough: <T>(own: T): T => own,
    };
    const device = new Device(parts, "visitor", standIn, standIn);
    await device.process.enter(() => device.client.open(channel));
    await scheduler.sleep(settledMs);
    device.stop();
    await scheduler.sleep(settledMs);
    for (const node of cluster.nodes) node.crash();
  });
  const [violation] = history.violations;
  assert(violation === undefined, `an earlier conversation is one without fault: ${violation?.text}`);
  return lasting(written);
}

/** Of all that was written, what still stands: each in the place of the last write of its kind to its name. */
function lasting(written: readonly Write[]): Write[] {
  const standing = new Map<string, Write>();
  for (const write of written) {
    const [place, gone] = placeOf(write);
    const before = standing.get(place);
    standing.delete(place);
    const after = write.op === "extend" ? extended(before, write.value) : write;
    if (!gone && after !== undefined) standing.set(place, after);
  }
  return [...standing.values()];
}

function extended(before: Write | undefined, value: string): Write | undefined {
  return before?.op === "keep" ? { ...before, value: before.value + value } : before;
}

function placeOf(write: Write): readonly [place: string, gone: boolean] {
  switch (write.op) {
    case "append":
      return [`append ${write.log} ${write.seq}`, false];
    case "set":
    case "unset":
      return [`set ${write.entity} ${write.field}`, write.op === "unset"];
    case "keep":
    case "extend":
      return [`keep ${write.key}`, false];
    case "owe":
    case "settle":
      return [`owe ${write.id}`, write.op === "settle"];
    case "arm":
    case "disarm":
      return [`arm ${write.id}`, write.op === "disarm"];
    case "join":
    case "leave":
      return [`join ${write.set} ${write.member}`, write.op === "leave"];
  }
}

type Fill = (user: string, producer: string) => string;

/** The rows of one conversation with holes where the ids of its customer go. */
class Template {
  readonly #fills: readonly ((user: string, producer: string) => Write)[];

  constructor(writes: readonly Write[]) {
    const kept = writes.find((write) => write.op === "keep");
    const producer = kept?.op === "keep" ? (kept.key.split("/").at(-1) ?? "") : "";
    assert(producer !== "", "whoever opened a conversation left a producer's row");
    this.#fills = writes.map((write) => {
      const fields = Object.entries(write).map(([name, value]): [string, unknown] =>
        typeof value === "string" ? [name, fillOf(value, producer)] : [name, value],
      );
      return (user, id) =>
        Object.fromEntries(
          fields.map(([name, value]) => [
            name,
            typeof value === "function" ? (value as Fill)(user, id) : value,
          ]),
        ) as unknown as Write;
    });
  }

  /** Adds one customer's rows. */
  fill(writes: Write[], user: string, producer: string): void {
    for (const fill of this.#fills) writes.push(fill(user, producer));
  }
}

/** A text without holes is one and the same for everybody. */
function fillOf(text: string, producer: string): unknown {
  const parts = text.split(new RegExp(`(${standIn}|${producer})`));
  if (parts.length === 1) return text;
  return (user: string, id: string): string =>
    parts.map((part, i) => (i % 2 === 0 ? part : part === producer ? id : user)).join("");
}
