import { describe, expect, it } from "vitest";
import type { Write } from "../../store/store.ts";
import { alice, bob, type StoreBench } from "./store-harness.ts";

/** What each write does, and that a commit is written wholly or not at all. */
export function testWrites(bench: () => StoreBench): void {
  describe("writes", () => {
    it("appends several events to several logs in one commit", async () => {
      const { store, write } = bench();
      await write(
        4,
        { op: "append", log: "a", seq: 1, event: "a1" },
        { op: "append", log: "b", seq: 1, event: "b1" },
        { op: "append", log: "a", seq: 2, event: "a2" },
      );
      await write(4, { op: "append", log: "a", seq: 3, event: "a3" });
      const slices = await store.readLogs(["a", "b", "none"].map((log) => ({ shard: 4, log, limit: 10 })));
      expect(slices.map(({ events }) => events.map(({ event }) => event))).toEqual([
        ["a1", "a2", "a3"],
        ["b1"],
        [],
      ]);
      expect(slices.map(({ end }) => end)).toEqual([3, 1, 0]);
    });

    it("sets, replaces and unsets fields in the order given", async () => {
      const { store, write } = bench();
      await write(
        1,
        { op: "set", entity: "e", field: "a", value: "1" },
        { op: "set", entity: "e", field: "b", value: "2" },
        { op: "unset", entity: "e", field: "a" },
        { op: "set", entity: "e", field: "b", value: "3" },
        { op: "unset", entity: "other", field: "b" },
      );
      expect(await store.load([{ shard: 1, entity: "e" }])).toEqual([{ b: "3" }]);
      await write(1, { op: "unset", entity: "e", field: "b" });
      expect(await store.load([{ shard: 1, entity: "e" }])).toEqual([{}]);
    });

    it("keeps an expiring record and replaces it", async () => {
      const { store, write } = bench();
      await write(1, { op: "keep", key: "p", value: "old", ttlMs: 60_000 });
      await write(1, { op: "keep", key: "p", value: "new", ttlMs: 60_000 });
      expect(await store.kept([{ shard: 1, key: "p" }])).toEqual(["new"]);
    });

    it("adds to the end of an expiring record, and begins none", async () => {
      const { store, write } = bench();
      await write(1, { op: "extend", key: "p", value: "a," });
      expect(await store.kept([{ shard: 1, key: "p" }])).toEqual([undefined]);
      await write(
        1,
        { op: "keep", key: "p", value: "b,", ttlMs: 60_000 },
        { op: "extend", key: "p", value: "c," },
        { op: "extend", key: "p", value: "" },
        { op: "extend", key: "p", value: "d," },
      );
      expect(await store.kept([{ shard: 1, key: "p" }])).toEqual(["b,c,d,"]);
      await write(
        1,
        { op: "extend", key: "p", value: "lost," },
        { op: "keep", key: "p", value: "e,", ttlMs: 60_000 },
        { op: "extend", key: "p", value: "f," },
      );
      expect(await store.kept([{ shard: 1, key: "p" }])).toEqual(["e,f,"]);
      await write(
        1,
        { op: "keep", key: "p", value: "", ttlMs: 60_000 },
        { op: "extend", key: "q", value: "" },
      );
      expect(await store.kept(["p", "q"].map((key) => ({ shard: 1, key })))).toEqual(["", undefined]);
    });

    it("owes and settles", async () => {
      const { store, write } = bench();
      await write(1, { op: "owe", id: "x", value: "1" }, { op: "owe", id: "y", value: "2" });
      await write(
        1,
        { op: "settle", id: "x" },
        { op: "settle", id: "unknown" },
        { op: "owe", id: "y", value: "3" },
      );
      expect(await store.obligations(1, 10)).toEqual([{ shard: 1, id: "y", value: "3" }]);
    });

    it("joins and leaves sets", async () => {
      const { store, write } = bench();
      await write(
        1,
        { op: "join", set: "g", member: "u1" },
        { op: "join", set: "g", member: "u1" },
        { op: "join", set: "g", member: "u2" },
        { op: "leave", set: "g", member: "u2" },
        { op: "leave", set: "h", member: "u1" },
      );
      const members = ["u1", "u2", "u3"].map((member) => ({ shard: 1, set: "g", member }));
      expect(await store.isMember(members)).toEqual([true, false, false]);
    });

    it("keeps names of different shards and kinds apart", async () => {
      const { store, write } = bench();
      const all = (value: string): Write[] => [
        { op: "append", log: "n", seq: 1, event: value },
        { op: "set", entity: "n", field: "n", value },
        { op: "keep", key: "n", value, ttlMs: 60_000 },
        { op: "owe", id: "n", value },
        { op: "arm", id: "n", delayMs: 60_000, value },
        { op: "join", set: "n", member: value },
      ];
      await write(3, ...all("three"));
      await write(19, ...all("nineteen"));
      expect(
        await store.tails([
          { shard: 3, log: "n" },
          { shard: 19, log: "n" },
        ]),
      ).toEqual(["three", "nineteen"]);
      expect(
        await store.load([
          { shard: 3, entity: "n" },
          { shard: 19, entity: "n" },
        ]),
      ).toEqual([{ n: "three" }, { n: "nineteen" }]);
      expect(
        await store.kept([
          { shard: 19, key: "n" },
          { shard: 35, key: "n" },
        ]),
      ).toEqual(["nineteen", undefined]);
      expect(await store.obligations(3, 5)).toEqual([{ shard: 3, id: "n", value: "three" }]);
      expect(await store.isMember([{ shard: 3, set: "n", member: "nineteen" }])).toEqual([false]);
    });

    it("carries unicode, empty and odd strings unchanged", async () => {
      const { store, write } = bench();
      const odd = [
        "",
        " ",
        "naïve 你好 👩‍👩‍👧",
        "quotes \" ' \\",
        "line\nbreak\ttab",
        "a:b{c}*?[",
        "-1",
        "__proto__",
        "nul\0nul",
      ];
      await write(
        2,
        ...odd.map((event, i): Write => ({ op: "append", log: "odd 你", seq: i + 1, event })),
        ...odd.map((text): Write => ({ op: "set", entity: "e", field: text, value: text })),
        ...odd.map((text): Write => ({ op: "keep", key: text, value: text, ttlMs: 60_000 })),
        ...odd.map((text): Write => ({ op: "join", set: text, member: text })),
        ...odd.map((text): Write => ({ op: "owe", id: text, value: text })),
      );
      const [slice] = await store.readLogs([{ shard: 2, log: "odd 你", limit: 100 }]);
      expect(slice?.events.map(({ event }) => event)).toEqual(odd);
      const [fields] = await store.load([{ shard: 2, entity: "e" }]);
      expect(new Map(Object.entries(fields ?? {}))).toEqual(new Map(odd.map((text) => [text, text])));
      expect(await store.kept(odd.map((key) => ({ shard: 2, key })))).toEqual(odd);
      expect(await store.isMember(odd.map((text) => ({ shard: 2, set: text, member: text })))).toEqual(
        odd.map(() => true),
      );
      const owed = await store.obligations(2, 100);
      expect(new Map(owed.map(({ id, value }) => [id, value]))).toEqual(
        new Map(odd.map((text) => [text, text])),
      );
    });

    it("carries values of a megabyte and calls of several", async () => {
      const { store, write } = bench();
      const large = "日本 🎌 ".repeat(60_000);
      await write(
        5,
        { op: "append", log: "big", seq: 1, event: large },
        { op: "set", entity: "e", field: "f", value: large },
      );
      expect(await store.tails([{ shard: 5, log: "big" }])).toEqual([large]);
      expect(await store.load([{ shard: 5, entity: "e" }])).toEqual([{ f: large }]);
      const shards = [5, 6, 7, 21, 22, 23];
      await store.claim(
        alice,
        shards.slice(1).map((shard) => ({ shard, epoch: 1 })),
      );
      const commits = shards.map((shard) =>
        bench().next(shard, { op: "keep", key: "k", value: large, ttlMs: 60_000 }),
      );
      expect(await store.commit(alice, commits)).toEqual(shards.map(() => ({ kind: "committed" })));
      expect(await store.kept(shards.map((shard) => ({ shard, key: "k" })))).toEqual(shards.map(() => large));
    });

    it("carries a commit of thousands of writes", async () => {
      const { store, write } = bench();
      const count = 9000;
      await write(
        0,
        ...Array.from({ length: count }, (_, i): Write => ({
          op: "append",
          log: "c",
          seq: i + 1,
          event: `${i}`,
        })),
      );
      const [slice] = await store.readLogs([{ shard: 0, log: "c", after: count - 2, limit: 10 }]);
      expect(slice).toEqual({
        events: [
          { seq: count - 1, event: `${count - 2}` },
          { seq: count, event: `${count - 1}` },
        ],
        end: count,
      });
    });
  });

  describe("validation", () => {
    const mark: Write = { op: "set", entity: "e", field: "f", value: "v" };
    const bad: readonly (readonly [string, Write[]])[] = [
      ["skips a number", [mark, { op: "append", log: "c", seq: 3, event: "x" }]],
      ["repeats a number", [mark, { op: "append", log: "c", seq: 1, event: "x" }]],
      [
        "repeats a number of its own",
        [
          mark,
          { op: "append", log: "c", seq: 2, event: "x" },
          { op: "append", log: "c", seq: 2, event: "x" },
        ],
      ],
      ["starts a log at 2", [mark, { op: "append", log: "new", seq: 2, event: "x" }]],
      ["appends number 0", [mark, { op: "append", log: "new", seq: 0, event: "x" }]],
      [
        "keeps something for no number of milliseconds",
        [mark, { op: "keep", key: "k", value: "v", ttlMs: NaN }],
      ],
      ["arms a timer in the past", [mark, { op: "arm", id: "t", value: "v", delayMs: -1 }]],
    ];
    it.each(bad)("writes nothing of a commit that %s", async (_, writes) => {
      const { store, write } = bench();
      await write(7, { op: "append", log: "c", seq: 1, event: "first" });
      const commit = { shard: 7, epoch: 1, number: 2, writes };
      await expect(store.commit(alice, [commit])).rejects.toMatchObject({ code: "STORE_CORRUPT" });
      expect(await store.load([{ shard: 7, entity: "e" }])).toEqual([{}]);
      expect(
        await store.tails([
          { shard: 7, log: "c" },
          { shard: 7, log: "new" },
        ]),
      ).toEqual(["first", undefined]);
      expect((await store.fences(8))[0]?.last).toBe(1);
      await write(7, mark);
      expect(await store.load([{ shard: 7, entity: "e" }])).toEqual([{ f: "v" }]);
    });

    it("refuses two commits of one shard in one call", async () => {
      const { store } = bench();
      await store.claim(alice, [{ shard: 0, epoch: 1 }]);
      const commits = [1, 2].map((number) => ({ shard: 0, epoch: 1, number, writes: [] }));
      await expect(store.commit(alice, commits)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
      expect((await store.fences(1))[0]?.last).toBe(0);
    });

    it("does not look at the writes of a commit that it refuses anyway", async () => {
      const { store } = bench();
      await store.claim(alice, [{ shard: 0, epoch: 1 }]);
      const writes: Write[] = [{ op: "append", log: "c", seq: 9, event: "x" }];
      expect(await store.commit(alice, [{ shard: 0, epoch: 1, number: 5, writes }])).toEqual([
        { kind: "ahead", last: 0 },
      ]);
    });

    it("refuses a commit whose own events do not follow each other, whoever sends it", async () => {
      const { store } = bench();
      const writes = [1, 3].map((seq): Write => ({ op: "append", log: "c", seq, event: "x" }));
      await expect(store.commit(bob, [{ shard: 0, epoch: 1, number: 5, writes }])).rejects.toMatchObject({
        code: "STORE_CORRUPT",
      });
    });
  });
}
