import { describe, expect, it } from "vitest";
import { directoryOf } from "../../actors/directory.ts";
import { silentLog } from "../../base/log.ts";
import { frameParser } from "../../edge/frame-parser.ts";
import type { UsherNode } from "../../server/node.ts";
import { Cluster } from "../../sim/cluster.ts";
import type { Fault } from "../../sim/faults.ts";
import { simulatedTenant, verifyToken } from "../../sim/people/tenant.ts";
import { usualSettings } from "../../sim/settings.ts";
import { freeCosts } from "../../sim/world/costs.ts";
import { World } from "../../sim/world/world.ts";
import { collectGarbage } from "../support/garbage.ts";

const shards = 16;
const settings = { ...usualSettings, scenario: "test", seed: 5, shards, faults: [] };

/** A world with three nodes that have just become calm. */
async function inCalm(play: (cluster: Cluster, world: World) => Promise<void>): Promise<void> {
  const onError = (error: unknown): never => {
    throw error;
  };
  const world = new World({ seed: settings.seed, costs: freeCosts, onError });
  const nodes = {
    directory: directoryOf([simulatedTenant(settings)]),
    verify: verifyToken(world),
    parse: frameParser(),
    log: silentLog,
    shards,
    admitPerSecond: 100,
    direct: false,
  };
  await world.run(async () => {
    const cluster = new Cluster(world, nodes, 3, () => {});
    cluster.start();
    await calm(cluster, world);
    await play(cluster, world);
    for (const node of cluster.nodes) node.crash();
  });
}

/** Waits until the cluster is calm; how long that took. */
async function calm(cluster: Cluster, { scheduler }: World): Promise<number> {
  const from = scheduler.now;
  while (!cluster.calm()) {
    expect(scheduler.now - from, cluster.trouble()).toBeLessThan(60_000);
    await scheduler.sleep(50);
  }
  return scheduler.now - from;
}

/** How many shards each node says it owns; undefined for one that is gone. */
function owned({ nodes }: Cluster): (number | undefined)[] {
  return nodes.map(({ name, node }) => {
    if (node === undefined) return undefined;
    const routes = Array.from({ length: shards }, (_, shard) => node.placement.route(shard));
    return routes.filter((route) => route?.owner.node === name).length;
  });
}

const leave = (lastsMs: number): Fault => ({ at: 0, kind: "leave", target: "n2", for: lastsMs });

describe("cluster", () => {
  it("keeps nothing of a node that died in memory", async () => {
    const dead: (WeakRef<UsherNode["placement"]> | undefined)[] = [];
    await inCalm(async (cluster, { scheduler }) => {
      const died = cluster.nodes[1];
      dead.push(died?.node && new WeakRef(died.node.placement));
      died?.crash();
      await scheduler.sleep(60_000);
      await collectGarbage();
      expect(cluster.nodes.map(({ alive }) => alive)).toEqual([true, false, true]);
      expect(dead.map((placement) => placement?.deref())).toEqual([undefined]);
    });
  });

  it("is not calm without a node, and not before each has shards again", async () => {
    await inCalm(async (cluster, world) => {
      expect(owned(cluster)).not.toContain(0);
      cluster.strike({ at: 0, kind: "crash", target: "n2", for: 0 });
      await world.scheduler.sleep(30_000);
      expect(owned(cluster)[1]).toBeUndefined();
      expect(cluster.calm()).toBe(false);
      expect(cluster.trouble()).toBe("n1 ready, n2 gone, n3 ready");
      cluster.heal();
      await calm(cluster, world);
      expect(owned(cluster)[1]).toBeGreaterThan(0);
    });
  });

  it("waits, when the world has healed, for a node that was leaving, whatever time it was to stay away", async () => {
    await inCalm(async (cluster, world) => {
      cluster.strike(leave(3_600_000));
      await world.scheduler.sleep(20);
      cluster.heal();
      expect(cluster.nodes[1]?.process?.name).toContain("n2");
      await calm(cluster, world);
      expect(owned(cluster)).toHaveLength(3);
      for (const count of owned(cluster)) expect(count).toBeGreaterThan(0);
    });
  });

  it("lets a node that has left come back after its time, or when the world heals", async () => {
    await inCalm(async (cluster, world) => {
      const away = async (): Promise<void> => {
        for (let looks = 0; looks < 400 && cluster.nodes[1]?.alive === true; looks++)
          await world.scheduler.sleep(50);
      };
      cluster.strike(leave(5000));
      await away();
      await world.scheduler.sleep(4900);
      expect(cluster.nodes[1]?.alive).toBe(false);
      await world.scheduler.sleep(200);
      expect(cluster.nodes[1]?.alive).toBe(true);
      await calm(cluster, world);
      cluster.strike(leave(0));
      await away();
      await world.scheduler.sleep(10_000);
      expect(cluster.nodes[1]?.alive).toBe(false);
      cluster.heal();
      expect(cluster.nodes[1]?.alive).toBe(true);
    });
  });

  it("lets a node leave again that was killed while it left", async () => {
    await inCalm(async (cluster, world) => {
      cluster.strike(leave(1000));
      await world.scheduler.sleep(5);
      cluster.strike({ at: 0, kind: "crash", target: "n2", for: 500 });
      await world.scheduler.sleep(5000);
      await calm(cluster, world);
      const before = cluster.nodes[1]?.process;
      cluster.strike(leave(1000));
      await world.scheduler.sleep(20_000);
      await calm(cluster, world);
      expect(cluster.nodes[1]?.process).not.toBe(before);
    });
  });
});
