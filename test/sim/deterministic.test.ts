import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { root } from "../support/source-tree.ts";

const run = promisify(execFile);
const seeds = 50;

/** The hash of each of the first seeds, in small worlds. */
async function hashes(): Promise<string[]> {
  const small = ["--users", "5", "--agents", "2", "--nodes", "3", "--shards", "8", "--think", "2000"];
  const args = ["sim/main.ts", "swarm", "--seeds", `${seeds}`, ...small, "--json"];
  const { stdout } = await run(process.execPath, args, { cwd: root, maxBuffer: 2 ** 26 }).catch(
    (error: unknown) => error as { stdout: string },
  );
  return (JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { hashes: string[] }).hashes;
}

describe("simulation", () => {
  it("has the same hash in two processes for each of fifty seeds, and another for each (Deterministic)", async () => {
    const [one, two] = await Promise.all([hashes(), hashes()]);
    expect(one).toHaveLength(seeds);
    expect(new Set(one).size).toBe(seeds);
    expect(two).toEqual(one);
  }, 120_000);
});
