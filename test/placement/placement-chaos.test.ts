import * as fc from "fast-check";
import { describe, it } from "vitest";
import type { KvEntry } from "../../placement/kv.ts";
import { placementWorld, type World, type WorldNode } from "../support/placement-world.ts";

const faults = [
  "join",
  "crash",
  "restart",
  "pause",
  "resume",
  "cut",
  "mend",
  "deafen",
  "loseAnswers",
  "falseWinner",
  "emptyBucket",
  "olderBucket",
  "drain",
  "slowRelease",
  "storeAway",
  "partAway",
] as const;

type Fault = (typeof faults)[number];
type Step = readonly [fault: Fault, target: number, afterMs: number];

const step = fc.tuple(fc.constantFrom(...faults), fc.nat(7), fc.integer({ min: 20, max: 9000 }));

/** Drained nodes stop when they are empty, as a process does that was told to end. */
function leave(world: World, node: WorldNode, leaving: Set<WorldNode>): void {
  leaving.add(node);
  const end = async (): Promise<void> => {
    await node.placement.drain();
    await node.placement.stop();
    if (!node.crashed) world.crash(node);
  };
  void end();
}

function apply(world: World, [fault, target]: Step, old: readonly KvEntry[], leaving: Set<WorldNode>): void {
  const living = world.alive();
  const node = living[target % living.length];
  const staying = living.filter((one) => !leaving.has(one)).length;
  if (node === undefined) return;
  switch (fault) {
    case "join":
      if (living.length < 5) world.start(`n${world.nodes.length}`);
      return;
    case "crash":
      if (staying > 1 || leaving.has(node)) world.crash(node);
      return;
    case "restart":
      leaving.delete(node);
      world.crash(node);
      world.start(node.name);
      return;
    case "pause":
      return node.clock.pause();
    case "resume":
      return node.clock.resume();
    case "cut":
      node.kv.cut = true;
      return;
    case "mend":
      node.kv.cut = false;
      return;
    case "deafen":
      return node.kv.deafen();
    case "loseAnswers":
      node.kv.loseAnswers = !node.kv.loseAnswers;
      return;
    case "falseWinner":
      node.kv.falseWinner = "table";
      return;
    case "emptyBucket":
      return world.bucket.restore([]);
    case "olderBucket":
      world.bucket.restore(old);
      return;
    case "drain":
      if (staying > 1 && !leaving.has(node)) leave(world, node, leaving);
      return;
    case "slowRelease":
      node.host.releaseMs = 15_000;
      return;
    case "storeAway":
      node.host.storeAway = !node.host.storeAway;
      return;
    case "partAway":
      for (const one of living) one.host.missing = (shard) => shard % 3 === target % 4;
      return;
  }
}

function heal(world: World): void {
  if (world.alive().length === 0) world.start(`n${world.nodes.length}`);
  for (const node of world.alive()) {
    node.clock.resume();
    node.kv.cut = false;
    node.kv.loseAnswers = false;
    node.kv.falseWinner = undefined;
    node.host.releaseMs = 10;
    node.host.storeAway = false;
    node.host.missing = () => false;
  }
}

describe("placement in chaos", () => {
  it("never has two unfrozen owners under the highest epoch, and converges once the faults are over", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1 << 20 }),
        fc.array(step, { maxLength: 14 }),
        async (seed, steps) => {
          const world = placementWorld(24, seed);
          for (const name of ["n0", "n1", "n2"]) world.start(name);
          await world.advance(1500);
          const leaving = new Set<WorldNode>();
          let old = world.bucket.dump();
          for (const [place, next] of steps.entries()) {
            apply(world, next, old, leaving);
            await world.advance(next[2]);
            if (place % 3 === 2) old = world.bucket.dump();
          }
          heal(world);
          await world.time.until(() => [...leaving].every((node) => node.crashed), 60_000, "the leaving");
          await world.converge(60_000);
          await world.advance(12_000);
          await world.converge(30_000);
        },
      ),
      { numRuns: Number(process.env["USHER_CHAOS_RUNS"] ?? 60) },
    );
  }, 120_000);
});
