import { describe, expect, it } from "vitest";
import { freeCosts } from "../../sim/world/costs.ts";
import { Stream } from "../../sim/world/chance.ts";
import { World } from "../../sim/world/world.ts";

function emptyWorld(): World {
  return new World({
    seed: 1,
    costs: freeCosts,
    onError: (error) => {
      throw error;
    },
  });
}

/** A chain of that many promises. */
async function chain(links: number): Promise<void> {
  for (let i = 0; i < links; i++) await Promise.resolve();
}

describe("scheduler", () => {
  it("runs tasks by time, those of one time in the order asked for, and lets all promises settle in between", async () => {
    const world = emptyWorld();
    const seen: string[] = [];
    const { scheduler } = world;
    await world.run(async () => {
      scheduler.schedule(5, undefined, () => void seen.push("late"));
      scheduler.schedule(2, undefined, () => void chain(300).then(() => seen.push("chained")));
      scheduler.schedule(2, undefined, () => void seen.push("second"));
      scheduler.cancel(scheduler.schedule(1, undefined, () => void seen.push("cancelled")));
      await scheduler.sleep(10);
    });
    expect(seen).toEqual(["chained", "second", "late"]);
  });

  it("runs what promises ask for in its own time, also where it lets the real world breathe", async () => {
    const world = emptyWorld();
    const a = world.process("a");
    const tasks = 20_000;
    let inTime = 0;
    const soon = (run: () => void): void => void chain(3).then(() => setImmediate(run));
    await world.run(async () => {
      for (let at = 0; at < tasks; at++)
        a.at(at, () => soon(() => soon(() => (inTime += Number(world.scheduler.now === at)))));
      await world.scheduler.sleep(tasks);
    });
    expect(inTime).toBe(tasks);
  });

  it("gives packages that read the globals the time and chance of the running process, and puts the real ones back", async () => {
    const real = [globalThis.setTimeout, globalThis.Date, Math.random, performance.now];
    const world = emptyWorld();
    const a = world.process("a");
    const seen: unknown[] = [];
    await world.run(async () => {
      a.at(1000, () => {
        seen.push(new Date().toISOString(), performance.now());
        setTimeout(() => seen.push(Date.now() - a.clock.wall(), world.scheduler.now), 250);
        const cancelled = setInterval(() => seen.push("never"), 1);
        clearInterval(cancelled);
        setImmediate(() => seen.push(world.scheduler.current?.name, Math.random()));
      });
      await world.scheduler.sleep(2000);
    });
    expect(seen).toEqual(["2023-11-14T22:13:21.000Z", 1000, "a", expect.any(Number), 0, 1250]);
    expect([globalThis.setTimeout, globalThis.Date, Math.random, performance.now]).toEqual(real);
  });
});

describe("process", () => {
  it("is held while it stands still, and drops everything when it crashes", async () => {
    const world = emptyWorld();
    const [a, b] = [world.process("a"), world.process("b")];
    const seen: string[] = [];
    await world.run(async () => {
      for (const process of [a, b]) {
        process.clock.after(10, () => seen.push(`${process.name} first at ${world.scheduler.now}`));
        process.clock.after(20, () => seen.push(`${process.name} second at ${world.scheduler.now}`));
      }
      a.pause();
      await world.scheduler.sleep(15);
      b.kill();
      await world.scheduler.sleep(15);
      a.resume();
      await world.scheduler.sleep(15);
    });
    expect(seen).toEqual(["b first at 10", "a first at 30", "a second at 30"]);
  });

  it("has a processor that does one thing after the other", async () => {
    const world = emptyWorld();
    const a = world.process("a");
    const seen: number[] = [];
    await world.run(async () => {
      for (let i = 0; i < 3; i++) a.at(10, () => seen.push(world.scheduler.now), 5);
      a.at(40, () => a.spend(7));
      a.clock.after(41, () => seen.push(world.scheduler.now));
      await world.scheduler.sleep(100);
    });
    expect(seen).toEqual([10, 15, 20, 47]);
    expect(a.peakBacklog).toBe(2);
  });

  it("has a clock with a rate of its own", async () => {
    const world = emptyWorld();
    const a = world.process("a");
    const seen: number[] = [];
    await world.run(async () => {
      await world.scheduler.sleep(100);
      a.setRate(2);
      a.clock.after(100, () => seen.push(world.scheduler.now, a.clock.now()));
      await world.scheduler.sleep(100);
    });
    expect(seen).toEqual([150, 200]);
  });
});

describe("stream", () => {
  it("decides by number, so that a decision left out changes no other", () => {
    const [one, two] = [new Stream(7, "link"), new Stream(7, "link")];
    const first = [0, 1, 2, 3].map((n) => one.at(n));
    expect([3, 1].map((n) => two.at(n))).toEqual([first[3], first[1]]);
    expect(new Stream(8, "link").at(0)).not.toBe(first[0]);
    expect(one.at(0, 1)).not.toBe(first[0]);
    const mean = Array.from({ length: 4000 }, () => one.next()).reduce((sum, x) => sum + x, 0) / 4000;
    expect(mean).toBeGreaterThan(0.48);
    expect(mean).toBeLessThan(0.52);
  });
});
