import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { root } from "../support/source-tree.ts";

const run = promisify(execFile);
const wallSeconds = 120;
/** A fast machine looks no further than these, so that the gate gives the same answer everywhere. */
const mostSeeds = 600;

describe("swarm", () => {
  it(
    "violates nothing for as long as it is let run",
    async () => {
      const args = [
        "--max-semi-space-size=64",
        "sim/main.ts",
        "swarm",
        "--json",
        "--seconds",
        `${wallSeconds}`,
        "--seeds",
        `${mostSeeds}`,
      ];
      const { stdout } = await run(process.execPath, args, { cwd: root, maxBuffer: 2 ** 26 }).catch(
        (error: unknown) => error as { stdout: string },
      );
      const { seeds, failed } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as {
        seeds: number;
        failed: number[];
      };
      expect(failed, stdout).toEqual([]);
      expect(seeds).toBeGreaterThan(50);
    },
    (wallSeconds + 120) * 1000,
  );
});
