import { describe, expect, it } from "vitest";
import type { LogSlice, Write } from "../../store/store.ts";
import type { StoreBench } from "./store-harness.ts";

function numbers(slices: readonly LogSlice[]): number[][] {
  return slices.map(({ events }) => events.map(({ seq }) => seq));
}

/** Pages of logs and obligations, and answers in the order of the questions. */
export function testReads(bench: () => StoreBench): void {
  describe("reads", () => {
    const tenEvents = Array.from({ length: 10 }, (_, i): Write => ({
      op: "append",
      log: "c",
      seq: i + 1,
      event: `event ${i + 1}`,
    }));

    it("pages a log upwards and downwards, always ascending", async () => {
      const { store, write } = bench();
      await write(2, ...tenEvents);
      const slices = await store.readLogs(
        [
          { after: 0, limit: 3 },
          { after: 3, limit: 3 },
          { after: 8, limit: 3 },
          { after: 10, limit: 3 },
          { after: 99, limit: 3 },
          { before: 11, limit: 3 },
          { before: 8, limit: 3 },
          { before: 3, limit: 3 },
          { before: 1, limit: 3 },
          { before: 99, limit: 3 },
          { after: 2, before: 5, limit: 9 },
          { after: 2, before: 9, limit: 2 },
          { limit: 2 },
        ].map((part) => ({ shard: 2, log: "c", ...part })),
      );
      expect(numbers(slices)).toEqual([
        [1, 2, 3],
        [4, 5, 6],
        [9, 10],
        [],
        [],
        [8, 9, 10],
        [5, 6, 7],
        [1, 2],
        [],
        [8, 9, 10],
        [3, 4],
        [3, 4],
        [1, 2],
      ]);
      expect(new Set(slices.map(({ end }) => end))).toEqual(new Set([10]));
      expect(slices[1]?.events[0]).toEqual({ seq: 4, event: "event 4" });
    });

    it("brings of a log no more bytes than asked for, but one event, and says where the log ends", async () => {
      const { store, write } = bench();
      const sizes = [...Array.from({ length: 40 }, () => 10), 500, 10, 10];
      const long = sizes.map((size, i): Write => ({
        op: "append",
        log: "c",
        seq: i + 1,
        event: "é".repeat(size / 2),
      }));
      await write(2, ...long);
      const read = async (part: { after?: number; before?: number; bytes: number }): Promise<unknown> => {
        const [slice] = await store.readLogs([{ shard: 2, log: "c", limit: 100, ...part }]);
        expect(slice?.end).toBe(43);
        const of = slice?.events ?? [];
        expect(of.map(({ event }) => Buffer.byteLength(event))).toEqual(of.map(({ seq }) => sizes[seq - 1]));
        return [of[0]?.seq, of.at(-1)?.seq];
      };
      expect(await read({ after: 0, bytes: 30 })).toEqual([1, 3]);
      expect(await read({ after: 0, bytes: 39 })).toEqual([1, 3]);
      expect(await read({ after: 5, bytes: 340 })).toEqual([6, 39]);
      expect(await read({ after: 39, bytes: 509 })).toEqual([40, 40]);
      expect(await read({ after: 40, bytes: 1 })).toEqual([41, 41]);
      expect(await read({ after: 39, bytes: 10_000 })).toEqual([40, 43]);
      expect(await read({ before: 44, bytes: 20 })).toEqual([42, 43]);
      expect(await read({ before: 44, bytes: 519 })).toEqual([42, 43]);
      expect(await read({ before: 42, bytes: 1 })).toEqual([41, 41]);
      expect(await read({ before: 41, bytes: 250 })).toEqual([16, 40]);
      expect(await read({ before: 1, bytes: 250 })).toEqual([undefined, undefined]);
      expect(await read({ after: 43, bytes: 250 })).toEqual([undefined, undefined]);
    });

    it("answers questions about many shards in their order", async () => {
      const { store, write } = bench();
      const shards = [33, 4, 18, 2, 250];
      for (const shard of shards) {
        await write(
          shard,
          { op: "append", log: "c", seq: 1, event: `event of ${shard}` },
          { op: "set", entity: "e", field: "shard", value: `${shard}` },
          { op: "keep", key: "k", value: `kept by ${shard}`, ttlMs: 60_000 },
          { op: "join", set: "s", member: `${shard}` },
        );
      }
      expect(await store.tails(shards.map((shard) => ({ shard, log: "c" })))).toEqual(
        shards.map((shard) => `event of ${shard}`),
      );
      const slices = await store.readLogs(shards.map((shard) => ({ shard, log: "c", limit: 1 })));
      expect(slices.map(({ events }) => events[0]?.event)).toEqual(
        shards.map((shard) => `event of ${shard}`),
      );
      expect(await store.load(shards.map((shard) => ({ shard, entity: "e" })))).toEqual(
        shards.map((shard) => ({ shard: `${shard}` })),
      );
      expect(await store.kept(shards.map((shard) => ({ shard, key: "k" })))).toEqual(
        shards.map((shard) => `kept by ${shard}`),
      );
      expect(await store.isMember(shards.map((shard) => ({ shard, set: "s", member: "18" })))).toEqual(
        shards.map((shard) => shard === 18),
      );
    });

    it("answers many questions that might bring much in their order", async () => {
      const { store, write } = bench();
      const logs = Array.from({ length: 80 }, (_, i) => ({ shard: 1 + (i % 5), log: `c${i}` }));
      for (const shard of [1, 2, 3, 4, 5]) {
        const ofShard = logs.filter((log) => log.shard === shard);
        await write(shard, ...ofShard.map(({ log }): Write => ({ op: "append", log, seq: 1, event: log })));
      }
      const slices = await store.readLogs(logs.map((log) => ({ ...log, limit: 64 })));
      expect(slices).toEqual(logs.map(({ log }) => ({ events: [{ seq: 1, event: log }], end: 1 })));
    });

    it("answers empty questions with nothing", async () => {
      const { store } = bench();
      expect(
        await Promise.all([
          store.readLogs([]),
          store.tails([]),
          store.load([]),
          store.kept([]),
          store.isMember([]),
          store.due([], 10),
          store.obligations(1, 10),
        ]),
      ).toEqual([[], [], [], [], [], [], []]);
    });

    it("lists obligations by id and pages through them", async () => {
      const { store, write } = bench();
      const ids = ["b", "a", "aa", "Z", "1", "10", "2", "é", "￿", "🎌"];
      await write(6, ...ids.map((id): Write => ({ op: "owe", id, value: `value of ${id}` })));
      const sorted = ["1", "10", "2", "Z", "a", "aa", "b", "é", "￿", "🎌"];
      const all = await store.obligations(6, 100);
      expect(all).toEqual(sorted.map((id) => ({ shard: 6, id, value: `value of ${id}` })));
      const paged: string[] = [];
      for (let after: string | undefined = undefined; ; after = paged.at(-1)) {
        const page = await store.obligations(6, 3, after);
        expect(page.length).toBeLessThanOrEqual(3);
        if (page.length === 0) break;
        paged.push(...page.map(({ id }) => id));
      }
      expect(paged).toEqual(sorted);
      expect(await store.obligations(6, 10, "b")).toHaveLength(3);
      expect(await store.obligations(6, 0)).toEqual([]);
    });

    it("names its run, and its memory is not full", async () => {
      const { store } = bench();
      expect(await store.runId()).not.toBe("");
      expect(await store.runId()).toBe(await store.runId());
      expect(await store.fullness()).toBeLessThan(0.8);
      expect(store.connected()).toBe(true);
    });

    it("is unavailable once closed, and says so", async () => {
      const { store } = bench();
      const seen: boolean[] = [];
      store.onStatus((connected) => void seen.push(connected));
      await store.close();
      expect(store.connected()).toBe(false);
      expect(seen).toEqual([false]);
      for (const call of [
        store.claim("n/1", [{ shard: 0, epoch: 1 }]),
        store.commit("n/1", [{ shard: 0, epoch: 1, number: 1, writes: [] }]),
        store.fences(1),
        store.tails([{ shard: 0, log: "c" }]),
        store.due([0], 1),
        store.obligations(0, 1),
        store.stamp("n", 1000),
        store.stamped(),
        store.runId(),
        store.fullness(),
      ]) {
        await expect(call).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      }
    });
  });
}
