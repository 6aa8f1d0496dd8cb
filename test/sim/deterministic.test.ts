import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { root } from "../support/source-tree.ts";

interface Line {
  readonly hash: string;
  readonly events: number;
  readonly sends: number;
}

const run = promisify(execFile);

async function simulate(...args: string[]): Promise<Line> {
  const { stdout } = await run(process.execPath, ["sim/main.ts", ...args, "--json"], { cwd: root }).catch(
    (error: unknown) => error as { stdout: string },
  );
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Line;
}

describe("simulation", () => {
  it("has the same hash in two processes for one seed, and another for another (Deterministic)", async () => {
    const [one, two, other] = await Promise.all([
      simulate("swarm", "--seed", "5"),
      simulate("swarm", "--seed", "5"),
      simulate("swarm", "--seed", "6"),
    ]);
    expect(one.sends).toBeGreaterThan(50);
    expect(two.hash).toBe(one.hash);
    expect(two.events).toBe(one.events);
    expect(other.hash).not.toBe(one.hash);
  }, 60_000);
});
