import { describe, expect, it } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { Failure } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { memoryBucket, memoryKv, type MemoryBucket } from "../../placement/kv-memory.ts";
import type { Kv } from "../../placement/kv.ts";
import type { ShardEntry } from "../../placement/shard-table.ts";
import { TableCell } from "../../placement/table-cell.ts";
import { eventually } from "../support/eventually.ts";

interface Scene {
  readonly bucket: MemoryBucket;
  readonly kv: Kv;
  /** What the next conditional write does instead of answering. */
  before: (() => Promise<void>) | undefined;
  /** Applies the next write but loses its answer. */
  loseAnswer: boolean;
  readonly mismatches: number[];
  cell(): TableCell;
}

function entry(node: string, epoch: number): ShardEntry {
  return { kind: "stable", owner: { node, incarnation: `${node}1` }, epoch };
}

function scene(): Scene {
  const bucket = memoryBucket();
  const inner = memoryKv(systemClock(), bucket);
  const mismatches: number[] = [];
  let ids = 0;
  const guarded = async <T>(write: () => Promise<T>): Promise<T> => {
    const { before } = here;
    here.before = undefined;
    await before?.();
    const outcome = await write();
    if (!here.loseAnswer) return outcome;
    here.loseAnswer = false;
    throw new Failure("KV_UNKNOWN_OUTCOME", "lost");
  };
  const here: Scene = {
    bucket,
    kv: {
      ...inner,
      create: (key, value) => guarded(() => inner.create(key, value)),
      update: (key, value, revision) => guarded(() => inner.update(key, value, revision)),
    },
    before: undefined,
    loseAnswer: false,
    mismatches,
    cell: () =>
      new TableCell({
        kv: here.kv,
        random: { float: () => 0, id: () => `id${++ids}` },
        log: silentLog(),
        shards: 2,
        onChange() {},
        onMismatch: (shards) => mismatches.push(shards),
      }),
  };
  return here;
}

const first = [entry("a", 1), entry("a", 1)];
const second = [entry("a", 1), entry("b", 2)];

describe("table cell", () => {
  it("knows nothing before it has looked, and writes nothing then", async () => {
    const cell = scene().cell();
    expect(cell.certain).toBe(false);
    expect(await cell.write(first, [])).toBe("failed");
    await cell.refresh();
    expect(cell.certain).toBe(true);
    expect(cell.remembered).toBeUndefined();
  });

  it("raises the generation with every write and sees others' writes", async () => {
    const here = scene();
    const [mine, theirs] = [here.cell(), here.cell()];
    await mine.refresh();
    expect(await mine.write(first, [])).toBe("written");
    await theirs.refresh();
    expect(await theirs.write(second, ["x/1"])).toBe("written");
    expect(await mine.write(first, [])).toBe("lost");
    expect(mine.remembered).toMatchObject({ generation: 2, dead: ["x/1"], shards: second });
    expect(mine.current).toBe(true);
  });

  it("finds its own write when the answer is lost", async () => {
    const here = scene();
    const cell = here.cell();
    await cell.refresh();
    here.loseAnswer = true;
    expect(await cell.write(first, [])).toBe("written");
    expect(cell.remembered?.shards).toEqual(first);
  });

  it("finds somebody else's write when the answer to its own is lost", async () => {
    const here = scene();
    const [mine, theirs] = [here.cell(), here.cell()];
    await Promise.all([mine.refresh(), theirs.refresh()]);
    here.before = async () => {
      await theirs.write(second, []);
      here.loseAnswer = true;
    };
    expect(await mine.write(first, [])).toBe("lost");
    expect(mine.remembered?.shards).toEqual(second);
  });

  it("looks up a change of a lower revision instead of believing or missing it", async () => {
    const here = scene();
    const cell = here.cell();
    await cell.refresh();
    await cell.write(first, []);
    const older = here.bucket.dump();
    await cell.write(second, []);
    here.bucket.restore(older);
    const [restored] = older;
    if (restored === undefined) throw new Error("a table");
    expect(cell.current).toBe(true);
    cell.observe("table", restored.value, restored.revision);
    await eventually(() => !cell.current);
    expect(cell.remembered?.shards).toEqual(second);
    expect(await cell.write(second, [])).toBe("written");
    expect(cell.remembered?.generation).toBe(3);
    expect(cell.current).toBe(true);
  });

  it("does not go back to its own write when a newer one was seen before the answer", async () => {
    const here = scene();
    const [mine, theirs] = [here.cell(), here.cell()];
    await mine.refresh();
    const slow: Kv = here.kv;
    const original = slow.create.bind(slow);
    Object.assign(slow, {
      create: async (key: string, value: string) => {
        const outcome = await original(key, value);
        await theirs.refresh();
        await theirs.write(second, []);
        const newest = here.bucket.dump()[0];
        if (newest !== undefined) mine.observe("table", newest.value, newest.revision);
        return outcome;
      },
    });
    expect(await mine.write(first, [])).toBe("written");
    expect(mine.remembered?.shards).toEqual(second);
    expect(mine.current).toBe(true);
  });

  it("writes over a table that cannot be read", async () => {
    const here = scene();
    await here.kv.create("table", "rubbish");
    const cell = here.cell();
    await cell.refresh();
    expect(cell.remembered).toBeUndefined();
    expect(await cell.write(first, [])).toBe("written");
  });

  it("says so when the bucket's table has another number of shards, and leaves it alone", async () => {
    const here = scene();
    const cell = here.cell();
    await cell.refresh();
    await cell.write([entry("a", 1)], []);
    expect(here.mismatches).toEqual([1]);
    expect(await cell.write(first, [])).toBe("failed");
  });
});
