import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Address } from "../../../actors/address.ts";
import { Debts } from "../../../actors/runtime/debts.ts";
import type { ActorEnvelope } from "../../../actors/runtime/envelope.ts";
import { oneNode, script, shards, watch, world, type Node, type World } from "./rig.ts";

async function tags(on: World, node: Node, to: Address): Promise<readonly string[]> {
  const seen = watch(node.ask(to, { ask: true }));
  await on.time.until(() => seen.done, 20_000, "an answer");
  return (seen.value as { value: { tags: string[] } }).value.tags;
}

const tell = (to: Address, tag: string) => ({ do: "tell", to, message: script({ tag }) }) as const;

function debts(): { debts: Debts; sent: ActorEnvelope[]; pass: (ms: number) => void } {
  let now = 0;
  const sent: ActorEnvelope[] = [];
  const random = { float: () => 0.5, id: () => "id" };
  const made = new Debts({
    shard: 0,
    shards,
    epoch: 3,
    random,
    now: () => now,
    send: (one) => void sent.push(one),
  });
  return { debts: made, sent, pass: (ms) => void (now += ms) };
}

describe("debts", () => {
  it("are sent again with growing pauses until they are settled", () => {
    const { debts: owed, sent, pass } = debts();
    const id = owed.nextId();
    owed.begin(id, "desk/t/d", script({}));
    const counts: number[] = [];
    for (let second = 0; second < 60; second++) {
      pass(1000);
      owed.sweep();
      counts.push(sent.length);
    }
    expect(counts[9]).toBeGreaterThan(4);
    expect(sent.length).toBeLessThan(16);
    owed.settle(id);
    owed.settle(id);
    expect([owed.size, owed.takeSettled(), owed.takeSettled()]).toEqual([0, [{ op: "settle", id }], []]);
  });

  it("have ids that sort by age, through all epochs", () => {
    const { debts: owed } = debts();
    const ids = Array.from({ length: 50 }, () => owed.nextId());
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(50);
  });

  it("are paced when many are due at once", () => {
    const { debts: owed, sent } = debts();
    owed.adopt(
      Array.from({ length: 1000 }, (_, i) => ({
        shard: 0,
        id: `${i}`,
        value: owed.encode("desk/t/d", script({})),
      })),
    );
    expect(sent).toHaveLength(0);
    owed.sweep();
    expect(sent).toHaveLength(200);
  });

  it("are due at once when their receiver's shard has moved", () => {
    const { debts: owed, sent } = debts();
    owed.begin("1", "desk/t/d", script({}));
    owed.hasten(new Set([sent[0]?.shard ?? -1]));
    owed.sweep();
    expect(sent).toHaveLength(2);
  });

  it("reach their receiver in another shard once, and are forgotten by the store", async () => {
    const { on, node } = await oneNode();
    const [from, to] = [on.address("desk", 0), on.address("desk", 1)];
    node.tell(from, { effects: [tell(to, "x")] });
    await on.time.advance(10_000);
    expect(await tags(on, node, to)).toEqual(["x"]);
    expect(await on.store.obligations(0, 10)).toEqual([]);
  });

  it("are handled once by a receiver in the same shard that sleeps", async () => {
    const { on, node } = await oneNode();
    const [from, to] = [on.address("desk", 0), on.address("desk", 0, 1)];
    node.tell(from, { effects: [tell(to, "x")] });
    await on.time.advance(10_000);
    expect(await tags(on, node, to)).toEqual(["x"]);
    expect(await on.store.obligations(0, 10)).toEqual([]);
  });

  it("are handled before what comes later, when the receiver in the same shard is activated", async () => {
    const { on, node } = await oneNode();
    const [from, to] = [on.address("desk", 0), on.address("desk", 0, 1)];
    await tags(on, node, from);
    on.store.deaf = true;
    node.tell(from, { effects: [tell(to, "first")] });
    await on.time.advance(10);
    node.runtime.lose(0);
    on.store.deaf = false;
    await on.move(0, node);
    const seen = watch(node.ask(to, { tag: "then", ask: true }));
    await on.time.advance(10);
    expect(seen.value).toMatchObject({ value: { tags: ["first", "then"] } });
  });

  it("survive their owner and are settled by the next", async () => {
    const on = world(2);
    const [a, b] = on.nodes;
    if (a === undefined || b === undefined) throw new Error("two nodes");
    await on.move(0, a);
    const [from, to] = [on.address("desk", 0), on.address("desk", 1)];
    a.tell(from, { tag: "told", effects: [tell(to, "x")] });
    await on.time.advance(1000);
    expect(await on.store.obligations(0, 10)).toHaveLength(1);
    await on.move(0, b);
    await on.time.advance(1000);
    await on.move(1, a);
    await on.time.advance(10_000);
    expect(new Set(await tags(on, b, to))).toEqual(new Set(["x"]));
    expect(await on.store.obligations(0, 10)).toEqual([]);
  });

  it("are confirmed although they crash their receiver, with a dead letter in the log", async () => {
    const { on, node } = await oneNode();
    const message = script({ crash: true });
    node.tell(on.address("desk", 0), { effects: [{ do: "tell", to: on.address("desk", 1), message }] });
    await on.time.advance(10_000);
    expect(await on.store.obligations(0, 10)).toEqual([]);
    expect(on.lines.filter(({ message: text }) => text === "dead letter")).toHaveLength(1);
  });

  it("are not confirmed before what came of them is durable", async () => {
    const { on, node } = await oneNode();
    const [from, to] = [on.address("desk", 0), on.address("desk", 1)];
    node.tell(from, { effects: [tell(to, "x")] });
    await on.time.advance(1);
    on.store.fate = "away";
    await on.time.advance(2000);
    const owed = await on.store.obligations(0, 10);
    on.store.fate = "fine";
    await on.time.advance(20_000);
    expect(owed).toHaveLength(1);
    expect(await on.store.obligations(0, 10)).toEqual([]);
  });

  it("keep index and list in step whatever is begun and settled", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(5), fc.nat(2)), { maxLength: 60 }), (steps) => {
        const { debts: owed } = debts();
        const model = new Map<string, string>();
        for (const [begin, id, to] of steps) {
          const key = `${id}`;
          if (begin && !model.has(key)) {
            model.set(key, `desk/t/d${to}`);
            owed.begin(key, `desk/t/d${to}`, script({}));
          } else if (!begin) {
            model.delete(key);
            owed.settle(key);
          }
        }
        for (let to = 0; to < 3; to++) {
          const expected = [...model].filter(([, at]) => at === `desk/t/d${to}`).map(([id]) => id);
          expect(owed.owedTo(`desk/t/d${to}`).map(({ id }) => id)).toEqual(expected);
        }
        expect(owed.size).toBe(model.size);
      }),
    );
  });
});
