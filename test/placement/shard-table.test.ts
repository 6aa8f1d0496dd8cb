import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NodeRun } from "../../placement/hosting.ts";
import {
  buried,
  isOutdated,
  remember,
  rememberedDeaths,
  type ShardEntry,
  type ShardTable,
} from "../../placement/shard-table.ts";
import { decodeTable, encodeTable } from "../../placement/shard-table-codec.ts";

const run = (node: string): NodeRun => ({ node, incarnation: `${node}1` });

const runs = fc
  .tuple(fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/), fc.stringMatching(/^[A-Za-z0-9_/-]{1,16}$/))
  .map(([node, incarnation]) => ({ node, incarnation }));
const epochs = fc.integer({ min: 1, max: 2 ** 40 });
const entries: fc.Arbitrary<ShardEntry> = fc.oneof(
  fc.record({ kind: fc.constant("stable" as const), owner: runs, epoch: epochs }),
  fc.record({ kind: fc.constant("moving" as const), owner: runs, epoch: epochs, to: runs }),
);
const tables: fc.Arbitrary<ShardTable> = fc.record({
  generation: fc.integer({ min: 1, max: 2 ** 48 }),
  writer: fc.string({ maxLength: 20 }),
  dead: fc.array(fc.string({ maxLength: 20 }), { maxLength: 5 }),
  shards: fc.array(entries, { minLength: 1, maxLength: 40 }),
});

/** `a5 b6>c`: shard 0 of a under epoch 5, shard 1 of b under 6 moving to c. */
function table(generation: number, text: string, writer = `w${generation}`): ShardTable {
  const shards = text.split(" ").map((part): ShardEntry => {
    const [, owner = "", epoch = "", to] = /^([a-z])(\d+)(?:>([a-z]))?$/.exec(part) ?? [];
    const head = { owner: run(owner), epoch: Number(epoch) };
    return to === undefined ? { kind: "stable", ...head } : { kind: "moving", ...head, to: run(to) };
  });
  return { generation, writer, dead: [], shards };
}

function drawn(drawing: ShardTable): string {
  return drawing.shards
    .map((entry) => `${entry.owner.node}${entry.epoch}${entry.kind === "moving" ? `>${entry.to.node}` : ""}`)
    .join(" ");
}

describe("shard table as text", () => {
  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(tables, (value) => {
        expect(decodeTable(encodeTable(value))).toEqual(value);
      }),
    );
  });

  it("takes under 2 kB for 256 shards of three nodes", () => {
    const shards = Array.from({ length: 256 }, (_, shard): ShardEntry => {
      return { kind: "stable", owner: run("abc"[shard % 3] ?? "a"), epoch: 100 + shard };
    });
    expect(encodeTable({ ...table(1, "a1"), shards }).length).toBeLessThan(2000);
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    "{}",
    '{"v":2,"g":1,"w":"","d":[],"r":["a/1"],"t":"0.1"}',
    '{"v":1,"g":0,"w":"","d":[],"r":["a/1"],"t":"0.1"}',
    '{"v":1,"g":1,"w":"","d":[7],"r":["a/1"],"t":"0.1"}',
    '{"v":1,"g":1,"w":"","d":[],"r":["a"],"t":"0.1"}',
    '{"v":1,"g":1,"w":"","d":[],"r":["a/1"],"t":""}',
    '{"v":1,"g":1,"w":"","d":[],"r":["a/1"],"t":"1.1"}',
    '{"v":1,"g":1,"w":"","d":[],"r":["a/1"],"t":"0.0"}',
    '{"v":1,"g":1,"w":"","d":[],"r":["a/1"],"t":"0.1.1"}',
    '{"v":1,"g":1,"w":"","d":[],"r":["a/1"],"t":"0.1.0.0"}',
    '{"v":1,"g":1,"w":"","d":[],"r":["a/1"],"t":"0.1*0"}',
    '{"v":1,"g":1,"w":"","d":[],"r":["a/1"],"t":"0.1*zzzzzz"}',
    '{"v":1,"g":1,"w":"","d":[],"r":["a/1"],"t":"0.1*1*1"}',
    '{"v":1,"g":1,"w":"","d":[],"r":["a/1"],"t":"0.-1"}',
  ])("refuses %s", (text) => {
    expect(decodeTable(text)).toBeUndefined();
  });

  it("refuses or reads any text without throwing", () => {
    fc.assert(
      fc.property(tables, fc.nat(), fc.string(), (value, at, noise) => {
        const text = encodeTable(value);
        const cut = at % text.length;
        decodeTable(text.slice(0, cut) + noise + text.slice(cut + 1));
      }),
    );
  });
});

describe("remembered shard table", () => {
  it.each([
    ["a higher generation wins", table(3, "a5 b5"), table(4, "a5 c5"), "a5 c5", false],
    ["a lower generation does not", table(4, "a5 c5"), table(3, "a5 b5"), "a5 c5", true],
    ["a higher epoch wins over a higher generation", table(3, "a7 b5"), table(4, "a5 b6"), "a7 b6", true],
    ["a higher epoch of an older generation is learnt", table(4, "a5 b6"), table(3, "a7 b5"), "a7 b6", true],
    [
      "of equal generations the bucket's wins",
      table(3, "a5 b5", "x"),
      table(3, "c5 b5", "y"),
      "c5 b5",
      false,
    ],
    [
      "of equal generations the higher epoch wins",
      table(3, "a6 b5", "x"),
      table(3, "c5 b6", "y"),
      "a6 b6",
      true,
    ],
    ["a move is no newer than its end", table(3, "a5>b b5"), table(4, "b6 b5"), "b6 b5", false],
  ])("%s", (_, known, seen, expected, outdated) => {
    const remembered = remember(known, seen);
    expect(drawn(remembered)).toBe(expected);
    expect(isOutdated(seen, remembered)).toBe(outdated);
  });

  it("is the seen one when nothing was known", () => {
    const seen = table(1, "a1");
    expect(remember(undefined, seen)).toBe(seen);
  });

  it("never lets an epoch fall and settles in any order of the same sights", () => {
    const small = fc.array(
      fc.record({
        generation: fc.integer({ min: 1, max: 4 }),
        epochs: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 3, maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(small, (sights) => {
        let known: ShardTable | undefined;
        for (const [i, { generation, epochs: drawnEpochs }] of sights.entries()) {
          const seen = table(generation, drawnEpochs.map((epoch) => `a${epoch}`).join(" "), `w${i}`);
          const next = remember(known, seen);
          for (const [shard, entry] of next.shards.entries()) {
            const highest = Math.max(known?.shards[shard]?.epoch ?? 0, seen.shards[shard]?.epoch ?? 0);
            expect(entry.epoch).toBe(highest);
          }
          expect(next.generation).toBe(Math.max(known?.generation ?? 0, generation));
          known = next;
        }
      }),
    );
  });

  it("keeps the newest deaths, each once", () => {
    expect(buried(["x/1"], ["y/1", "x/1", "y/1"])).toEqual(["x/1", "y/1"]);
    const many = Array.from({ length: rememberedDeaths + 10 }, (_, i) => `n/${i}`);
    expect(buried([], many)).toEqual(many.slice(10));
  });
});
