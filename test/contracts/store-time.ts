import { describe, expect, it } from "vitest";
import type { Store, Write } from "../../store/store.ts";
import type { StoreBench } from "./store-harness.ts";

const longMs = 600_000;

async function dueIds(store: Store, shards: readonly number[], limit = 100): Promise<string[]> {
  return (await store.due(shards, limit)).map(({ id }) => id);
}

/** Expiry, timers and stamps, all by the store's own time. */
export function testTime(bench: () => StoreBench): void {
  describe("time", () => {
    it("forgets an expiring record when its time is over", async () => {
      const { store, write, harness } = bench();
      await write(
        1,
        { op: "keep", key: "short", value: "s", ttlMs: 40 },
        { op: "keep", key: "long", value: "l", ttlMs: longMs },
      );
      const keys = ["short", "long"].map((key) => ({ shard: 1, key }));
      await harness.pass(45);
      expect(await store.kept(keys)).toEqual([undefined, "l"]);
    });

    it("gives a record that is kept again its whole time", async () => {
      const { store, write, harness } = bench();
      await write(1, { op: "keep", key: "k", value: "v", ttlMs: 40 });
      await write(1, { op: "keep", key: "k", value: "v2", ttlMs: longMs });
      await harness.pass(45);
      expect(await store.kept([{ shard: 1, key: "k" }])).toEqual(["v2"]);
    });

    it("lets a record that was added to expire when it would have", async () => {
      const { store, write, harness } = bench();
      await write(
        1,
        { op: "keep", key: "k", value: "old ", ttlMs: 40 },
        { op: "extend", key: "k", value: "new" },
      );
      expect(await store.kept([{ shard: 1, key: "k" }])).toEqual(["old new"]);
      await harness.pass(45);
      await write(1, { op: "extend", key: "k", value: "too late" });
      expect(await store.kept([{ shard: 1, key: "k" }])).toEqual([undefined]);
    });

    it("reports timers when they are due and not before, oldest first, until they are disarmed", async () => {
      const { store, write, harness } = bench();
      await write(
        1,
        { op: "arm", id: "second", delayMs: 30, value: "2" },
        { op: "arm", id: "first", delayMs: 10, value: "1" },
        { op: "arm", id: "later", delayMs: longMs, value: "3" },
      );
      await harness.pass(35);
      const due = [
        { shard: 1, id: "first", value: "1" },
        { shard: 1, id: "second", value: "2" },
      ];
      expect(await store.due([1], 10)).toEqual(due);
      expect(await store.due([1], 10)).toEqual(due);
      await write(1, { op: "disarm", id: "first" }, { op: "disarm", id: "unknown" });
      expect(await dueIds(store, [1])).toEqual(["second"]);
    });

    it("never reports a timer early", async () => {
      const { store, write } = bench();
      await write(1, { op: "arm", id: "t", delayMs: longMs, value: "" });
      expect(await dueIds(store, [1])).toEqual([]);
    });

    it("replaces a timer that is armed again", async () => {
      const { store, write, harness } = bench();
      await write(
        1,
        { op: "arm", id: "t", delayMs: 10, value: "old" },
        { op: "arm", id: "u", delayMs: longMs, value: "" },
      );
      await write(
        1,
        { op: "arm", id: "t", delayMs: longMs, value: "new" },
        { op: "arm", id: "u", delayMs: 10, value: "soon" },
      );
      await harness.pass(15);
      expect(await store.due([1], 10)).toEqual([{ shard: 1, id: "u", value: "soon" }]);
    });

    it("fires a timer that is disarmed and armed in one commit", async () => {
      const { store, write, harness } = bench();
      await write(1, { op: "arm", id: "t", delayMs: 5, value: "1" });
      await write(1, { op: "disarm", id: "t" }, { op: "arm", id: "t", delayMs: 10, value: "2" });
      await harness.pass(15);
      expect(await store.due([1], 10)).toEqual([{ shard: 1, id: "t", value: "2" }]);
    });

    it("looks at the asked shards only and respects the limit over all of them", async () => {
      const { store, write, harness } = bench();
      const shards = [1, 2, 17, 40];
      for (const shard of shards) {
        const writes = ["x", "y", "z"].map((id): Write => ({
          op: "arm",
          id: `${id}${shard}`,
          delayMs: 0,
          value: id,
        }));
        await write(shard, ...writes);
      }
      await harness.pass(5);
      expect((await dueIds(store, shards)).sort()).toHaveLength(12);
      expect((await dueIds(store, [2, 40])).sort()).toEqual(["x2", "x40", "y2", "y40", "z2", "z40"]);
      expect(await dueIds(store, shards, 5)).toHaveLength(5);
      expect(await dueIds(store, shards, 0)).toEqual([]);
    });

    it("prefers what is overdue longest when not all fit", async () => {
      const { store, write, harness } = bench();
      await write(
        1,
        { op: "arm", id: "a-young", delayMs: 30, value: "" },
        { op: "arm", id: "z-middle", delayMs: 15, value: "" },
      );
      await write(2, { op: "arm", id: "old", delayMs: 1, value: "" });
      await harness.pass(40);
      expect(await dueIds(store, [1, 2], 1)).toEqual(["old"]);
      expect(await dueIds(store, [1], 1)).toEqual(["z-middle"]);
    });

    it("lets no shard take the whole limit while others have something due", async () => {
      const { store, write, harness } = bench();
      const many = Array.from({ length: 160 }, (_, i): Write => ({
        op: "arm",
        id: `many-${i}`,
        delayMs: Math.floor(i / 4),
        value: "",
      }));
      const ids = many.map((_, i) => `many-${i}`).sort();
      const oldest = (from: number, to: number): string[] =>
        Array.from({ length: to - from }, (_, i) => `many-${from + i}`).sort();
      await write(1, ...many);
      await write(2, { op: "arm", id: "young", delayMs: 40, value: "" });
      await harness.pass(45);
      const due = async (shards: number[]): Promise<string[]> => (await dueIds(store, shards, 160)).sort();
      expect(await due([1, 2])).toEqual([...oldest(0, 80), "young"]);
      await write(1, ...oldest(0, 80).map((id): Write => ({ op: "disarm", id })));
      expect(await due([1, 2])).toEqual([...oldest(80, 160), "young"]);
      expect(await due([1])).toEqual(ids.filter((id) => Number(id.slice(5)) >= 80));
    });

    it("lists the nodes whose stamps have not run out", async () => {
      const { store, harness } = bench();
      expect(await store.stamped()).toEqual([]);
      await store.stamp("node-a", 30);
      await store.stamp("node-b", longMs);
      await store.stamp("node-c", 10);
      await store.stamp("node-c", longMs);
      await harness.pass(35);
      expect([...(await store.stamped())].sort()).toEqual(["node-b", "node-c"]);
    });
  });
}
