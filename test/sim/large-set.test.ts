import { describe, expect, it } from "vitest";
import { memoryStore } from "../../store/memory.ts";
import type { Store, Write } from "../../store/store.ts";
import { freeCosts } from "../../sim/world/costs.ts";
import { LargeSet } from "../../sim/world/large-set.ts";
import { World } from "../../sim/world/world.ts";

const name = { shard: 3, set: "group", prefix: "a.m" };
const owner = "n1/1";

async function members(store: Store, ...names: string[]): Promise<readonly boolean[]> {
  return store.isMember(names.map((member) => ({ shard: 3, set: "group", member })));
}

describe("large set", () => {
  it("holds its numbered members, lets them go and come, and leaves others to the store", async () => {
    const world = new World({ seed: 1, costs: freeCosts, onError: () => {} });
    const store = new LargeSet(name, 10, 1_000_000).over(memoryStore(world.process("store").clock));
    let number = 0;
    const commit = (...writes: Write[]) =>
      store.commit(owner, [{ shard: 3, epoch: 1, number: ++number, writes }]);
    await store.claim(owner, [{ shard: 3, epoch: 1 }]);
    const asked = ["a.m9", "a.m10", "a.m999999", "a.m1000000", "a.m1.5", "a.mx", "b.m20"] as const;
    expect(await members(store, ...asked)).toEqual([false, true, true, false, false, false, false]);
    await commit(
      { op: "join", set: "group", member: "a.m9" },
      { op: "leave", set: "group", member: "a.m10" },
      { op: "leave", set: "another", member: "a.m11" },
      { op: "join", set: "group", member: "b.m20" },
    );
    expect(await members(store, "a.m9", "a.m10", "a.m11", "b.m20")).toEqual([true, false, true, true]);
    await commit({ op: "join", set: "group", member: "a.m10" });
    expect(await members(store, "a.m10")).toEqual([true]);
    expect(await store.isMember([{ shard: 4, set: "group", member: "a.m10" }])).toEqual([false]);
  });

  it("changes nothing by a commit that is refused", async () => {
    const world = new World({ seed: 1, costs: freeCosts, onError: () => {} });
    const store = new LargeSet(name, 0, 100).over(memoryStore(world.process("store").clock));
    await store.claim("n2/1", [{ shard: 3, epoch: 1 }]);
    const writes: Write[] = [{ op: "leave", set: "group", member: "a.m5" }];
    const [verdict] = await store.commit(owner, [{ shard: 3, epoch: 1, number: 1, writes }]);
    expect(verdict?.kind).toBe("fenced");
    expect(await members(store, "a.m5")).toEqual([true]);
  });

  it("stands in the replica that takes over, as far as that has heard of it", async () => {
    const world = new World({ seed: 1, costs: freeCosts, onError: () => {} });
    const { store: server, scheduler } = world;
    const seen = await world.run(async () => {
      server.furnish((store) => new LargeSet(name, 0, 100).over(store));
      const leave = async (number: number, member: string): Promise<void> => {
        const commit = {
          shard: 3,
          epoch: 1,
          number,
          writes: [{ op: "leave", set: "group", member }] as Write[],
        };
        await server.primary.commit(owner, [commit]);
        server.note({ kind: "commit", at: scheduler.now, owner, commit });
      };
      await server.primary.claim(owner, [{ shard: 3, epoch: 1 }]);
      server.note({ kind: "claim", at: scheduler.now, owner, shard: 3, epoch: 1 });
      await leave(1, "a.m5");
      await scheduler.sleep(1000);
      await leave(2, "a.m6");
      const before = await members(server.primary, "a.m5", "a.m6");
      await server.failOver(server.masters, 500, () => true);
      return [before, await members(server.primary, "a.m5", "a.m6")];
    });
    expect(seen).toEqual([
      [false, false],
      [false, true],
    ]);
  });
});
