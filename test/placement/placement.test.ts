import { describe, expect, it } from "vitest";
import { placementWorld, type World, type WorldNode } from "../support/placement-world.ts";

async function cluster(world: World, names: readonly string[]): Promise<readonly WorldNode[]> {
  const nodes = names.map((name) => world.start(name));
  await world.converge(3000);
  return nodes;
}

/** Everybody has sent so many beats that the cluster is no longer young. */
const growOld = (world: World): Promise<void> => world.advance(32_000);

function counted(world: World, counter: string): number {
  return world.nodes.reduce((sum, node) => sum + (node.placement.picture().counters[counter] ?? 0), 0);
}

function releases(node: WorldNode): number {
  return node.host.calls.filter((call) => call.startsWith("release")).length;
}

describe("placement", () => {
  it("is ready within 100 ms when it is alone and new", async () => {
    const world = placementWorld(256);
    const node = world.start("a");
    expect(node.placement.ready()).toBe(false);
    expect(node.placement.frozen()).toBe(true);
    await world.time.until(() => node.placement.ready(), 100);
    expect(node.host.serving.size).toBe(256);
  });

  it("is ready at once when a single node restarts over a store that has its fences", async () => {
    const world = placementWorld(16);
    for (let shard = 0; shard < 16; shard++) {
      world.fences.set(shard, { epoch: 7, owner: { node: "a", incarnation: "before" } });
    }
    const node = world.start("a");
    await world.time.until(() => node.placement.ready(), 100);
    expect([...node.host.serving.values()].every((epoch) => epoch === 8)).toBe(true);
  });

  it("never calls the host before it has been returned", () => {
    const world = placementWorld(4);
    expect(world.start("a").host.calls).toEqual([]);
  });

  it("spreads the shards soon when three nodes start together", async () => {
    const world = placementWorld(256);
    await cluster(world, ["a", "b", "c"]);
    expect(world.time.now()).toBeLessThan(2000);
  });

  it("gives a node that joins an old cluster its share in small steps, from everybody, and moves nothing else", async () => {
    const world = placementWorld(256);
    await cluster(world, ["a", "b", "c"]);
    await growOld(world);
    const before = world.nodes.map((node) => new Map(node.host.serving));
    const movesBefore = counted(world, "movesStarted");
    const joined = world.time.now();
    const d = world.start("d");
    let most = 0;
    await world.time.until(
      () => {
        const moving = d.placement.picture().shards.filter(({ state }) => state !== "stable").length;
        most = Math.max(most, moving);
        return world.converged();
      },
      20_000,
      "the share of the newcomer",
    );
    expect(world.time.now() - joined).toBeGreaterThan(5000);
    expect(most).toBeLessThanOrEqual(25);
    expect(counted(world, "movesStarted") - movesBefore).toBeLessThanOrEqual(256 / 4 + 1);
    for (const [i, node] of world.nodes.slice(0, 3).entries()) {
      for (const [shard, epoch] of node.host.serving) expect(before[i]?.get(shard)).toBe(epoch);
    }
    expect(counted(world, "movesForced")).toBe(0);
  });

  it("hands a drained node's shards over one by one without a forced move, and lets it leave unnoticed", async () => {
    const world = placementWorld(64);
    const [a, b, c] = await cluster(world, ["a", "b", "c"]);
    if (a === undefined || b === undefined || c === undefined) throw new Error("three nodes");
    await growOld(world);
    let drained = false;
    void a.placement.drain().then(() => (drained = true));
    expect(a.placement.ready()).toBe(false);
    await world.time.until(() => drained, 20_000, "the drain");
    expect(a.host.serving.size).toBe(0);
    expect(counted(world, "movesForced")).toBe(0);
    const stopped = a.placement.stop();
    await world.advance(200);
    await stopped;
    expect(b.placement.members().has("a")).toBe(false);
    world.crash(a);
    await world.converge(6000);
    expect(counted(world, "deathsDeclared")).toBe(0);
  });

  it("moves nothing for balance while a node drains", async () => {
    const world = placementWorld(64);
    const [a, b, c] = await cluster(world, ["a", "b", "c"]);
    if (a === undefined || b === undefined || c === undefined) throw new Error("three nodes");
    await growOld(world);
    a.host.releaseMs = 1900;
    void a.placement.drain();
    await world.advance(100);
    world.start("d");
    const releasesBefore = releases(b) + releases(c);
    await world.advance(9000);
    expect(a.host.serving.size).toBeGreaterThan(0);
    expect(releases(b) + releases(c)).toBe(releasesBefore);
  });

  it("resolves a drain at once when nobody is there to take over", async () => {
    const world = placementWorld(16);
    const [a] = await cluster(world, ["a"]);
    let drained = false;
    void a?.placement.drain().then(() => (drained = true));
    await world.time.until(() => drained, 100, "the drain");
    expect(a?.host.serving.size).toBe(16);
  });

  it("gives a drain up soon when the bucket is away, since nothing can move then", async () => {
    const world = placementWorld(16);
    const [a] = await cluster(world, ["a", "b", "c"]);
    if (a === undefined) throw new Error("three nodes");
    await growOld(world);
    a.kv.cut = true;
    await world.time.until(() => a.placement.frozen(), 6000, "the freeze");
    let drained = false;
    void a.placement.drain().then(() => (drained = true));
    await world.time.until(() => drained, 5000, "the drain");
  });

  it("takes over at once what a node leaves that stops without draining", async () => {
    const world = placementWorld(64);
    const [a] = await cluster(world, ["a", "b", "c"]);
    if (a === undefined) throw new Error("three nodes");
    await growOld(world);
    void a.placement.stop();
    expect(a.placement.frozen()).toBe(true);
    expect(a.host.serving.size).toBe(0);
    await world.advance(100);
    world.crash(a);
    await world.converge(1500);
  });

  it("knows a restarted process by its new incarnation and does not wait for the old one", async () => {
    const world = placementWorld(64);
    const [a] = await cluster(world, ["a", "b", "c"]);
    if (a === undefined) throw new Error("three nodes");
    await growOld(world);
    world.crash(a);
    await world.advance(300);
    world.start("a");
    await world.time.until(
      () => world.alive().reduce((sum, node) => sum + node.host.serving.size, 0) === 64,
      1500,
      "the takeover",
    );
    await world.converge(10_000);
  });

  it("shows what it knows", async () => {
    const world = placementWorld(8);
    const [a] = await cluster(world, ["a", "b"]);
    const picture = a?.placement.picture();
    expect(picture).toMatchObject({
      ready: true,
      frozen: false,
      draining: false,
      tableCurrent: true,
      dead: [],
    });
    expect(picture?.members.map(({ node }) => node)).toEqual(["a", "b"]);
    expect(picture?.shards).toHaveLength(8);
    expect(picture?.counters["thaws"]).toBe(1);
  });

  it("stays out of a cluster that has another number of shards", async () => {
    const small = placementWorld(8);
    await cluster(small, ["a"]);
    const large = placementWorld(16);
    large.bucket.restore(small.bucket.dump());
    const stranger = large.start("b");
    await large.advance(3000);
    expect(stranger.placement.ready()).toBe(false);
    expect(stranger.placement.picture().problem).toMatch(/8 shards.*16/);
  });
});
