import { describe, expect, it } from "vitest";
import type { Audience, LogEvent } from "../../protocol/events.ts";
import { limits } from "../../protocol/limits.ts";
import { modelLog, type ModelLog } from "./model-log.ts";
import { bench, settle, type Bench } from "./pump-bench.ts";

function append(log: ModelLog, count: number, aud: Audience = "all"): LogEvent {
  for (let i = 1; i < count; i++) log.append(aud);
  return log.append(aud);
}

async function sweep({ pump }: Bench, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    pump.sweep();
    await settle();
  }
}

describe("pump", () => {
  it("pushes what follows without reading", async () => {
    const made = bench();
    made.pump.kick(undefined);
    for (let i = 0; i < 5; i++) made.pump.offer(made.log.append());
    await settle();
    expect(made.pushed).toEqual([1, 2, 3, 4, 5]);
    expect(made.reads).toBe(0);
  });

  it("reads what it missed, and nothing twice", async () => {
    const made = bench();
    append(made.log, 120);
    made.pump.offer(append(made.log, 1));
    await settle();
    expect(made.pushed).toEqual(made.log.events.map(({ seq }) => seq));
  });

  it("asks the log only for what is not known: a quiet conversation costs no read after a failover", async () => {
    const log = modelLog();
    const tail = append(log, 7);
    const made = bench("staff", [7, 1], log);
    made.pump.kick(tail);
    await settle();
    log.forgetAfter(7);
    made.pump.kick(tail);
    await settle();
    expect([made.reads, made.resets]).toEqual([0, 0]);
  });

  it("does not read for a note at the end of a visitor's conversation", async () => {
    const made = bench("all");
    made.pump.kick(undefined);
    made.pump.offer(made.log.append());
    made.pump.offer(made.log.append("staff"));
    const tail = made.log.append("staff");
    made.pump.kick(tail);
    await settle();
    expect(made.reads).toBe(0);
    made.pump.offer(made.log.append());
    expect(made.pushed).toEqual([1, 4]);
  });

  it("starts over when the log has other events than the device", async () => {
    const log = modelLog();
    append(log, 9);
    const made = bench("staff", [5, 77], log);
    made.pump.kick(log.end);
    await settle();
    expect(made.resets).toBe(1);
    expect(made.device.held).toEqual(log.visible("staff"));
  });

  it("starts over for a visitor whose cursor stands on a note", async () => {
    const log = modelLog();
    append(log, 2);
    log.append("staff");
    append(log, 2);
    const made = bench("all", [3, 1], log);
    made.pump.kick(log.end);
    await settle();
    expect(made.resets).toBe(1);
    expect(made.device.held).toEqual(log.visible("all"));
    expect(made.device.gaps).toEqual([]);
  });

  it("notices that a log lost its end and grew to the same length", async () => {
    const made = bench();
    for (let i = 0; i < 10; i++) made.pump.offer(made.log.append());
    made.log.forgetAfter(5);
    append(made.log, 5);
    made.pump.kick(made.log.end);
    await settle();
    expect(made.resets).toBe(1);
    expect(made.device.held).toEqual(made.log.visible("staff"));
  });

  it("notices that a log lost its end and grew beyond it, before the owner's answer came", async () => {
    const made = bench();
    for (let i = 0; i < 10; i++) made.pump.offer(made.log.append());
    made.log.forgetAfter(5);
    append(made.log, 5);
    made.pump.offer(made.log.append());
    await settle();
    expect(made.device.held).toEqual(made.log.visible("staff"));
  });

  it("takes no position back for a late answer of an earlier owner", async () => {
    const made = bench();
    const early = made.log.append();
    made.pump.offer(early);
    made.log.forgetAfter(1);
    for (let i = 0; i < 4; i++) made.pump.offer(made.log.append());
    await settle();
    made.pump.kick(early);
    made.pump.kick(undefined);
    await settle();
    expect(made.resets).toBe(0);
    expect(made.device.held).toEqual(made.log.visible("staff"));
  });

  it("counts an acknowledged own send as delivered, and the next follows it", async () => {
    const made = bench();
    made.pump.offer(made.log.append());
    const own = made.log.append();
    made.pump.own(own.seq, own.epoch, 1);
    made.pump.offer(own);
    made.pump.offer(made.log.append());
    await settle();
    expect(made.pushed).toEqual([1, 3]);
    expect(made.reads).toBe(0);
  });

  it("stops at the window and goes on with the acknowledgement", async () => {
    const made = bench();
    append(made.log, limits.maxUnackedEvents + 40);
    made.pump.kick(made.log.end);
    await settle();
    expect(made.pushed).toHaveLength(limits.maxUnackedEvents);
    made.pump.ack(10);
    await settle();
    expect(made.pushed).toHaveLength(limits.maxUnackedEvents + 10);
    made.pump.ack(limits.maxUnackedEvents + 10);
    await settle();
    expect(made.pushed.at(-1)).toBe(limits.maxUnackedEvents + 40);
  });

  it("ignores acknowledgements of what was never sent", async () => {
    const made = bench();
    append(made.log, limits.maxUnackedEvents + 5);
    made.pump.kick(made.log.end);
    await settle();
    for (const seq of [0, -1, limits.maxUnackedEvents + 1, Number.MAX_SAFE_INTEGER]) made.pump.ack(seq);
    await settle();
    expect(made.pushed).toHaveLength(limits.maxUnackedEvents);
  });

  it("does not read while the connection takes nothing, and goes on at once when it does", async () => {
    const made = bench();
    made.blocked = true;
    append(made.log, 30);
    made.pump.kick(made.log.end);
    for (let i = 0; i < 20; i++) made.pump.offer(made.log.append());
    await settle();
    await sweep(made, 10);
    expect([made.reads, made.pushed.length]).toEqual([0, 0]);
    made.blocked = false;
    made.pump.resume();
    await settle();
    expect(made.pushed).toHaveLength(50);
  });

  it("stops reading when the connection fills up in the middle of a page", async () => {
    const made = bench();
    append(made.log, 40);
    made.hold = () => {
      made.blocked = made.reads > 0;
      return Promise.resolve();
    };
    made.pump.kick(made.log.end);
    for (let i = 0; i < 20; i++) await settle();
    expect(made.reads).toBe(1);
  });

  it("asks again at the next sweep after a read that failed", async () => {
    const made = bench();
    append(made.log, 3);
    made.away = true;
    made.pump.kick(made.log.end);
    await settle();
    await sweep(made, 2);
    expect(made.reads).toBe(3);
    made.away = false;
    await sweep(made, 1);
    expect(made.pushed).toEqual([1, 2, 3]);
  });

  it("pushes again what stays unconfirmed, and gives up in the end", async () => {
    const made = bench();
    made.pump.offer(made.log.append());
    await sweep(made, 4);
    expect(made.pushed).toEqual([1, 1]);
    await sweep(made, 200);
    expect(made.pushed).toEqual([1, 1, 1, 1]);
    expect(made.gaveUp).toBeGreaterThan(0);
  });

  it("pushes a whole window again when nothing of it was confirmed", async () => {
    const made = bench();
    append(made.log, limits.maxUnackedEvents + 5);
    made.pump.kick(made.log.end);
    await settle();
    await sweep(made, 5);
    expect(made.pushed).toHaveLength(2 * limits.maxUnackedEvents);
  });

  it("accepts an acknowledgement that crosses with pushing again", async () => {
    const made = bench();
    for (let i = 0; i < 3; i++) made.pump.offer(made.log.append());
    made.away = true;
    await sweep(made, 4);
    made.pump.ack(3);
    made.away = false;
    await sweep(made, 100);
    expect(made.pushed).toEqual([1, 2, 3]);
    expect(made.gaveUp).toBe(0);
    made.pump.offer(made.log.append());
    expect(made.pushed).toEqual([1, 2, 3, 4]);
  });

  it("says nothing more once it is closed, whatever it waits for", async () => {
    const made = bench();
    append(made.log, 5);
    made.pump.kick(made.log.end);
    made.pump.close();
    await settle();
    made.pump.kick(made.log.end);
    made.pump.offer(made.log.append());
    await sweep(made, 3);
    expect(made.pushed).toEqual([]);
  });

  it("gives up rather than skip a hole in the log", async () => {
    const made = bench();
    append(made.log, 9);
    made.log.events.splice(3, 2);
    made.pump.kick(made.log.end);
    await settle();
    expect(made.pushed).toEqual([1, 2, 3]);
    expect(made.gaveUp).toBe(1);
  });
});
