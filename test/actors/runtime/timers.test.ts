import { describe, expect, it } from "vitest";
import { encodeAddress } from "../../../actors/address.ts";
import { Firing } from "../../../actors/runtime/timers.ts";
import type { Stored } from "../../../store/store.ts";
import { oneNode, watch, type Node, type World } from "./rig.ts";

async function tags(on: World, node: Node): Promise<readonly string[]> {
  const seen = watch(node.ask(on.address("desk", 0), { ask: true }));
  await on.time.until(() => seen.done, 20_000, "an answer");
  return (seen.value as { value: { tags: string[] } }).value.tags;
}

const arm = (id: string, delayMs: number) => ({ do: "arm", id, delayMs }) as const;

describe("durable timers", () => {
  it("fire once, not early, and are removed by the commit that handles them", async () => {
    const { on, node } = await oneNode();
    node.tell(on.address("desk", 0), { effects: [arm("t", 3000)] });
    await on.time.advance(2900);
    expect(await tags(on, node)).toEqual([]);
    await on.time.advance(10_000);
    expect(await tags(on, node)).toEqual(["timer t"]);
    expect(await on.store.due([0], 10)).toEqual([]);
  });

  it("wake an actor that sleeps, also under the next owner", async () => {
    const { on, node } = await oneNode();
    node.tell(on.address("desk", 0), { effects: [arm("t", 40_000)] });
    await on.time.advance(30_000);
    expect(node.runtime.counters().actors).toBe(0);
    await on.move(0, node);
    await on.time.advance(12_000);
    expect(await tags(on, node)).toEqual(["timer t"]);
  });

  it("fire once while the commit that handles them takes long", async () => {
    const { on, node } = await oneNode();
    node.tell(on.address("desk", 0), { effects: [arm("t", 1000)] });
    await on.time.advance(900);
    on.store.fate = "away";
    await on.time.advance(5000);
    on.store.fate = "fine";
    await on.time.advance(3000);
    expect(await tags(on, node)).toEqual(["timer t"]);
  });

  it("fire again when a takeover lost the commit that handled them", async () => {
    const { on, node } = await oneNode();
    node.tell(on.address("desk", 0), { effects: [arm("t", 1000)] });
    await on.time.advance(900);
    on.store.fate = "away";
    await on.time.advance(2000);
    node.runtime.lose(0);
    on.store.fate = "fine";
    await on.move(0, node);
    await on.time.advance(2000);
    expect(await tags(on, node)).toEqual(["timer t"]);
  });

  it("do not fire when they were armed anew while they waited in the inbox", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    node.tell(to, { effects: [arm("t", 1000)] });
    await on.time.advance(100);
    await on.move(0, node);
    await on.time.advance(700);
    on.store.deaf = true;
    node.tell(to, { effects: [arm("t", 20_000)] });
    const due: Stored = {
      shard: 0,
      id: `${encodeAddress(to)}|t`,
      value: JSON.stringify({ to: encodeAddress(to), id: "t" }),
    };
    on.store.due = async () => [due];
    await on.time.advance(1000);
    on.store.due = async () => [];
    on.store.deaf = false;
    await on.time.advance(5000);
    expect(await tags(on, node)).toEqual([]);
    expect((await on.store.obligations(0, 1)).length).toBe(0);
  });

  it("do not fire by an answer of a poll that began before they were armed anew", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    node.tell(to, { effects: [arm("t", 600)] });
    await on.time.advance(500);
    const due = on.store.due.bind(on.store);
    on.store.due = async (shards, limit) => {
      const found = await due(shards, limit);
      await new Promise<void>((resolve) => void on.clock.after(300, resolve));
      return found;
    };
    await on.time.advance(600);
    node.tell(to, { effects: [arm("t", 60_000)] });
    await on.time.advance(2000);
    on.store.due = due;
    await on.time.advance(5000);
    expect(await tags(on, node)).toEqual([]);
  });

  it("do not keep others back when one of them cannot be read", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    node.tell(to, { effects: [arm("t", 1000)] });
    const due = on.store.due.bind(on.store);
    on.store.due = async (shards, limit) => [
      { shard: 0, id: "bad", value: "{" },
      ...(await due(shards, limit)),
    ];
    await on.time.advance(3000);
    expect(await tags(on, node)).toEqual(["timer t"]);
  });

  it("are not polled while frozen", async () => {
    const { on, node } = await oneNode();
    node.tell(on.address("desk", 0), { effects: [arm("t", 1000)] });
    await on.time.advance(100);
    node.frozen = true;
    let polls = 0;
    on.store.due = async () => (polls++, []);
    await on.time.advance(3000);
    expect(polls).toBe(0);
  });

  it("come again when they crash their actor, until they are dead letters", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    node.tell(to, { effects: [arm("t", 500), { do: "set", field: "broken", value: "1" }] });
    await on.time.advance(100);
    await on.move(0, node);
    await on.time.advance(3000);
    expect(
      on.lines.filter(({ message }) => message === "an actor could not be restored").length,
    ).toBeGreaterThan(2);
    expect(await on.store.due([0], 10)).toHaveLength(1);
  });
});

describe("firing", () => {
  it("takes a timer once until a poll begins after its commit", () => {
    const firing = new Firing();
    expect([firing.begin("t"), firing.begin("t")]).toEqual([true, false]);
    firing.pollBegins();
    expect(firing.begin("t")).toBe(false);
    firing.done("t");
    expect(firing.begin("t")).toBe(false);
    firing.pollBegins();
    expect(firing.begin("t")).toBe(true);
  });

  it("waits for every commit that changes a timer", () => {
    const firing = new Firing();
    firing.hold("t");
    firing.hold("t");
    firing.done("t");
    firing.pollBegins();
    expect(firing.begin("t")).toBe(false);
    firing.done("t");
    firing.pollBegins();
    expect(firing.begin("t")).toBe(true);
    firing.abandon("t");
    expect(firing.begin("t")).toBe(true);
  });
});
