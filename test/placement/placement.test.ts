import { describe, expect, it } from "vitest";
import { placementWorld } from "../support/placement-world.ts";

describe("placement", () => {
  it("is ready within 100 ms when it is alone and new", async () => {
    const world = placementWorld(256);
    const node = world.start("a");
    await world.time.until(() => node.placement.ready(), 100);
    expect(node.host.serving.size).toBe(256);
  });

  it("spreads the shards soon when three nodes start together", async () => {
    const world = placementWorld(256);
    for (const name of ["a", "b", "c"]) world.start(name);
    await world.converge(2000);
  });
});
