import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { chartOf } from "../../bench/chart.ts";
import { machineHere, readResults, saveResult, type Result } from "../../bench/results.ts";
import { pageWith } from "../../bench/tables.ts";

const spread = (median: number, min = median, max = median) => ({ median, min, max });
const machine = {
  cpu: "A <CPU>",
  cores: 2,
  memoryGb: 24,
  kernel: "Linux 6",
  node: "v24",
  redis: "7.0.15",
  nats: "",
};

function result(bench: string, throughput: number): Result {
  return {
    date: "2026-11-22",
    command: `npm run -s bench -- ${bench}`,
    rounds: 3,
    machine,
    report: {
      bench,
      usher: { throughput: spread(throughput, throughput - 10, throughput + 10), p99: spread(12.345) },
      peers: { other: { throughput: spread(200) } },
      ratios: { other: { throughput: throughput / 200 } },
      lost: 0,
      duplicated: 0,
      disordered: 0,
    },
  };
}

describe("kept results", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "usher-results-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("are one file per bench, the newest one", () => {
    saveResult(result("pairs", 100), dir);
    saveResult(result("pairs", 300), dir);
    saveResult(result("memory", 1), dir);
    expect(readResults(dir)).toEqual([result("memory", 1), result("pairs", 300)]);
    expect(() => readResults(join(dir, "none"))).toThrow(/nothing is kept/);
  });

  it("say on which machine they were measured", () => {
    const { cores, node, kernel } = machineHere();
    expect(cores).toBeGreaterThan(0);
    expect([node, kernel]).toEqual([process.version, expect.stringMatching(/^\w+ \S+/)]);
  });

  it("become tables in a page whose other text stays", () => {
    const page = "# Results\n\nBy hand.\n";
    const once = pageWith(page, [result("pairs", 100)]);
    expect(once).toContain("By hand.");
    expect(once).toContain("### pairs, 2026-11-22");
    expect(once).toContain(
      "3 rounds, median (lowest-highest). A <CPU>, 2 cores, 24 GB, Linux 6, Node v24, Redis 7.0.15.",
    );
    expect(once).toContain("| throughput                  | 100 (90-110) | 200    |");
    expect(once).toContain("| Usher / peer: throughput    |              | 0.50 x |");
    const below = `${once}\nBelow.\n`;
    const again = pageWith(below, [result("pairs", 300)]);
    expect(again).toContain("300 (290-310)");
    expect(again).not.toContain("100 (90-110)");
    expect(again.startsWith(page.trimEnd())).toBe(true);
    expect(again.endsWith("\nBelow.\n")).toBe(true);
    expect(again.match(/begin -->/g)).toHaveLength(1);
  });

  it("become bars as long as their figures", () => {
    const chart = chartOf([
      result("pairs", 100),
      { ...result("alone", 1), report: { ...result("alone", 1).report, peers: {} } },
    ]);
    const widths = [...chart.matchAll(/<rect x="170" y="\d+" width="([\d.]+)"/g)].map(([, wide]) =>
      Number(wide),
    );
    expect(widths).toEqual([250, 500]);
    expect(chart).toContain("pairs, 2026-11-22");
    expect(chart).not.toContain("alone");
  });
});
