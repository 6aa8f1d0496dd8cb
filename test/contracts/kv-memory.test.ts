import { describe, expect, it } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { memoryBucket, memoryKv } from "../../placement/kv-memory.ts";
import { kvContract } from "./kv.ts";

kvContract("memory", async () => {
  const bucket = memoryBucket();
  const a = memoryKv(systemClock(), bucket);
  const b = memoryKv(systemClock(), bucket);
  return {
    a,
    b,
    async close() {
      await a.close();
      await b.close();
    },
  };
});

describe("memory bucket", () => {
  it("comes back as it was dumped, revisions included, and deafens its watches", async () => {
    const bucket = memoryBucket();
    const kv = memoryKv(systemClock(), bucket);
    await kv.create("k", "1");
    const dump = bucket.dump();
    await kv.update("k", "2", 1);
    const seen: string[] = [];
    await kv.watch(({ key }) => seen.push(key));
    bucket.restore(dump);
    expect(await kv.get("k")).toEqual({ key: "k", value: "1", revision: 1 });
    expect(await kv.update("k", "3", 1)).toEqual({ kind: "written", revision: 2 });
    await kv.get("k");
    expect(seen).toEqual(["k"]);
  });
});
