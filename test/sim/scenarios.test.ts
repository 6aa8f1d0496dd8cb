import { describe, expect, it } from "vitest";
import { simulate } from "../../sim/run.ts";
import { scenarios } from "../../sim/scenarios/scenarios.ts";
import { settingsOf } from "../../sim/scenarios/scenario.ts";
import type { Settings } from "../../sim/settings.ts";

/** Runs one with other settings than its own. */
async function run(name: string, given: Partial<Settings>): Promise<Awaited<ReturnType<typeof simulate>>> {
  const scenario = scenarios.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  const summary = await simulate(settingsOf(scenario, given, 1));
  expect(summary.violations).toEqual([]);
  return summary;
}

describe("scenarios", () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    "%s violates nothing and converges",
    async (name, scenario) => {
      const small = { users: 20, agents: 4, nodes: 3, shards: 32, talking: 1 };
      const summary = await simulate(settingsOf(scenario, small, 1));
      const again = `npm run -s sim -- ${name} --users 20 --agents 4 --nodes 3 --shards 32 --talking 1`;
      expect(summary.violations, again).toEqual([]);
      expect(summary.acked).toBeGreaterThan(80);
      expect(summary.convergedMs).toBeGreaterThanOrEqual(0);
    },
    60_000,
  );

  const quiet = { users: 120, background: 0, mobile: 0, agents: 4, seconds: 60 };

  it("replays a storm of two minutes at least", async () => {
    const storm = await run("reconnect-storm", { users: 5, agents: 2, nodes: 2, shards: 16 });
    expect(storm.virtualMs).toBeGreaterThanOrEqual(120_000);
  });

  it("lets a zone die, of which those who were connected hear by heartbeats", async () => {
    const zone = await run("reconnect-storm", { ...quiet, zone: 2 });
    // Half of the nodes, and so about half of the 120 users; nobody else had to come back.
    expect(zone.attempts).toBeGreaterThan(120 + 40);
    expect(zone.attempts).toBeLessThan(120 + 80 + 20);
  });

  it("lets a gateway cut everybody, and refuse them for a while", async () => {
    const cut = await run("reconnect-storm", { ...quiet, gateway: true });
    expect(cut.attempts).toBeGreaterThanOrEqual(2 * 124);
    expect(cut.refused).toBe(0);
    expect(cut.recoveredMs.max).toBeLessThan(2000);
    const away = await run("reconnect-storm", { ...quiet, gateway: true, gatewayBackMs: 4000 });
    expect(away.refused).toBeGreaterThan(124);
    expect(away.recoveredMs.p50).toBeGreaterThan(4000);
  });

  it("takes the length of faults, the replica's lag and the time between nodes as parameters", () => {
    const faults = (name: string, given: Partial<Settings>) => {
      const scenario = scenarios.find((one) => one.name === name);
      return scenario === undefined ? [] : settingsOf(scenario, given, 1).faults;
    };
    expect(faults("zombie", {}).map((fault) => fault.for)).toEqual([6000, 12_000, 30_000]);
    expect(faults("zombie", { faultSeconds: 8 }).map((fault) => fault.for)).toEqual([8000, 8000, 8000]);
    expect(faults("zombie", { seconds: 30 })).toHaveLength(2);
    expect(faults("store-failover", { lagMs: 50 }).map(({ value }) => value)).toEqual([undefined, 50, 50]);
    expect(faults("rolling-deploy", {}).map(({ at }) => at)).toEqual([5000, 30_000, 55_000]);
    expect(faults("rolling-deploy", { nodes: 5 }).map(({ at }) => at)).toEqual([
      5000, 21_000, 37_000, 53_000, 69_000,
    ]);
    expect(faults("rolling-deploy", { everySeconds: 7 }).map(({ at }) => at)).toEqual([5000, 12_000, 19_000]);
    expect(faults("reconnect-storm", { faultSeconds: 8 }).map((fault) => fault.for)).toEqual([0]);
  });

  it("refuses a zone that there is not", async () => {
    await expect(run("reconnect-storm", { zones: 2, zone: 3 })).rejects.toThrow("no zone 3");
  });

  it("lets customers wait while a shift changes, and serves them after it", async () => {
    const shift = { users: 40, agents: 8, seconds: 50 };
    const overlapping = await run("agent-shift-change", { ...shift, overlap: 5 });
    const apart = await run("agent-shift-change", { ...shift, overlap: -8 });
    expect(apart.peakWaiting).toBeGreaterThan(overlapping.peakWaiting);
    expect(apart.waitedMs.max).toBeGreaterThan(8000);
    expect(apart.leftWaiting).toBeLessThan(apart.peakWaiting);
  });

  it("turns customers away in a flash sale, with queues at the desks, and serves them all in the end", async () => {
    const sale = await run("flash-sale", { users: 300, admit: 5, agents: 6 });
    expect(sale.refused).toBeGreaterThan(50);
    expect(sale.peakWaiting).toBeGreaterThan(50);
    expect(sale.leftWaiting).toBe(0);
  }, 30_000);

  it("pays nothing for members of a group who are not there", async () => {
    const group = { users: 30, seconds: 20, talking: 0.1 };
    const large = await run("million-group", { ...group, members: 1_000_000 });
    const small = await run("million-group", { ...group, members: 30 });
    expect(large.hash).toBe(small.hash);
    expect(large.delivered).toBeGreaterThanOrEqual(31 * large.acked);
  });

  it("keeps its promises to people who look away and change their networks", async () => {
    const still = await run("calm", { background: 0, mobile: 0 });
    const absent = await run("calm", { background: 1, mobile: 0 });
    const roaming = await run("calm", { background: 0, mobile: 1 });
    await run("calm", { background: 1, mobile: 1 });
    expect(still.recoveredMs.max).toBe(0);
    expect(roaming.attempts).toBeGreaterThan(still.attempts + 40);
    // Who does not look says nothing.
    expect(absent.sends).toBeLessThan(0.9 * still.sends);
  });
});
