import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startPairs } from "./pairs.ts";
import { startTestCluster, type TestCluster, type TestNode } from "./test-cluster.ts";

const pairs = 20;

/** A pause that is part of the fault itself: how long something is away. */
const away = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("twenty pairs over three nodes", () => {
  let cluster: TestCluster;
  let names = 3;

  beforeAll(async () => {
    cluster = await startTestCluster(3);
  });
  afterAll(async () => {
    await cluster.stop();
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(cluster.logs().slice(-20_000));
    while (cluster.nodes.length < 3) await cluster.add(`n${++names}`);
    await cluster.calm();
  });

  const at = (i: number): TestNode => {
    const node = cluster.nodes[i];
    if (node === undefined) throw new Error("no such node");
    return node;
  };

  it("lose nothing while all is calm", async () => {
    const talk = await startPairs(cluster, pairs);
    await talk.exchanged(30);
    expect(await talk.finish()).toEqual([]);
  });

  it("lose nothing when a node is killed", async () => {
    const talk = await startPairs(cluster, pairs);
    await talk.exchanged(10);
    const victim = at(1);
    victim.process.signal("SIGKILL");
    await victim.process.exited;
    cluster.remove(victim);
    await talk.exchanged(20);
    expect(await talk.finish()).toEqual([]);
  });

  it("see no error and at most 3 s of pause when a node is stopped", async () => {
    const talk = await startPairs(cluster, pairs);
    await talk.exchanged(10);
    const leaving = at(1);
    const from = performance.now();
    leaving.process.signal("SIGTERM");
    await eventually(() => leaving.process.exited.then(() => true), 30_000, "the node has left");
    cluster.remove(leaving);
    await talk.exchanged(20);
    expect(await talk.finish()).toEqual([]);
    const waits = talk.waits
      .filter(({ startedAt, tookMs }) => startedAt + tookMs > from)
      .map(({ tookMs }) => tookMs);
    expect(Math.max(...waits)).toBeLessThan(3000);
  });

  it("are not disturbed by a zombie that wakes up after its lease", async () => {
    const talk = await startPairs(cluster, pairs);
    await talk.exchanged(10);
    const zombie = at(1);
    zombie.process.signal("SIGSTOP");
    const other = cluster.nodes.find((node) => node !== zombie) ?? zombie;
    await eventually(
      async () => {
        const { shards } = await cluster.picture(other);
        return shards.every(({ owner, state }) => !owner.startsWith(`${zombie.name}/`) && state === "stable");
      },
      30_000,
      "its shards are taken over",
    );
    // Everybody goes on talking while it sleeps: its clients have moved.
    await talk.exchanged(10);
    zombie.process.signal("SIGCONT");
    await eventually(
      () => /declared dead; going on as another run|fenced out/.test(zombie.process.output()),
      20_000,
    );
    await talk.exchanged(20);
    expect(await talk.finish()).toEqual([]);
  });

  it.each([1000, 20_000])("lose nothing when Redis is away for %i ms", async (ms) => {
    const talk = await startPairs(cluster, pairs);
    await talk.exchanged(10);
    if (ms < 5000) cluster.redisProxy?.cut();
    else await cluster.stopRedis();
    await away(ms);
    if (ms < 5000) await cluster.redisProxy?.heal();
    else await cluster.startRedis();
    await talk.exchanged(20);
    expect(await talk.finish()).toEqual([]);
  });

  it.each([
    { ms: 1000, forget: false },
    { ms: 20_000, forget: true },
  ])("lose nothing when NATS is away for $ms ms, forgetting everything: $forget", async ({ ms, forget }) => {
    const talk = await startPairs(cluster, pairs);
    await talk.exchanged(10);
    await cluster.stopNats(forget);
    await away(ms);
    await cluster.startNats();
    await talk.exchanged(20);
    expect(await talk.finish()).toEqual([]);
  });

  it("move at most a quarter of the shards, all to the newcomer, when a fourth node joins", async () => {
    const talk = await startPairs(cluster, pairs);
    await talk.exchanged(10);
    const before = (await cluster.picture(at(0))).shards;
    const newcomer = await cluster.add(`n${++names}`);
    await cluster.calm();
    await talk.exchanged(10);
    const after = (await cluster.picture(at(0))).shards;
    const moved = after.filter(({ owner }, shard) => owner !== before[shard]?.owner);
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.length).toBeLessThanOrEqual(256 / 4 + 1);
    expect(moved.every(({ owner }) => owner.startsWith(newcomer.name))).toBe(true);
    expect(await talk.finish()).toEqual([]);
    newcomer.process.signal("SIGTERM");
    await newcomer.process.exited;
    cluster.remove(newcomer);
  });

  it("go on when one node is cut from NATS alone, and its clients end up elsewhere", async () => {
    const talk = await startPairs(cluster, pairs);
    await talk.exchanged(10);
    const cut = at(1);
    cut.natsProxy.cut();
    await eventually(
      async () => {
        const metrics = await (await fetch(`${cut.url}/metrics`)).text();
        return /^usher_connections 0$/m.test(metrics);
      },
      40_000,
      "its clients have gone",
    );
    await talk.exchanged(20);
    await cut.natsProxy.heal();
    expect(await talk.finish()).toEqual([]);
  });
});
