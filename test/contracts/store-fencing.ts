import { describe, expect, it } from "vitest";
import type { ShardCommit } from "../../store/store.ts";
import { alice, bob, type StoreBench } from "./store-harness.ts";

function empty(shard: number, epoch: number, number: number): ShardCommit {
  return { shard, epoch, number, writes: [] };
}

/** Claims, epochs, and the numbering of commits. */
export function testFencing(bench: () => StoreBench): void {
  describe("fence", () => {
    it("grants a first claim with nothing committed", async () => {
      const { store } = bench();
      expect(await store.claim(alice, [{ shard: 3, epoch: 1 }])).toEqual([{ kind: "claimed", last: 0 }]);
      expect(await store.fences(8)).toEqual([{ shard: 3, epoch: 1, owner: alice, last: 0 }]);
    });

    it("has no fence where nobody claimed", async () => {
      expect(await bench().store.fences(16)).toEqual([]);
    });

    it("grants the same epoch again to the same owner only", async () => {
      const { store } = bench();
      await store.claim(alice, [{ shard: 0, epoch: 5 }]);
      await store.commit(alice, [empty(0, 5, 1)]);
      expect(await store.claim(alice, [{ shard: 0, epoch: 5 }])).toEqual([{ kind: "claimed", last: 1 }]);
      expect(await store.claim(bob, [{ shard: 0, epoch: 5 }])).toEqual([
        { kind: "fenced", epoch: 5, owner: alice },
      ]);
    });

    it("grants a higher epoch to anybody and a lower one to nobody", async () => {
      const { store } = bench();
      await store.claim(alice, [{ shard: 0, epoch: 5 }]);
      expect(await store.claim(bob, [{ shard: 0, epoch: 7 }])).toEqual([{ kind: "claimed", last: 0 }]);
      expect(await store.claim(bob, [{ shard: 0, epoch: 6 }])).toEqual([
        { kind: "fenced", epoch: 7, owner: bob },
      ]);
      expect(await store.claim(alice, [{ shard: 0, epoch: 5 }])).toEqual([
        { kind: "fenced", epoch: 7, owner: bob },
      ]);
    });

    it("answers many claims in their order and lists the fences by shard", async () => {
      const { store } = bench();
      await store.claim(bob, [{ shard: 17, epoch: 9 }]);
      const claims = [40, 17, 2, 33].map((shard) => ({ shard, epoch: 2 }));
      expect(await store.claim(alice, claims)).toEqual([
        { kind: "claimed", last: 0 },
        { kind: "fenced", epoch: 9, owner: bob },
        { kind: "claimed", last: 0 },
        { kind: "claimed", last: 0 },
      ]);
      expect((await store.fences(40)).map(({ shard, owner }) => [shard, owner])).toEqual([
        [2, alice],
        [17, bob],
        [33, alice],
      ]);
    });

    it("refuses commits without a claim, from another owner, and of another epoch", async () => {
      const { store } = bench();
      const append = { op: "append", log: "c", seq: 1, event: "x" } as const;
      expect(await store.commit(alice, [{ ...empty(1, 1, 1), writes: [append] }])).toEqual([
        { kind: "fenced", epoch: 0, owner: "" },
      ]);
      await store.claim(bob, [{ shard: 1, epoch: 4 }]);
      const refused = [{ kind: "fenced", epoch: 4, owner: bob }];
      expect(await store.commit(alice, [{ ...empty(1, 4, 1), writes: [append] }])).toEqual(refused);
      expect(await store.commit(bob, [{ ...empty(1, 3, 1), writes: [append] }])).toEqual(refused);
      expect(await store.commit(bob, [{ ...empty(1, 5, 1), writes: [append] }])).toEqual(refused);
      expect(await store.tails([{ shard: 1, log: "c" }])).toEqual([undefined]);
    });

    it("keeps the numbers through epochs", async () => {
      const { store } = bench();
      await store.claim(alice, [{ shard: 0, epoch: 1 }]);
      await store.commit(alice, [empty(0, 1, 1)]);
      await store.commit(alice, [empty(0, 1, 2)]);
      expect(await store.claim(bob, [{ shard: 0, epoch: 2 }])).toEqual([{ kind: "claimed", last: 2 }]);
      expect(await store.commit(bob, [empty(0, 2, 3)])).toEqual([{ kind: "committed" }]);
      expect(await store.fences(1)).toEqual([{ shard: 0, epoch: 2, owner: bob, last: 3 }]);
    });
  });

  describe("commit number", () => {
    it("answers a repeat as committed without applying it again", async () => {
      const { store } = bench();
      await store.claim(alice, [{ shard: 0, epoch: 1 }]);
      const commit: ShardCommit = {
        ...empty(0, 1, 1),
        writes: [{ op: "append", log: "c", seq: 1, event: "x" }],
      };
      expect(await store.commit(alice, [commit])).toEqual([{ kind: "committed" }]);
      expect(await store.commit(alice, [commit])).toEqual([{ kind: "committed" }]);
      const [slice] = await store.readLogs([{ shard: 0, log: "c", limit: 10 }]);
      expect(slice).toEqual({ events: [{ seq: 1, event: "x" }], end: 1 });
    });

    it("takes a repeat for stale when another epoch wrote that number", async () => {
      const { store } = bench();
      await store.claim(alice, [{ shard: 0, epoch: 1 }]);
      await store.commit(alice, [empty(0, 1, 1)]);
      await store.claim(bob, [{ shard: 0, epoch: 2 }]);
      expect(await store.commit(bob, [empty(0, 2, 1)])).toEqual([{ kind: "stale", last: 1 }]);
    });

    it("still knows a repeat after the same owner claimed again", async () => {
      const { store } = bench();
      await store.claim(alice, [{ shard: 0, epoch: 1 }]);
      await store.commit(alice, [empty(0, 1, 1)]);
      await store.claim(alice, [{ shard: 0, epoch: 1 }]);
      expect(await store.commit(alice, [empty(0, 1, 1)])).toEqual([{ kind: "committed" }]);
    });

    it("tells lower numbers stale and higher ones ahead, and writes neither", async () => {
      const { store } = bench();
      await store.claim(alice, [{ shard: 0, epoch: 1 }]);
      await store.commit(alice, [empty(0, 1, 1)]);
      await store.commit(alice, [empty(0, 1, 2)]);
      const writes = [{ op: "set", entity: "e", field: "f", value: "v" }] as const;
      expect(await store.commit(alice, [{ ...empty(0, 1, 1), writes }])).toEqual([
        { kind: "stale", last: 2 },
      ]);
      expect(await store.commit(alice, [{ ...empty(0, 1, 4), writes }])).toEqual([
        { kind: "ahead", last: 2 },
      ]);
      expect(await store.load([{ shard: 0, entity: "e" }])).toEqual([{}]);
      expect(await store.commit(alice, [empty(0, 1, 3)])).toEqual([{ kind: "committed" }]);
    });

    it("gives each shard of one call its own verdict, in order", async () => {
      const { store } = bench();
      await store.claim(alice, [
        { shard: 1, epoch: 1 },
        { shard: 2, epoch: 1 },
        { shard: 20, epoch: 1 },
        { shard: 36, epoch: 1 },
      ]);
      await store.commit(alice, [empty(2, 1, 1)]);
      await store.claim(bob, [{ shard: 20, epoch: 2 }]);
      const set = (value: string) => [{ op: "set", entity: "e", field: "f", value } as const];
      const verdicts = await store.commit(alice, [
        { shard: 36, epoch: 1, number: 1, writes: set("36") },
        { shard: 20, epoch: 1, number: 1, writes: set("20") },
        { shard: 2, epoch: 1, number: 1, writes: set("2") },
        { shard: 9, epoch: 1, number: 1, writes: set("9") },
        { shard: 1, epoch: 1, number: 2, writes: set("1") },
      ]);
      expect(verdicts).toEqual([
        { kind: "committed" },
        { kind: "fenced", epoch: 2, owner: bob },
        { kind: "committed" },
        { kind: "fenced", epoch: 0, owner: "" },
        { kind: "ahead", last: 0 },
      ]);
      const loaded = await store.load([36, 20, 2, 9, 1].map((shard) => ({ shard, entity: "e" })));
      expect(loaded).toEqual([{ f: "36" }, {}, {}, {}, {}]);
    });

    it("serves as many shards in one call as a cluster may have", async () => {
      const { store } = bench();
      const shards = Array.from({ length: 4096 }, (_, shard) => shard);
      await store.claim(
        alice,
        shards.map((shard) => ({ shard, epoch: 1 })),
      );
      const commits = shards.map((shard) => empty(shard, 1, 1));
      expect(await store.commit(alice, commits)).toEqual(shards.map(() => ({ kind: "committed" })));
      expect((await store.fences(4096)).map(({ shard, last }) => [shard, last])).toEqual(
        shards.map((shard) => [shard, 1]),
      );
    });

    it("answers an empty call with nothing", async () => {
      expect(await bench().store.commit(alice, [])).toEqual([]);
      expect(await bench().store.claim(alice, [])).toEqual([]);
    });

    it("lets commits that were sent without waiting land in their order", async () => {
      const { store } = bench();
      await store.claim(alice, [{ shard: 0, epoch: 1 }]);
      const verdicts = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          store.commit(alice, [
            {
              shard: 0,
              epoch: 1,
              number: i + 1,
              writes: [{ op: "append", log: "c", seq: i + 1, event: `${i}` }],
            },
          ]),
        ),
      );
      expect(verdicts.flat()).toEqual(Array.from({ length: 20 }, () => ({ kind: "committed" })));
      const [slice] = await store.readLogs([{ shard: 0, log: "c", limit: 100 }]);
      expect(slice?.events.map(({ event }) => event)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    });
  });
}
