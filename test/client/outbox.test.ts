import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Outbox, type Receipt, type Settled, type SyncWanted } from "../../client/outbox.ts";
import { limits } from "../../protocol/limits.ts";
import { ProducerRows } from "./producer-rows.ts";
import type { CommandFrame, ServerFrame } from "../../protocol/frames.ts";
import type { CommandBody } from "../../client/lane.ts";

const conv = "s.v1.1";
type Ack = Extract<ServerFrame, { t: "ack" }>;
type Nack = Extract<ServerFrame, { t: "nack" }>;

function say(text: string, target = conv): CommandBody {
  return { t: "send", conv: target, body: { kind: "text", text } };
}

function textOf(frame: CommandFrame): string {
  return frame.t === "send" && frame.body.kind === "text" ? frame.body.text : "";
}

function outboxWith(count: number, random = 0.5): Outbox {
  let producers = 0;
  const outbox = new Outbox(
    () => `p${(producers += 1)}`,
    () => random,
  );
  for (let index = 1; index <= count; index += 1) outbox.add(say(`m${index}`), 0, 0);
  return outbox;
}

const numbers = (outbox: Outbox, at = 0): number[] => outbox.due(at, at).frames.map(({ n }) => n);
const ack = (n: number, p = "p1"): Ack => ({ t: "ack", conv, p, n, seq: n, epoch: 1, prev: n - 1, ts: 0 });
const nack = (n: number, code: Nack["code"], more: Partial<Nack> = {}): Nack => ({
  t: "nack",
  conv,
  p: "p1",
  n,
  code,
  retry: "",
  ...more,
});

describe("outbox", () => {
  it("numbers per target, under a producer for each", () => {
    const outbox = outboxWith(2);
    outbox.add(say("x", "g.one"), 0, 0);
    outbox.add({ t: "open", channel: "web" }, 0, 0);
    expect(outbox.due(0, 0).frames.map(({ p, n, after }) => [p, n, after])).toEqual([
      ["p1", 1, 0],
      ["p1", 2, 1],
      ["p2", 1, 0],
      ["p3", 1, 0],
    ]);
  });

  it("keeps at most 32 in flight", () => {
    const outbox = outboxWith(50);
    expect(numbers(outbox)).toHaveLength(32);
    outbox.ack(ack(1), 0);
    expect(numbers(outbox)).toEqual([33]);
  });

  it("keeps fewer in flight when the server allows fewer", () => {
    const outbox = outboxWith(50);
    outbox.allow(4, 20, 0);
    expect(numbers(outbox)).toEqual([1, 2, 3, 4]);
  });

  it("sends no faster than the server takes commands, each target in turn", () => {
    const outbox = outboxWith(0);
    outbox.allow(32, 20, 0);
    for (let index = 1; index <= 30; index += 1) outbox.add(say(`m${index}`, "g.one"), 0, 0);
    for (let index = 31; index <= 52; index += 1) outbox.add(say(`m${index}`, "g.two"), 0, 0);
    outbox.add(say("m53", "g.three"), 0, 0);
    const sent = (at: number): string[] => outbox.due(at, at).frames.map(textOf);
    const first = sent(0);
    expect(first).toHaveLength(48);
    expect(first.slice(0, 5)).toEqual(["m1", "m31", "m53", "m2", "m32"]);
    expect(outbox.nextDueAt()).toBe(50);
    expect(sent(49)).toEqual([]);
    expect(sent(100)).toEqual(["m26", "m27"]);
    for (let other = 0; other < 5; other += 1) outbox.went(100);
    expect(outbox.nextDueAt()).toBe(400);
    outbox.add(say("m54", "g.four"), 0, 0);
    expect(sent(400)).toEqual(["m54"]);
    outbox.add(say("m55", "g.three"), 0, 0);
    expect([sent(450), sent(500), sent(550)]).toEqual([["m55"], ["m28"], ["m29"]]);
  });

  it("sends nothing to any target while the server asks to slow down", () => {
    const outbox = outboxWith(1);
    outbox.allow(32, 20, 0);
    numbers(outbox);
    outbox.add(say("x", "g.one"), 0, 0);
    outbox.nack(nack(1, "RATE_LIMITED", { waitMs: 500 }), 0);
    expect(outbox.due(499, 499).frames).toEqual([]);
    expect(outbox.due(501, 501).frames).toHaveLength(1);
  });

  it("shrinks its window to one after BUSY, waits as long as asked, and doubles it per acknowledgement", () => {
    const outbox = outboxWith(50);
    numbers(outbox);
    outbox.nack(nack(1, "BUSY", { waitMs: 1000 }), 0);
    expect(numbers(outbox, 999)).toEqual([]);
    expect(numbers(outbox, 1300)).toEqual([1]);
    outbox.ack(ack(1), 0);
    expect(numbers(outbox, 1300)).toEqual([2, 3]);
    outbox.ack(ack(2), 0);
    expect(numbers(outbox, 1300)).toEqual([4, 5, 6]);
  });

  it("resends from the last number after GAP", () => {
    const outbox = outboxWith(4);
    numbers(outbox);
    outbox.ack(ack(1), 0);
    outbox.nack(nack(3, "GAP", { last: 1 }), 0);
    outbox.nack(nack(4, "GAP", { last: 1 }), 0);
    expect(numbers(outbox, 500)).toEqual([2]);
  });

  it("does not insist on a number that was finally refused", () => {
    const outbox = outboxWith(2);
    numbers(outbox);
    const settled = outbox.nack(nack(1, "INVALID"), 0);
    expect(settled).toEqual({ kind: "refused", key: 1, code: "INVALID" });
    outbox.nack(nack(2, "GAP", { last: 0 }), 0);
    expect(outbox.due(500, 0).frames).toMatchObject([{ n: 2, after: 0 }]);
  });

  it("goes on behind what the server lost", () => {
    const outbox = outboxWith(3);
    numbers(outbox);
    outbox.ack(ack(1), 0);
    outbox.ack(ack(2), 0);
    outbox.nack(nack(3, "GAP", { last: 1 }), 0);
    expect(outbox.due(500, 0).frames).toMatchObject([{ n: 3, after: 1 }]);
  });

  it("resends all that is unanswered, in order and under the same numbers, after a reconnect", () => {
    const outbox = outboxWith(4);
    numbers(outbox);
    outbox.ack(ack(2), 0);
    outbox.disconnected();
    expect(numbers(outbox)).toEqual([1, 3, 4]);
  });

  it("resends an overdue command and gives the connection up after three tries", () => {
    const outbox = outboxWith(1);
    for (const at of [0, 10_000, 20_000]) {
      expect(outbox.expire(at)).toBe(false);
      expect(numbers(outbox, at)).toEqual([1]);
    }
    expect(outbox.nextDueAt()).toBe(30_000);
    expect(outbox.expire(30_000)).toBe(true);
  });

  it("settles every command once, however often its answer comes", () => {
    const outbox = outboxWith(1);
    numbers(outbox);
    expect(outbox.ack(ack(1), 0)).toMatchObject({ kind: "accepted", receipt: { seq: 1 } });
    expect(outbox.ack(ack(1), 0)).toBeUndefined();
    expect(outbox.nack(nack(1, "CLOSED"), 0)).toBeUndefined();
    expect(outbox.size).toBe(0);
  });

  it("reads the log when its producer is unknown, drops what stands there, and renumbers the rest", () => {
    const outbox = outboxWith(4);
    numbers(outbox);
    outbox.ack(ack(1), 0);
    outbox.nack(nack(2, "PRODUCER_UNKNOWN"), 0);
    const wanted: SyncWanted = { target: conv, producer: "p1", after: 0 };
    expect(outbox.due(0, 0)).toEqual({ frames: [], syncs: [wanted] });
    expect(outbox.due(0, 0)).toEqual({ frames: [], syncs: [] });
    const receipt: Receipt = { conv, seq: 7, epoch: 1, prev: 6, ts: 0 };
    const settled = outbox.synced(wanted, new Map([[3, receipt]]), 0);
    expect(settled).toMatchObject([{ kind: "accepted", key: 3, receipt }]);
    expect(outbox.due(0, 0).frames.map((frame) => [frame.p, frame.n, textOf(frame)])).toEqual([
      ["p2", 1, "m2"],
      ["p2", 2, "m4"],
    ]);
  });

  it("only resends when a producer is unknown of which nothing was acknowledged yet", () => {
    const outbox = outboxWith(2);
    numbers(outbox);
    outbox.nack(nack(2, "PRODUCER_UNKNOWN"), 0);
    outbox.nack(nack(1, "BUSY"), 0);
    expect(outbox.due(500, 0)).toMatchObject({ frames: [{ p: "p1", n: 1, after: 0 }], syncs: [] });
  });

  it("asks for the log again when the connection went in between", () => {
    const outbox = outboxWith(2);
    numbers(outbox);
    outbox.ack(ack(1), 0);
    outbox.nack(nack(2, "PRODUCER_UNKNOWN"), 0);
    expect(outbox.due(0, 0).syncs).toHaveLength(1);
    outbox.disconnected();
    expect(outbox.due(0, 0).syncs).toHaveLength(1);
  });

  it("reads the log before it resends a command older than 23 hours", () => {
    const outbox = outboxWith(1);
    numbers(outbox);
    outbox.disconnected();
    expect(outbox.due(0, limits.producerTrustMs - 1).frames).toHaveLength(1);
    outbox.disconnected();
    expect(outbox.due(0, limits.producerTrustMs)).toMatchObject({ frames: [], syncs: [{ target: conv }] });
  });

  it("takes a new producer by itself after 23 idle hours", () => {
    const outbox = outboxWith(1);
    numbers(outbox);
    outbox.ack(ack(1), 0);
    outbox.add(say("late"), 1, limits.producerTrustMs);
    expect(outbox.due(0, limits.producerTrustMs).frames).toMatchObject([{ p: "p2", n: 1, after: 0 }]);
  });

  it("gives each command one effect, in order, over a network that loses, repeats, delays and reorders", () => {
    fc.assert(
      fc.property(fc.array(weather, { maxLength: 150 }), (steps) => {
        const voyage = new Voyage();
        for (const step of steps) voyage.play(step);
        voyage.calm();
        voyage.check();
      }),
      { numRuns: 300 },
    );
  });
});

type Weather =
  | { do: "add"; target: string; refuse: boolean }
  | { do: "pass"; ms: number }
  | { do: "request" | "answer"; pick: number; copy: boolean; lose: boolean; busy: boolean }
  | { do: "disconnect" }
  | { do: "forget" };

const weather: fc.Arbitrary<Weather> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("add" as const),
      target: fc.constantFrom(conv, "g.one"),
      refuse: fc.nat(9).map((n) => n === 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 12_000 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom("request" as const, "answer" as const),
      pick: fc.nat(20),
      copy: fc.nat(6).map((n) => n === 0),
      lose: fc.nat(4).map((n) => n === 0),
      busy: fc.nat(5).map((n) => n === 0),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "disconnect" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "forget" as const }) },
);

/** An outbox and a model server with everything in between in a test's hand. */
class Voyage {
  readonly #outbox: Outbox;
  readonly #server = new ProducerRows();
  readonly #requests: CommandFrame[] = [];
  readonly #answers: (Ack | Nack)[] = [];
  readonly #given: { key: number; target: string; text: string }[] = [];
  readonly #settled = new Map<number, Settled>();
  readonly #refusable = new Set<string>();
  #now = 0;
  #wall = 0;

  constructor() {
    let producers = 0;
    this.#outbox = new Outbox(
      () => `p${(producers += 1)}`,
      () => 0.5,
    );
  }

  play(step: Weather): void {
    switch (step.do) {
      case "add":
        this.#give(step.target, step.refuse);
        break;
      case "pass":
        this.#now += step.ms;
        break;
      case "request":
        this.#arrive(step);
        break;
      case "answer":
        this.#return(step);
        break;
      case "disconnect":
        this.#outbox.disconnected();
        break;
      case "forget":
        this.#requests.length = 0;
        this.#answers.length = 0;
        this.#outbox.disconnected();
        this.#server.forget();
        this.#wall += limits.producerTtlMs;
        break;
    }
    this.#flush();
  }

  /** No faults any more: everything is carried until nothing is left to do. */
  calm(): void {
    const clear = { pick: 0, copy: false, lose: false, busy: false };
    for (let round = 0; this.#outbox.size > 0 && round < 5000; round += 1) {
      if (this.#requests.length > 0) this.#arrive(clear);
      else if (this.#answers.length > 0) this.#return(clear);
      else this.#now = Math.max(this.#now + 1, this.#outbox.nextDueAt() ?? 0);
      this.#flush();
    }
  }

  check(): void {
    expect(this.#outbox.size).toBe(0);
    for (const target of [conv, "g.one"]) {
      const given = this.#given.filter((command) => command.target === target);
      const accepted = given.filter(({ key }) => this.#settled.get(key)?.kind === "accepted");
      expect(this.#server.log(target).map(({ frame }) => textOf(frame))).toEqual(
        accepted.map(({ text }) => text),
      );
      for (const { key, text } of accepted) {
        const settled = this.#settled.get(key);
        const seq = settled?.kind === "accepted" ? settled.receipt.seq : 0;
        expect(textOf(this.#server.log(target)[seq - 1]?.frame as CommandFrame)).toBe(text);
      }
      for (const { key, text } of given) {
        if (this.#settled.get(key)?.kind === "refused") expect(this.#refusable).toContain(text);
      }
    }
  }

  #give(target: string, refuse: boolean): void {
    const text = `m${this.#given.length}`;
    if (refuse) this.#refusable.add(text);
    const key = this.#outbox.add(say(text, target), this.#server.log(target).length, this.#wall);
    if (key !== undefined) this.#given.push({ key, target, text });
  }

  #flush(): void {
    this.#outbox.expire(this.#now);
    const { frames, syncs } = this.#outbox.due(this.#now, this.#wall);
    this.#requests.push(...frames);
    for (const wanted of syncs) {
      const own = this.#server
        .log(wanted.target)
        .filter(({ p, seq }) => p === wanted.producer && seq > wanted.after);
      const found = new Map(own.map(({ n, seq }) => [n, { seq, epoch: 1, prev: seq - 1, ts: 0 }]));
      for (const settled of this.#outbox.synced(wanted, found, this.#wall))
        this.#settled.set(settled.key, settled);
    }
  }

  #arrive({ pick, copy, lose, busy }: { pick: number; copy: boolean; lose: boolean; busy: boolean }): void {
    const index = pick % Math.max(1, this.#requests.length);
    const frame = this.#requests[index];
    if (!frame) return;
    if (!copy) this.#requests.splice(index, 1);
    if (lose) return;
    const { p, n } = frame;
    const answer: Ack | Nack = busy
      ? { t: "nack", p, n, code: "BUSY", retry: "same" }
      : this.#server.command(frame, this.#refusable.has(textOf(frame)));
    this.#answers.push(answer);
  }

  #return({ pick, copy, lose }: { pick: number; copy: boolean; lose: boolean }): void {
    const index = pick % Math.max(1, this.#answers.length);
    const answer = this.#answers[index];
    if (!answer) return;
    if (!copy) this.#answers.splice(index, 1);
    if (lose) return;
    const settled =
      answer.t === "ack" ? this.#outbox.ack(answer, this.#wall) : this.#outbox.nack(answer, this.#now);
    if (!settled) return;
    expect(this.#settled.has(settled.key)).toBe(false);
    this.#settled.set(settled.key, settled);
  }
}
