import { describe, expect, it } from "vitest";
import { limits } from "../../protocol/limits.ts";
import type { Device } from "../../sim/people/device.ts";
import { Flights } from "../../sim/people/flights.ts";
import { visit } from "../../sim/people/visitor.ts";
import { simulate } from "../../sim/run.ts";
import { swarmSettings } from "../../sim/swarm.ts";
import { Stream } from "../../sim/world/chance.ts";
import { freeCosts } from "../../sim/world/costs.ts";
import { World } from "../../sim/world/world.ts";

const thinkMs = 1000;

interface Said {
  readonly at: number;
  readonly conv: string;
}

/**
 * What a customer says in so many milliseconds.
 * @param answer the code of a refusal, or undefined, once it comes
 */
async function said(
  lastsMs: number,
  bursts: boolean,
  answer: (message: Said, unanswered: number) => Promise<string | undefined>,
): Promise<Said[]> {
  const onError = (error: unknown): never => {
    throw error;
  };
  const world = new World({ seed: 1, costs: freeCosts, onError });
  const all: Said[] = [];
  await world.run(async () => {
    const { scheduler } = world;
    let opened = 0;
    const client = { unanswered: 0, open: () => Promise.resolve(`c${++opened}`) };
    const device = {
      client,
      process: world.process("u0"),
      tab: { shown: () => Promise.resolve() },
      async say(conv: string): Promise<string | undefined> {
        const message = { at: scheduler.now, conv };
        all.push(message);
        client.unanswered++;
        const refused = await answer(message, client.unanswered);
        client.unanswered--;
        return refused;
      },
    } as unknown as Device;
    const habits = {
      ...{
        channel: "ask",
        earlier: undefined,
        memory: { conv: undefined },
        human: false,
        thinkMs,
        returning: 1,
      },
      bursts: bursts ? new Stream(1, "bursts") : undefined,
      over: () => scheduler.now >= lastsMs,
      onRefusal: () => {},
    };
    void device.process.enter(() => visit(device, habits, new Stream(1, "visitor")));
    await scheduler.sleep(lastsMs + 60_000);
  });
  return all;
}

/** How many messages were written back to back, each time. */
function lengths(all: readonly Said[]): number[] {
  const counts = new Map<number, number>();
  for (const { at } of all) counts.set(at, (counts.get(at) ?? 0) + 1);
  return [...counts.values()];
}

const atOnce = (): Promise<undefined> => Promise.resolve(undefined);
const never = (): Promise<undefined> => new Promise(() => {});

describe("a customer who writes in bursts", () => {
  it("sends two to six messages at once, and as many in all as one who says one thing at a time", async () => {
    const hasty = await said(1_000_000, true, atOnce);
    const calm = await said(1_000_000, false, atOnce);
    expect(new Set(lengths(hasty))).toEqual(new Set([2, 3, 4, 5, 6]));
    expect(new Set(lengths(calm))).toEqual(new Set([1]));
    expect(hasty.length / calm.length).toBeGreaterThan(0.9);
    expect(hasty.length / calm.length).toBeLessThan(1.1);
  });

  it("goes on while nothing is answered, until more waits than may be in flight", async () => {
    const hasty = await said(1_000_000, true, never);
    expect(hasty.length).toBeGreaterThan(limits.maxInFlight);
    expect(hasty.length).toBeLessThan(2 * limits.maxInFlight);
    expect(await said(1_000_000, false, never)).toHaveLength(1);
  });

  it("begins anew once where a conversation ended amid a burst", async () => {
    const hasty = await said(60_000, true, async ({ conv }) => (conv === "c1" ? "CLOSED" : undefined));
    expect(new Set(hasty.map(({ conv }) => conv))).toEqual(new Set(["c1", "c2"]));
  });
});

describe("flights", () => {
  it("are counted by producer until they are answered, a repeat once", () => {
    const flights = new Flights();
    expect([flights.leave("p", 1), flights.leave("p", 2), flights.leave("q", 1)]).toEqual([1, 2, 1]);
    flights.land({ t: "nack", p: "p", n: 1, code: "BUSY", retry: "same" });
    expect([flights.leave("p", 2), flights.leave("p", 1)]).toEqual([1, 2]);
  });
});

describe("the swarm", () => {
  it("drives windows from two to the largest", async () => {
    const most: number[] = [];
    let [sends, beside] = [0, 0];
    for (let seed = 1; seed <= 8; seed++) {
      const summary = await simulate(swarmSettings(seed, {}));
      expect(summary.violations, `seed ${seed}`).toEqual([]);
      sends += summary.sends;
      beside += summary.sentBeside;
      most.push(summary.mostInFlight);
    }
    expect(beside / sends).toBeGreaterThan(0.1);
    expect(Math.max(...most)).toBeGreaterThanOrEqual(limits.maxInFlight / 2);
    expect(Math.max(...most)).toBeLessThanOrEqual(limits.maxInFlight);
  }, 60_000);
});
