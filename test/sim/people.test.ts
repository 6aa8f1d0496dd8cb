import { describe, expect, it } from "vitest";
import type { LogEvent } from "../../protocol/events.ts";
import { work } from "../../sim/people/agent.ts";
import { arrivalTimes } from "../../sim/people/arrivals.ts";
import type { Device } from "../../sim/people/device.ts";
import { Line } from "../../sim/people/line.ts";
import { shiftOf } from "../../sim/people/shifts.ts";
import { newTally, Tap } from "../../sim/people/tap.ts";
import { waitsOf } from "../../sim/people/waits.ts";
import { usualSettings, type Settings } from "../../sim/settings.ts";
import { Stream } from "../../sim/world/chance.ts";
import { freeCosts } from "../../sim/world/costs.ts";
import { World } from "../../sim/world/world.ts";
import type { ClientSocket } from "../../client/environment.ts";

const settings: Settings = { ...usualSettings, scenario: "test", seed: 1, faults: [] };

function emptyWorld(): World {
  const onError = (error: unknown): never => {
    throw error;
  };
  return new World({ seed: 1, costs: freeCosts, onError });
}

describe("arrivals", () => {
  it("come evenly in the time that the settings give", () => {
    const times = arrivalTimes({ ...settings, users: 1000 }, new Stream(1, "arrivals"));
    expect(Math.max(...times)).toBeLessThan(settings.arriveSeconds * 1000);
    expect(times.filter((at) => at < 2500).length).toBeGreaterThan(400);
  });

  it("come twenty times as densely in a surge, before and after it as else", () => {
    const surge = { surge: 20, surgeAt: 15, surgeFor: 10, arriveSeconds: 5, seconds: 55, users: 10_000 };
    const times = arrivalTimes({ ...settings, ...surge }, new Stream(1, "arrivals"));
    const perSecond = (from: number, to: number): number =>
      times.filter((at) => at >= from * 1000 && at < to * 1000).length / (to - from);
    expect(perSecond(0, 60) * 60).toBe(10_000);
    expect(perSecond(20, 30) / perSecond(0, 20)).toBeGreaterThan(17);
    expect(perSecond(20, 30) / perSecond(30, 60)).toBeLessThan(23);
  });

  it("ends a surge with the chaos", () => {
    const surge = { surge: 5, surgeAt: 50, surgeFor: 100, arriveSeconds: 5, seconds: 55, users: 1000 };
    const times = arrivalTimes({ ...settings, ...surge }, new Stream(1, "arrivals"));
    expect(Math.max(...times)).toBeLessThanOrEqual(60_000);
  });
});

describe("shifts", () => {
  it("change for the first half of the agents, with an overlap or a gap", () => {
    const shifts = (overlap: number) =>
      [0, 1, 2].map((i) => shiftOf({ ...settings, agents: 3, shiftAt: 20, overlap }, i));
    expect(shifts(5).map(({ from }) => from)).toEqual([-Infinity, -Infinity, 15]);
    expect(shifts(-5).map(({ from }) => from)).toEqual([-Infinity, -Infinity, 25]);
    expect(shifts(0).map(({ until }) => until)).toEqual([20, 20, Infinity]);
  });
});

describe("line", () => {
  it("loses its socket with its network and fails until the next one is there, and says so once", async () => {
    const world = emptyWorld();
    const { scheduler, sockets } = world;
    const said: string[] = [];
    await world.run(async () => {
      const line = new Line(world.process("phone"), sockets);
      const dial = (): void => {
        line.dial("ws://usher/ws").onclose = (_code, reason) =>
          void said.push(`${Math.round(scheduler.now)} ${reason}`);
      };
      const back = (): void => void said.push(`${Math.round(scheduler.now)} back`);
      dial();
      line.change(1000, back);
      await scheduler.sleep(100);
      dial();
      line.change(500, back);
      await scheduler.sleep(2000);
      dial();
      line.change(5000, back);
      await scheduler.sleep(100);
      line.restore(back);
      line.restore(back);
      await scheduler.sleep(10_000);
    });
    expect(said).toEqual([
      "0 the network changed",
      "105 offline",
      "600 back",
      "2100 the network changed",
      "2200 back",
    ]);
  });
});

describe("tap", () => {
  it("wants whom admission turns away told when to come back", () => {
    const said: string[] = [];
    const tally = newTally();
    const tap = new Tap(tally, (guarantee) => void said.push(guarantee));
    const refuse = (...frames: object[]): void => {
      const socket: ClientSocket = {
        send: () => {},
        close: () => {},
        onopen: () => {},
        onmessage: () => {},
        onclose: () => {},
      };
      tap.watch(socket);
      for (const frame of frames) socket.onmessage(JSON.stringify(frame));
      socket.onclose(4100, "overload");
    };
    refuse({ t: "err", code: "BUSY", msg: "full", retry: "same", waitMs: 700 });
    expect(said).toEqual([]);
    refuse({ t: "err", code: "BUSY", msg: "full", retry: "same" });
    refuse();
    expect(said).toEqual(["StormBounded", "StormBounded"]);
    expect(tally.refused).toBe(3);
  });
});

describe("waits", () => {
  const log = (...events: [ts: number, kind: string][]): LogEvent[] =>
    events.map(([ts, kind]) => ({ ts, body: { kind } }) as unknown as LogEvent);

  it("last from the queue to an agent, over transfers, and count while they last", () => {
    const logs = new Map([
      [
        "a",
        log(
          [10, "opened"],
          [20, "queued"],
          [70, "assigned"],
          [80, "unassigned"],
          [80, "queued"],
          [90, "assigned"],
        ),
      ],
      ["b", log([30, "queued"], [50, "queued"], [100, "assigned"])],
      ["c", log([60, "queued"], [65, "closed"])],
      ["d", log([300, "queued"])],
    ]);
    expect(waitsOf(logs)).toEqual({ waitedMs: [50, 10, 70], peak: 3, left: 1 });
  });
});

describe("agents", () => {
  it("give one answer to all that was written before it, and another to what comes after", async () => {
    const world = emptyWorld();
    const said: number[] = [];
    await world.run(async () => {
      const { scheduler } = world;
      const listeners = new Map<string, (payload: object) => void>();
      const client = {
        on: (name: string, listener: (payload: object) => void) => void listeners.set(name, listener),
        status: () => Promise.resolve(),
        cursor: () => [1, 1],
      };
      const device = {
        client,
        process: world.process("agent0"),
        say: () => Promise.resolve(void said.push(Math.floor(scheduler.now / 10_000))),
      } as unknown as Device;
      const always = { over: () => false, onDuty: () => true, desks: ["d0"] };
      const habits = { ...always, thinkMs: 100, closes: 0, transfers: 0, notes: 0, onRefusal: () => {} };
      await device.process.enter(() => work(device, habits, new Stream(1, "agent")));
      const body = { kind: "message", body: { kind: "text", text: "hello" } };
      const write = (conv: string): void =>
        listeners.get("message")?.({ conv, ev: { by: { role: "visitor", id: "u0" }, body } });
      for (let written = 0; written < 50; written++) write("s.u0.1");
      write("s.u1.1");
      await scheduler.sleep(10_000);
      write("s.u0.1");
      await scheduler.sleep(10_000);
    });
    expect(said).toEqual([0, 0, 1]);
  });
});
