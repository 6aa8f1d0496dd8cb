import { describe, expect, it } from "vitest";
import type { ShardCommit } from "../../store/store.ts";
import { alice, bob, type StoreBench } from "./store-harness.ts";

/** A commit whose answer is lost has one effect, however often it is asked again. */
export function testLostReplies(bench: () => StoreBench): void {
  describe("lost reply", () => {
    const commits = (number: number): ShardCommit[] =>
      [3, 19].map((shard) => ({
        shard,
        epoch: 1,
        number,
        writes: [
          { op: "append", log: "c", seq: number, event: `event ${number}` },
          { op: "owe", id: `${number}`, value: "v" },
        ],
      }));
    const claims = [
      { shard: 3, epoch: 1 },
      { shard: 19, epoch: 1 },
    ];

    it("says that the outcome is unknown, and the same number again returns committed, with one effect", async () => {
      const { store, harness } = bench();
      await store.claim(alice, claims);
      await store.commit(alice, commits(1));
      await expect(harness.loseReply(() => store.commit(alice, commits(2)))).rejects.toMatchObject({
        code: "STORE_UNKNOWN_OUTCOME",
      });
      expect(await store.tails(claims.map(({ shard }) => ({ shard, log: "c" })))).toEqual([
        "event 2",
        "event 2",
      ]);
      expect(await store.commit(alice, commits(2))).toEqual([{ kind: "committed" }, { kind: "committed" }]);
      expect(await store.commit(alice, commits(3))).toEqual([{ kind: "committed" }, { kind: "committed" }]);
      const slices = await store.readLogs(claims.map(({ shard }) => ({ shard, log: "c", limit: 10 })));
      for (const { events } of slices) expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    });

    it("lets a new owner find the commit and refuses the old one's repeat", async () => {
      const { store, harness } = bench();
      await store.claim(alice, claims);
      await expect(harness.loseReply(() => store.commit(alice, commits(1)))).rejects.toMatchObject({
        code: "STORE_UNKNOWN_OUTCOME",
      });
      expect(await store.claim(bob, [{ shard: 3, epoch: 2 }])).toEqual([{ kind: "claimed", last: 1 }]);
      expect(await store.commit(alice, commits(1))).toEqual([
        { kind: "fenced", epoch: 2, owner: bob },
        { kind: "committed" },
      ]);
    });
  });
}
