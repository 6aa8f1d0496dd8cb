import { describe, expect, it } from "vitest";
import type { LogEvent } from "../../protocol/events.ts";
import { unserved } from "../../sim/checkers/entitled.ts";
import { leaked, type HeldSlot } from "../../sim/checkers/slots.ts";
import { StormWatch } from "../../sim/checkers/storms.ts";
import { Tellings } from "../../sim/checkers/tellings.ts";
import { TimerBook } from "../../sim/checkers/timers.ts";
import { History } from "../../sim/history.ts";
import type { Accepted } from "../../sim/world/store-server.ts";
import type { Write } from "../../store/store.ts";
import { freeCosts } from "../../sim/world/costs.ts";
import { World } from "../../sim/world/world.ts";
import { limits } from "../../protocol/limits.ts";
import { flowingWorld } from "./flowing-world.ts";

const idle = "conversation/t/c|idle";
const arm = (delayMs: number, id = idle): Write => ({ op: "arm", id, delayMs, value: "" });
const disarm = (id = idle): Write => ({ op: "disarm", id });

/**
 * What a book finds in those commits, one number after the other, and what is overdue at the end. A number is the last
 * commit that the replica has which takes over.
 */
function timers(end: number, ...commits: (readonly [at: number, ...writes: Write[]] | number)[]): string[] {
  const history = new History();
  const book = new TimerBook(history);
  const tellings = new Tellings(true);
  let number = 0;
  const entryOf = (one: (typeof commits)[number]): Accepted => {
    if (typeof one === "number") {
      number = one;
      const fences = new Map([[1, { epoch: 1, owner: "o", last: number }]]);
      return { kind: "forgot", at: 0, entries: 1, fences };
    }
    const [at, ...writes] = one;
    return { kind: "commit", at, owner: "o", commit: { shard: 1, epoch: 1, number: ++number, writes } };
  };
  for (const one of commits) {
    const telling = tellings.take(entryOf(one));
    if (telling !== undefined) book.take(telling);
  }
  return [...history.violations.map(({ text }) => text), ...book.overdue(end)];
}

describe("timer book", () => {
  const closed: Write = {
    op: "append",
    log: "conversation/t/c",
    seq: 1,
    event: JSON.stringify({ body: { kind: "closed", why: "agent" } }),
  };

  it("accepts timers that fire when they are due, are armed anew, or whose reason is gone", () => {
    expect(timers(9000, [0, arm(1000)], [1200, disarm(), arm(1000)], [2300, disarm(), disarm()])).toEqual([]);
    expect(timers(9000, [0, arm(5000)], [100, closed, disarm()])).toEqual([]);
  });

  it("finds those that are early, twice, or lost", () => {
    expect(timers(0, [0, arm(1000)], [500, disarm()])).toEqual([`${idle} fired at 500 ms, due at 1000`]);
    expect(timers(0, [0, arm(1000)], [1500, disarm()], [2000, disarm()])).toEqual([
      `${idle} fired at 2000 ms though it was gone already`,
    ]);
    expect(timers(4500, [0, arm(1000)])).toEqual([`${idle} was due at 1000 ms and has not fired`]);
    expect(timers(3500, [0, arm(1000)])).toEqual([]);
  });

  it("lets fire again what the store has forgotten to have fired, once", () => {
    const fired = [[0, arm(1000)], [1500, disarm()], 1] as const;
    expect(timers(9000, ...fired, [2000, disarm()])).toEqual([]);
    expect(timers(9000, ...fired, [2000, disarm(), arm(500)], [2600, disarm()])).toEqual([]);
    expect(timers(9000, ...fired, [2000, disarm()], [2500, disarm()])).toEqual([
      `${idle} fired at 2500 ms though it was gone already`,
    ]);
    expect(timers(9000, ...fired)).toEqual([`${idle} was due at 1000 ms and has not fired`]);
  });

  it("takes a timer for as the store holds it after it forgot", () => {
    // Armed once more by being told again: it is due later, and not to be waited for before.
    expect(timers(3900, [0, arm(500)], 0, [1000, arm(500)])).toEqual([]);
    expect(timers(9000, [0, arm(500)], 0, [1000, arm(500)], [1200, disarm()])).toEqual([
      `${idle} fired at 1200 ms, due at 1500`,
    ]);
    // Nobody arms it again: there is none.
    expect(timers(9000, [0, arm(500)], 0)).toEqual([]);
    // It was armed anew, which nobody knows any more.
    expect(timers(9000, [0, arm(1000)], [500, arm(5000)], 1, [1200, disarm()])).toEqual([]);
    expect(timers(9000, [0, arm(1000)], [500, arm(100)], 1, [700, disarm(), arm(5000)])).toEqual([
      `${idle} fired at 700 ms, due at 1000`,
      `${idle} was due at 5700 ms and has not fired`,
    ]);
  });
});

describe("storm watch", () => {
  it("finds a command that a node has read and never answers, and too many of one producer in flight", async () => {
    const { world, pass, stop } = flowingWorld();
    const history = new History();
    const watch = new StormWatch(history, () => world.scheduler.now);
    const process = world.process("n1");
    let answer: (text: string) => void = () => {};
    const socket = { send() {}, close() {}, buffered: () => 0, pause() {}, resume() {} };
    const input = watch.watch(process, socket, (own) => {
      answer = (text) => own.send(text);
      return { receive() {}, closed() {} };
    });
    const command = (n: number): void => input.receive(JSON.stringify({ t: "send", p: "p", n }));
    for (const n of [1, 2]) command(n);
    answer(JSON.stringify({ t: "ack", p: "p", n: 1 }));
    await pass(7500);
    watch.look([]);
    watch.look([{ name: "n1", asks: 60_000 }]);
    expect(history.counts).toEqual({ StormBounded: 2 });
    expect(history.violations[0]?.text).toContain("n1 read p 2");
    for (let n = 3; n < 40; n++) command(n);
    expect(history.counts["StormBounded"]).toBeGreaterThan(2);
    input.closed();
    await pass(7500);
    const before = history.violations.length;
    watch.look([]);
    expect(history.violations).toHaveLength(before);
    await stop();
  });
});

describe("storm watch of bytes", () => {
  it("finds what a node writes on and on though nobody reads", () => {
    const history = new History();
    const watch = new StormWatch(history, () => 0);
    const process = new World({ seed: 1, costs: freeCosts, onError: () => {} }).process("n1");
    let bytes = 0;
    const socket = { send() {}, close() {}, buffered: () => bytes, pause() {}, resume() {} };
    watch.watch(process, socket, (own) => {
      for (bytes of [0, limits.closeSlowBytes, 2 * limits.closeSlowBytes]) own.send("a frame");
      return { receive() {}, closed() {} };
    });
    expect(history.violations.map(({ text }) => text)).toEqual([
      `${2 * limits.closeSlowBytes} bytes wait on one connection of n1`,
    ]);
  });
});

describe("entitled devices", () => {
  const event = (body: object): LogEvent => ({ body }) as LogEvent;
  const device = (user: string, audience: "all" | "staff", ...follows: string[]) => ({
    name: user,
    user,
    seen: { audience },
    gone: false,
    client: { cursor: (conv: string) => (follows.includes(conv) ? [1, 1] : undefined) },
  });

  it("are the customer's and the agent's of a conversation that is open", () => {
    const logs = new Map([
      ["s.u1.1", [event({ kind: "queued" }), event({ kind: "assigned", agent: "amy" })]],
      ["s.u1.2", [event({ kind: "closed", why: "agent" })]],
    ]);
    expect(unserved([device("u1", "all", "s.u1.1"), device("amy", "staff", "s.u1.1")], logs)).toEqual([]);
    expect(unserved([device("u1", "all"), device("amy", "staff"), device("bo", "staff")], logs)).toEqual([
      "u1 does not follow s.u1.1",
      "amy does not follow s.u1.1",
    ]);
    expect(unserved([{ ...device("u1", "all"), gone: true }], logs)).toEqual([]);
  });
});

describe("slots", () => {
  const event = (body: object): LogEvent => ({ body }) as LogEvent;
  const assigned = event({ kind: "assigned", agent: "amy", assignment: "x" });
  const slot = (agent: string, assignment: string) => ({ agent, assignment, conv: "s.u1.1" });
  const leakedWith = (slots: readonly HeldSlot[], ...log: LogEvent[]): string[] =>
    leaked(slots, new Map([["s.u1.1", log]]));

  it("are held for conversations that the agent has, and for no others", () => {
    expect(leakedWith([slot("amy", "x")], assigned)).toEqual([]);
    expect(leakedWith([slot("bo", "x")], assigned)).toEqual(["bo holds a slot for s.u1.1, assignment x"]);
    expect(leakedWith([slot("amy", "y"), slot("amy", "x")], assigned)).toHaveLength(1);
    expect(leakedWith([slot("amy", "x")], assigned, event({ kind: "closed", why: "agent" }))).toHaveLength(1);
    expect(leakedWith([slot("amy", "x")])).toHaveLength(1);
  });
});
