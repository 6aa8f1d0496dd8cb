import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { faultKinds, type Fault } from "../../sim/faults.ts";
import { simulate } from "../../sim/run.ts";
import type { Settings } from "../../sim/settings.ts";
import { shrink } from "../../sim/shrink.ts";
import { swarmSettings } from "../../sim/swarm.ts";
import { TraceReader, traceWriter } from "../../sim/trace.ts";

const settings = swarmSettings(5, { users: 6, nodes: 2, seconds: 3 });

describe("shrinking", () => {
  it("reduces a schedule of fifty faults to the two that suffice, and shortens them", async () => {
    const faults = Array.from({ length: 50 }, (_, i): Fault => {
      return { at: i * 100, kind: faultKinds[i % faultKinds.length] ?? "crash", target: "n1", for: 5000 };
    });
    let runs = 0;
    const small = await shrink({ ...settings, faults }, async ({ faults: left }) => {
      runs++;
      return (
        left.some(({ at }) => at === 1700) && left.some(({ at, for: lasts }) => at === 4100 && lasts > 1000)
      );
    });
    expect(small.faults.map(({ at, for: lasts }) => [at, lasts])).toEqual([
      [1700, 156],
      [4100, 1250],
    ]);
    expect(runs).toBeLessThan(150);
  });
});

describe("shrinking a run", () => {
  it("leaves at most three of fifty faults where a planted bug needs no more", async () => {
    const small = { nodes: 3, users: 8, agents: 2, desks: 1, shards: 8, thinkMs: 1500, idleMs: 8000 };
    const mild = ["duplicate", "clock-rate", "kv-deaf", "wall-jump"] as const;
    const faults: Fault[] = Array.from({ length: 49 }, (_, i) => {
      const kind = mild[i % mild.length] ?? "kv-deaf";
      const target = kind === "duplicate" ? "n1|n2" : `n${1 + (i % 3)}`;
      const value = kind === "clock-rate" ? 1.01 : kind === "duplicate" ? 0.2 : 1000;
      return { at: 700 * i, kind, target, for: kind === "kv-deaf" || kind === "wall-jump" ? 0 : 3000, value };
    });
    faults.push({ at: 15_000, kind: "crash", target: "n2", for: 8000 });
    const whole = { ...swarmSettings(2, small), plant: "timers-lost-on-handoff", faults };
    const fails = async (tried: Settings): Promise<boolean> => (await simulate(tried)).violations.length > 0;
    expect(await fails(whole)).toBe(true);
    const { faults: left } = await shrink(whole, fails);
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThanOrEqual(3);
  }, 60_000);
});

describe("swarm", () => {
  it("meets each kind of fault in at least one seed of twenty, and leaves kinds out in most", () => {
    const seeds = Array.from(
      { length: 400 },
      (_, i) => new Set(swarmSettings(i + 1, {}).faults.map(({ kind }) => kind)),
    );
    for (const kind of faultKinds) {
      const share = seeds.filter((kinds) => kinds.has(kind)).length / seeds.length;
      expect(share, kind).toBeGreaterThan(0.05);
      expect(share, kind).toBeLessThan(0.6);
    }
  });
});

describe("trace", () => {
  it("replays to its end, and stops at the first delivery that is another one", async () => {
    const folder = mkdtempSync(join(tmpdir(), "usher-trace-"));
    const path = join(folder, "trace.jsonl");
    try {
      const writer = traceWriter(path, settings);
      const recorded = await simulate(settings, { onDelivery: writer.note });
      writer.close();
      const same = new TraceReader(path);
      expect((await simulate(same.settings, { onDelivery: same.note })).hash).toBe(recorded.hash);
      expect(same.divergence).toBeUndefined();
      const lines = readFileSync(path, "utf8").split("\n");
      lines[100] = '[0,"somewhere","else"]';
      writeFileSync(path, lines.join("\n"));
      const other = new TraceReader(path);
      const { events } = await simulate(other.settings, { onDelivery: other.note });
      expect(other.divergence).toMatchObject({ line: 101, expected: lines[100] });
      expect(events).toBeLessThan(recorded.events / 2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 30_000);
});
