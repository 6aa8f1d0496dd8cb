import { describe, expect, it } from "vitest";
import { decodeTable } from "../../placement/shard-table-codec.ts";
import { placementWorld, type World, type WorldNode } from "../support/placement-world.ts";

const names = ["a", "b", "c"] as const;

async function oldCluster(
  shards = 48,
  seed = 1,
): Promise<{ world: World; a: WorldNode; b: WorldNode; c: WorldNode }> {
  const world = placementWorld(shards, seed);
  const [a, b, c] = names.map((name) => world.start(name));
  if (a === undefined || b === undefined || c === undefined) throw new Error("three nodes");
  await world.converge(3000);
  await world.advance(32_000);
  return { world, a, b, c };
}

function counter(node: WorldNode, name: string): number {
  return node.placement.picture().counters[name] ?? 0;
}

function deaths(world: World): number {
  return world.nodes.reduce((sum, node) => sum + counter(node, "deathsDeclared"), 0);
}

describe("placement under faults", () => {
  it("takes over from a crashed process within three seconds, because nobody listens on its subject", async () => {
    const { world, a } = await oldCluster();
    world.crash(a);
    await world.converge(4000);
    expect(deaths(world)).toBe(1);
  });

  it("takes over from a silent process after seven seconds and not before", async () => {
    const { world, a, b } = await oldCluster();
    a.clock.pause();
    const silentSince = world.time.now();
    await world.advance(6000);
    expect(b.placement.members().has("a")).toBe(true);
    await world.time.until(() => !b.placement.members().has("a"), 3000, "the death");
    expect(world.time.now() - silentSince).toBeGreaterThan(6900 - 1000);
    expect(a.placement.frozen()).toBe(true);
  });

  it("finds itself frozen on waking up, before any of its timers, and comes back as another run", async () => {
    const { world, a } = await oldCluster();
    const before = a.placement.self.incarnation;
    const reborn: string[] = [];
    a.placement.onReborn((self) => reborn.push(self.incarnation));
    a.clock.pause();
    await world.advance(12_000);
    expect(a.placement.frozen()).toBe(true);
    expect(a.host.serving.size).toBeGreaterThan(0);
    a.clock.resume();
    expect(a.placement.frozen()).toBe(true);
    await world.time.until(() => a.placement.self.incarnation !== before, 3000, "the new run");
    expect(a.host.serving.size).toBe(0);
    expect(reborn).toEqual([a.placement.self.incarnation]);
    await world.converge(20_000);
    expect(counter(a, "rebirths")).toBe(1);
  });

  it("thaws under the same run after a pause that was shorter than death, repeating its claims", async () => {
    const { world, a } = await oldCluster();
    const before = a.placement.self.incarnation;
    const claims = (): number => a.host.calls.filter((call) => call.startsWith("gain")).length;
    const claimsBefore = claims();
    let thaws = 0;
    a.placement.onThaw(() => (thaws += 1));
    a.clock.pause();
    await world.advance(5200);
    a.clock.resume();
    expect(a.placement.frozen()).toBe(true);
    await world.time.until(() => !a.placement.frozen(), 2000, "the thaw");
    expect(a.placement.self.incarnation).toBe(before);
    expect(claims() - claimsBefore).toBe(a.host.serving.size);
    expect(thaws).toBe(1);
    expect(deaths(world)).toBe(0);
  });

  it("claims nothing by a table that it has not read again since it woke up", async () => {
    const { world, a } = await oldCluster();
    const { get } = a.kv;
    a.clock.pause();
    await world.advance(5200);
    a.kv.get = (key) => (key === "table" ? new Promise(() => {}) : get(key));
    const callsBefore = a.host.calls.length;
    a.clock.resume();
    await world.advance(3000);
    expect(a.placement.picture().leaseAgeMs).toBeLessThan(2000);
    expect(a.placement.frozen()).toBe(true);
    expect(a.host.calls).toHaveLength(callsBefore);
  });

  it("stays frozen while the store refuses to hear its claims", async () => {
    const { world, a } = await oldCluster();
    a.clock.pause();
    await world.advance(5200);
    a.host.storeAway = true;
    a.clock.resume();
    await world.advance(1500);
    expect(a.placement.frozen()).toBe(true);
    a.host.storeAway = false;
    await world.time.until(() => !a.placement.frozen(), 4000, "the thaw");
  });

  it("thaws all but the shards whose claims a part of the store does not hear, and those when it is back", async () => {
    const { world, a } = await oldCluster();
    a.clock.pause();
    await world.advance(5200);
    const served = [...a.host.serving.keys()];
    const missing = (shard: number): boolean => shard % 2 === 0;
    a.host.missing = missing;
    a.clock.resume();
    await world.time.until(() => !a.placement.frozen(), 1500, "the thaw");
    expect(served.filter((shard) => a.placement.frozen(shard))).toEqual(served.filter(missing));
    expect(served.filter(missing).length).toBeGreaterThan(0);
    let frozen = -1;
    a.placement.onThaw(() => (frozen = served.filter((shard) => a.placement.frozen(shard)).length));
    await world.advance(5000);
    expect(frozen).toBe(-1);
    a.host.missing = () => false;
    await world.time.until(() => frozen === 0, 4000, "the thaw of the others");
    await world.converge(4000);
    expect(deaths(world)).toBe(0);
  });

  it("moves nothing and kills nobody while the bucket is away, and freezes everybody", async () => {
    const { world } = await oldCluster();
    const before = world.nodes.map((node) => new Map(node.host.serving));
    for (const node of world.nodes) node.kv.cut = true;
    await world.advance(60_000);
    expect(world.nodes.every((node) => node.placement.frozen())).toBe(true);
    for (const node of world.nodes) node.kv.cut = false;
    await world.converge(4000);
    await world.advance(10_000);
    expect(deaths(world)).toBe(0);
    expect(world.nodes.map((node) => new Map(node.host.serving))).toEqual(before);
  });

  it("waits anew after its own gap: one node whose bucket comes back first kills nobody", async () => {
    const { world, a } = await oldCluster();
    for (const node of world.nodes) node.kv.cut = true;
    await world.advance(20_000);
    a.kv.cut = false;
    await world.advance(5000);
    for (const node of world.nodes) node.kv.cut = false;
    await world.converge(4000);
    expect(deaths(world)).toBe(0);
  });

  it("replaces a node that alone has lost the bucket", async () => {
    const { world, a, b } = await oldCluster();
    a.kv.cut = true;
    await world.time.until(() => !b.placement.members().has("a"), 9000, "the death");
    expect(a.placement.frozen()).toBe(true);
    await world.advance(2000);
    expect(b.host.serving.size + (world.nodes[2]?.host.serving.size ?? 0)).toBe(48);
    a.kv.cut = false;
    await world.converge(20_000);
  });

  it("waits twice as long when more than a third of four nodes is silent", async () => {
    const world = placementWorld(48);
    const nodes = ["a", "b", "c", "d"].map((name) => world.start(name));
    await world.converge(3000);
    await world.advance(32_000);
    for (const node of nodes.slice(2)) node.clock.pause();
    await world.advance(13_000);
    expect(deaths(world)).toBe(0);
    await world.advance(3000);
    expect(deaths(world)).toBe(2);
  });

  it("writes the table again when the bucket comes back empty: same owners, no claim lost", async () => {
    const { world, a } = await oldCluster();
    const before = world.nodes.map((node) => new Map(node.host.serving));
    const generation = a.placement.picture().generation;
    world.bucket.restore([]);
    await world.advance(2500);
    const entry = world.bucket.dump().find(({ key }) => key === "table");
    expect(decodeTable(entry?.value ?? "")?.generation).toBeGreaterThan(generation);
    await world.converge(6000);
    expect(world.nodes.map((node) => new Map(node.host.serving))).toEqual(before);
    expect(deaths(world)).toBe(0);
  });

  it("writes the newest remembered table when the bucket comes back older", async () => {
    const { world, a } = await oldCluster();
    const old = world.bucket.dump();
    world.crash(a);
    await world.converge(5000);
    const before = world.alive().map((node) => new Map(node.host.serving));
    world.bucket.restore(old);
    await world.advance(3000);
    await world.converge(8000);
    expect(world.alive().map((node) => new Map(node.host.serving))).toEqual(before);
  });

  it("makes a table from the fences when nobody remembers one, keeping owners that beat, after seven seconds", async () => {
    const world = placementWorld(12);
    for (let shard = 0; shard < 12; shard++) {
      world.fences.set(shard, { epoch: 5, owner: { node: shard < 6 ? "gone" : "other", incarnation: "x" } });
    }
    world.start("a");
    world.start("b");
    await world.advance(6500);
    expect(world.bucket.dump().some(({ key }) => key === "table")).toBe(false);
    await world.converge(3000);
    expect(world.nodes.flatMap((node) => [...node.host.serving.values()]).every((epoch) => epoch >= 6)).toBe(
      true,
    );
  });

  it("watches anew when its watch has gone deaf, and concludes nothing meanwhile", async () => {
    const { world, a } = await oldCluster();
    a.kv.deafen();
    await world.advance(2800);
    expect(a.placement.picture().seeing).toBe(false);
    await world.advance(1500);
    expect(a.placement.picture().seeing).toBe(true);
    await world.advance(10_000);
    expect(deaths(world)).toBe(0);
    expect(a.placement.frozen()).toBe(false);
  });

  it("reads back renewals and tables whose answers are lost", async () => {
    const { world, a, c } = await oldCluster();
    a.kv.loseAnswers = true;
    world.crash(c);
    await world.advance(12_000);
    expect(a.placement.frozen()).toBe(false);
    a.kv.loseAnswers = false;
    await world.converge(15_000);
    expect(deaths(world)).toBe(1);
  });

  it("recovers when two nodes are told that they won the same compare-and-set", async () => {
    const { world, a, b, c } = await oldCluster();
    for (const node of [a, b]) node.kv.falseWinner = "table";
    world.crash(c);
    await world.converge(8000);
    for (const node of [a, b]) node.kv.falseWinner = undefined;
    await world.advance(5000);
    expect(world.converged()).toBe(true);
  });

  it("goes on when a host's release never ends", async () => {
    const { world, a } = await oldCluster();
    a.host.release = () => new Promise<void>(() => {});
    world.start("d");
    await world.converge(90_000);
    expect(world.nodes.every((node) => counter(node, "movesForced") === 0)).toBe(true);
  });

  it("goes on after ten seconds without an old owner that beats but cannot let go", async () => {
    const { world, a } = await oldCluster();
    a.clock.pause();
    await world.advance(5200);
    a.host.storeAway = true;
    a.clock.resume();
    const d = world.start("d");
    await world.advance(9000);
    expect(a.placement.frozen()).toBe(true);
    expect(world.nodes.every((node) => counter(node, "movesForced") === 0)).toBe(true);
    await world.time.until(() => d.host.serving.size === 12, 45_000, "the share of the newcomer");
    expect(world.nodes.some((node) => counter(node, "movesForced") > 0)).toBe(true);
    expect(deaths(world)).toBe(0);
  });

  it("goes above a fence that it did not know", async () => {
    const { world, a } = await oldCluster();
    const shard = [...a.host.serving.keys()][0] ?? 0;
    const epoch = a.host.serving.get(shard) ?? 0;
    world.fences.set(shard, { epoch: epoch + 9, owner: { node: "ghost", incarnation: "g" } });
    a.placement.correct(shard, { node: "ghost", incarnation: "g" }, epoch + 9);
    await world.converge(2000);
    expect(a.host.serving.get(shard)).toBe(epoch + 10);
    expect(counter(a, "fencedGains")).toBe(1);
  });

  it("gives an abandoned shard a higher epoch at once", async () => {
    const { world, a } = await oldCluster();
    const [shard, epoch] = [...a.host.serving][0] ?? [0, 0];
    a.host.serving.delete(shard);
    a.placement.abandon(shard, epoch);
    await world.converge(500);
    expect(a.host.serving.get(shard)).toBe(epoch + 1);
  });

  it("repeats a claim with growing pauses while the store is away", async () => {
    const { world, a, b, c } = await oldCluster();
    for (const node of [b, c]) node.host.storeAway = true;
    world.crash(a);
    await world.advance(8000);
    expect(b.host.calls.length).toBeLessThan(400);
    for (const node of [b, c]) node.host.storeAway = false;
    await world.converge(4000);
  });

  it("stands back for good when another process goes by its id", async () => {
    const { world, a } = await oldCluster();
    const twin = world.start("a");
    await world.advance(3000);
    expect(a.placement.picture().problem).toMatch(/another process/);
    expect(a.placement.frozen()).toBe(true);
    expect(a.host.serving.size).toBe(0);
    world.crash(a);
    twin.listening = true;
    await world.converge(15_000);
  });

  it("makes its key again when somebody deleted it", async () => {
    const { world, a, b } = await oldCluster();
    await Promise.all([b.kv.delete("node.a"), world.advance(100)]);
    await world.advance(3000);
    expect(world.bucket.dump().some(({ key }) => key === "node.a")).toBe(true);
    expect(a.placement.frozen()).toBe(false);
    expect(deaths(world)).toBe(0);
  });

  it("removes the keys of runs that are long gone", async () => {
    const { world, a } = await oldCluster();
    world.crash(a);
    await world.advance(90_000);
    expect(
      world.bucket
        .dump()
        .map(({ key }) => key)
        .sort(),
    ).toEqual(["node.b", "node.c", "table"]);
  });
});
