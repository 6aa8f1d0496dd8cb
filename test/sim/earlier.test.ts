import { describe, expect, it } from "vitest";
import { conversationAddress, encodeAddress, sessionAddress, shardOf } from "../../actors/address.ts";
import { directoryOf } from "../../actors/directory.ts";
import { silentLog } from "../../base/log.ts";
import { frameParser } from "../../edge/frame-parser.ts";
import { supportConversation, type UserId } from "../../protocol/ids.ts";
import { Cluster } from "../../sim/cluster.ts";
import { recallConversations } from "../../sim/earlier.ts";
import { History } from "../../sim/history.ts";
import { Device } from "../../sim/people/device.ts";
import { newTally } from "../../sim/people/tap.ts";
import { simulatedTenant, tenantId, verifyToken } from "../../sim/people/tenant.ts";
import { usualSettings, type Settings } from "../../sim/settings.ts";
import { usualCosts } from "../../sim/world/costs.ts";
import type { Accepted } from "../../sim/world/store-server.ts";
import { World } from "../../sim/world/world.ts";

const settings: Settings = { ...usualSettings, scenario: "test", seed: 3, users: 9, faults: [] };
const user = "u7" as UserId;
const conv = supportConversation(user, 1);

interface Recorded {
  readonly world: World;
  /** What its store accepted, in order. */
  readonly accepted: readonly Accepted[];
}

function newWorld(): Recorded {
  const onError = (error: unknown): never => {
    throw error;
  };
  const world = new World({ seed: 3, costs: usualCosts, onError });
  const accepted: Accepted[] = [];
  world.store.onAccepted((entry) => accepted.push(entry));
  return { world, accepted };
}

/** Lets that user open a conversation in a cluster of three, and everything die when all is quiet. */
async function converse(world: World): Promise<void> {
  const nodes = {
    directory: directoryOf([simulatedTenant(settings)]),
    verify: verifyToken(world),
    parse: frameParser(),
    log: silentLog,
    shards: settings.shards,
    admitPerSecond: 100,
    direct: false,
  };
  const cluster = new Cluster(world, nodes, 3, () => {});
  cluster.start();
  while (!cluster.calm()) await world.scheduler.sleep(100);
  const tally = newTally();
  const parts = {
    world,
    history: new History(),
    tally,
    recoveries: [],
    environmentThrough: <T>(own: T) => own,
  };
  const device = new Device(parts, "visitor", user, user);
  await device.process.enter(() => device.client.open("ask1"));
  await world.scheduler.sleep(5000);
  device.stop();
  await world.scheduler.sleep(5000);
  for (const node of cluster.nodes) node.crash();
}

/** All that the store holds of that user, without times and random ids. */
async function rows({ world, accepted }: Recorded): Promise<unknown> {
  const { scheduler } = world;
  const { primary } = world.store;
  const session = sessionAddress(tenantId, "visitor", user);
  const shard = shardOf(session, settings.shards);
  const log = encodeAddress(conversationAddress(tenantId, conv));
  const written = accepted.flatMap((entry) => (entry.kind === "commit" ? entry.commit.writes : []));
  const keys = written.flatMap((write) =>
    write.op === "keep" && write.key.includes(`/v.${user}/`) ? [{ shard, key: write.key }] : [],
  );
  const armedAt = scheduler.now;
  const state = {
    keys,
    kept: await primary.kept(keys),
    entities: await primary.load([encodeAddress(session), log].map((entity) => ({ shard, entity }))),
    logs: await primary.readLogs([{ shard, log, after: 0, limit: Infinity }]),
    tails: await primary.tails([{ shard, log }]),
    owed: await primary.obligations(shard, 100),
    early: await primary.due([shard], 100),
  };
  await scheduler.sleep(settings.idleMs - armedAt);
  const due = await primary.due([shard], 100);
  return JSON.parse(
    JSON.stringify({ ...state, due })
      .replace(/1[67]\d{11}/g, "a time")
      .replace(/\/[\w-]{16}"/g, '/a producer"')
      .replace(/"p\\":\\"[\w-]{16}/g, '"p\\":\\"a producer'),
  );
}

describe("an earlier conversation", () => {
  it("leaves the rows that the same user's own commands would have left", async () => {
    const made = newWorld();
    const stored = newWorld();
    await recallConversations(settings, stored.world.store, [
      { user: "u1", channel: "ask1" },
      { user, channel: "ask1" },
      { user: "u77", channel: "ask0" },
    ]);
    const own = await made.world.run(async () => {
      await converse(made.world);
      return rows(made);
    });
    expect(own).toMatchObject({
      keys: [{ key: "p/session/sim/v.u7/a producer" }],
      logs: [{ end: 2 }],
      owed: [],
      early: [],
      due: [{ id: "conversation/sim/s.u7.1|idle" }],
    });
    expect(await stored.world.run(() => rows(stored))).toEqual(own);
  });

  it("is the same in every run of a seed, and names no one else", async () => {
    const [one, two] = [newWorld(), newWorld()];
    const returning = [{ user, channel: "ask0" }];
    for (const { world } of [one, two]) await recallConversations(settings, world.store, returning);
    expect(two.accepted).toEqual(one.accepted);
    expect(JSON.stringify(one.accepted)).not.toContain("the-one-before");
  });
});
