import { describe, expect, it } from "vitest";
import { memoryStore } from "../../store/memory.ts";
import { losingReplies, lossyStore } from "../support/lost-replies.ts";
import { manualClock } from "../support/manual-clock.ts";
import { alice } from "./store-harness.ts";
import { storeContract } from "./store.ts";

storeContract("memory", async () => {
  const clock = manualClock();
  const store = lossyStore(memoryStore(clock));
  return {
    store,
    pass: async (ms) => clock.advance(ms),
    loseReply: (run) => losingReplies(store, run),
    close: () => store.close(),
  };
});

describe("memory store", () => {
  it("reports a timer at its very millisecond and forgets a record at its own", async () => {
    const clock = manualClock();
    const store = memoryStore(clock);
    await store.claim(alice, [{ shard: 0, epoch: 1 }]);
    await store.commit(alice, [
      {
        shard: 0,
        epoch: 1,
        number: 1,
        writes: [
          { op: "arm", id: "t", delayMs: 100, value: "v" },
          { op: "keep", key: "k", value: "v", ttlMs: 100 },
        ],
      },
    ]);
    clock.advance(99);
    expect(await store.due([0], 10)).toEqual([]);
    expect(await store.kept([{ shard: 0, key: "k" }])).toEqual(["v"]);
    clock.advance(1);
    expect(await store.due([0], 10)).toHaveLength(1);
    expect(await store.kept([{ shard: 0, key: "k" }])).toEqual([undefined]);
  });

  it("keeps answering the living records while thousands expire", async () => {
    const clock = manualClock();
    const store = memoryStore(clock);
    await store.claim(alice, [{ shard: 0, epoch: 1 }]);
    for (let number = 1; number <= 2000; number++) {
      const ttlMs = number % 100 === 0 ? 1_000_000 : 5;
      await store.commit(alice, [
        { shard: 0, epoch: 1, number, writes: [{ op: "keep", key: `k${number}`, value: "v", ttlMs }] },
      ]);
      clock.advance(1);
    }
    const living = Array.from({ length: 20 }, (_, i) => ({ shard: 0, key: `k${(i + 1) * 100}` }));
    expect(await store.kept(living)).toEqual(living.map(() => "v"));
    expect(
      await store.kept([
        { shard: 0, key: "k1999" },
        { shard: 0, key: "k3" },
      ]),
    ).toEqual(["v", undefined]);
  });
});
