import { describe, expect, it } from "vitest";
import { History } from "../../sim/history.ts";
import { Attention } from "../../sim/people/attention.ts";
import { Device } from "../../sim/people/device.ts";
import { newTally } from "../../sim/people/tap.ts";
import { freeCosts } from "../../sim/world/costs.ts";
import { World } from "../../sim/world/world.ts";
import { welcomingNode } from "./welcoming-node.ts";

function emptyWorld(): World {
  const onError = (error: unknown): never => {
    throw error;
  };
  return new World({ seed: 1, costs: freeCosts, onError });
}

describe("attention", () => {
  it("runs while the page is looked at and has a network, and keeps what it has counted", () => {
    let now = 100;
    const attention = new Attention(() => now);
    const after = (ms: number): number => {
      now += ms;
      return attention.elapsedMs;
    };
    expect(after(10)).toBe(10);
    attention.show(false);
    expect(after(1000)).toBe(10);
    attention.connect(false);
    attention.show(true);
    expect([after(1000), attention.paid]).toEqual([10, false]);
    attention.connect(true);
    attention.connect(true);
    expect([after(5), attention.paid]).toEqual([15, true]);
  });
});

describe("a device", () => {
  /** A node that acknowledges a message `ackMs` later. */
  function serve(world: World, ackMs: number): void {
    welcomingNode(world, ({ conv, p, n, say }, process) => {
      process.clock.after(ackMs, () => say({ t: "ack", conv, p, n, seq: 1, epoch: 1, prev: 0, ts: 0 }));
    });
  }

  async function waits(
    live: (device: Device, world: World) => Promise<void>,
    ackMs = 0,
  ): Promise<{ recoveries: number[]; answers: number[] }> {
    const world = emptyWorld();
    const recoveries: number[] = [];
    const answers: number[] = [];
    await world.run(async () => {
      serve(world, ackMs);
      const tally = { ...newTally(), answers };
      const environmentThrough: ConstructorParameters<typeof Device>[0]["environmentThrough"] = (own) => own;
      const parts = { world, history: new History(), tally, recoveries, environmentThrough };
      const device = new Device(parts, "visitor", "u", "u");
      await world.scheduler.sleep(1000);
      await live(device, world);
      device.stop();
    });
    return { recoveries, answers };
  }

  it("counts a lost connection from the loss while somebody looks", async () => {
    const { recoveries } = await waits(async (device, { sockets, scheduler }) => {
      sockets.drop(device.process);
      await scheduler.sleep(10_000);
    });
    expect(recoveries).toHaveLength(1);
    expect(recoveries[0]).toBeGreaterThan(10);
    expect(recoveries[0]).toBeLessThan(1200);
  });

  it("counts the time without a network to nobody", async () => {
    const { recoveries } = await waits(async (device, { scheduler }) => {
      device.changeNetwork(20_000);
      await scheduler.sleep(30_000);
    });
    expect(recoveries).toHaveLength(1);
    expect(recoveries[0]).toBeLessThan(200);
  });

  it("counts no recovery that nobody waited for", async () => {
    const { recoveries } = await waits(async (device, { sockets, scheduler }) => {
      device.hide("fresh");
      sockets.drop(device.process);
      await scheduler.sleep(10_000);
      device.show();
      await scheduler.sleep(1000);
    });
    expect(recoveries).toEqual([]);
  });

  it("keeps the time in which somebody looked before looking away", async () => {
    const { recoveries } = await waits(async (device, world) => {
      const { sockets, scheduler } = world;
      sockets.setDoor("n1", undefined);
      sockets.drop(device.process);
      await scheduler.sleep(3000);
      device.hide("frozen");
      await scheduler.sleep(20_000);
      serve(world, 0);
      device.show();
      await scheduler.sleep(60_000);
    });
    expect(recoveries).toHaveLength(1);
    expect(recoveries[0]).toBeGreaterThanOrEqual(2990);
    expect(recoveries[0]).toBeLessThan(4000);
  });

  it("counts the wait for an answer while its page is looked at", async () => {
    const { answers } = await waits(async (device, { scheduler }) => {
      void device.process.enter(() => device.say("s.u.1"));
      await scheduler.sleep(500);
      device.hide("frozen");
      await scheduler.sleep(20_000);
      device.show();
      await scheduler.sleep(1000);
    }, 2000);
    expect(answers).toHaveLength(1);
    expect(answers[0]).toBeGreaterThanOrEqual(499);
    expect(answers[0]).toBeLessThan(600);
  });
});
