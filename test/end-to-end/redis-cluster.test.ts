import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPairs } from "./pairs.ts";
import { startTestCluster, type TestCluster } from "./test-cluster.ts";

describe("twenty pairs over a Redis Cluster of three masters", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startTestCluster(3, "cluster");
  });
  afterAll(async () => {
    await cluster.stop();
  });

  it("lose nothing while all is calm", async () => {
    const talk = await startPairs(cluster, 20);
    await talk.exchanged(30);
    expect(await talk.finish()).toEqual([]);
  });

  it("lose nothing when a node is killed", async () => {
    const talk = await startPairs(cluster, 20);
    await talk.exchanged(10);
    const [, victim] = cluster.nodes;
    if (victim === undefined) throw new Error("no such node");
    victim.process.signal("SIGKILL");
    await victim.process.exited;
    cluster.remove(victim);
    await talk.exchanged(20);
    expect(await talk.finish()).toEqual([]);
  });
});
