import { describe, expect, it } from "vitest";
import { encodeAddress } from "../../../actors/address.ts";
import { ack, oneNode, watch, type Node, type World } from "./rig.ts";

async function tags(on: World, node: Node, to = on.address("desk", 0)): Promise<readonly string[]> {
  const seen = watch(node.ask(to, { ask: true }));
  await on.time.until(() => seen.done, 20_000, "an answer");
  return seen.value?.kind === "value" ? (seen.value.value as { tags: string[] }).tags : [];
}

const command = (n: number, after = n - 1, p = "p") => ({ p, n, after, digest: n });

describe("entity", () => {
  it("answers only after the commit", async () => {
    const { on, node } = await oneNode();
    on.store.fate = "away";
    const seen = watch(node.ask(on.address("desk", 0), { tag: "x", answer: ack }, command(1)));
    await on.time.advance(1000);
    expect(seen.done).toBe(false);
    on.store.fate = "fine";
    await on.time.advance(2000);
    expect(seen.value).toEqual({ kind: "answer", answer: ack });
  });

  it("lets no read answer overtake an earlier commit", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    on.store.fate = "away";
    node.tell(to, { tag: "x" });
    const seen = watch(node.ask(to, { ask: true }));
    await on.time.advance(1000);
    expect(seen.done).toBe(false);
    on.store.fate = "fine";
    await on.time.advance(2000);
    expect(seen.value).toMatchObject({ value: { tags: ["x"] } });
  });

  it("lets nothing out while the node is frozen", async () => {
    const { on, node } = await oneNode();
    const to = on.address("session", 0);
    const frame = { t: "pong" } as const;
    expect(await tags(on, node, to)).toEqual([]);
    node.runtime.router.send({
      k: "attach",
      shard: 0,
      session: encodeAddress(to),
      device: "d",
      attempt: 1,
      conn: 7,
      by: { tenant: to.tenant, role: "agent", user: "0" as never },
    });
    await on.time.advance(10);
    node.frozen = true;
    const seen = watch(node.ask(to, { ask: true }));
    node.tell(to, {
      effects: [
        { do: "push", frame },
        { do: "follow", conv: "c" },
        { do: "unfollow", conv: "c" },
      ],
    });
    await on.time.advance(3000);
    expect([seen.done, node.connections]).toEqual([false, []]);
    node.thaw();
    await on.time.advance(10);
    expect(seen.done).toBe(true);
    expect(node.connections.map(({ k }) => k)).toEqual(["push", "enter", "exit"]);
  });

  it("drops what it holds when the shard is lost", async () => {
    const { on, node } = await oneNode();
    on.store.fate = "away";
    const seen = watch(node.ask(on.address("desk", 0), { tag: "x", answer: ack }, command(1), 1000));
    await on.time.advance(100);
    node.runtime.lose(0);
    on.store.fate = "fine";
    await on.time.advance(5000);
    expect([seen.done, seen.value]).toEqual([true, undefined]);
  });

  it("leaves what its lost shard had not handled to the next host, or to the bound of who asked", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    on.store.deaf = true;
    const seen = watch(node.ask(to, { tag: "x", answer: ack }, command(1)));
    const asked = watch(node.ask(to, { ask: true }));
    const short = watch(node.ask(to, { ask: true }, undefined, 1000));
    await on.time.advance(500);
    node.runtime.lose(0);
    await on.time.advance(200);
    expect([seen.done, asked.done, short.done]).toEqual([false, false, false]);
    await on.time.advance(600);
    expect([short.done, short.value]).toEqual([true, undefined]);
    on.store.deaf = false;
    await on.move(0, node);
    await on.time.advance(500);
    expect(seen.value).toEqual({ kind: "answer", answer: ack });
    expect(asked.value).toMatchObject({ value: { tags: ["x"] } });
  });

  it("gives the same answer to a repeat, also after a reload, and refuses another body", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    const say = async (n: number, digest: number): Promise<unknown> => {
      const seen = watch(node.ask(to, { tag: "x", answer: ack }, { p: "p", n, after: n - 1, digest }));
      await on.time.until(() => seen.done, 6000);
      return seen.value;
    };
    const answer = { kind: "answer", answer: ack };
    expect([await say(1, 1), await say(1, 1)]).toEqual([answer, answer]);
    await on.move(0, node);
    expect(await say(1, 1)).toEqual(answer);
    expect(await say(1, 2)).toMatchObject({ answer: { code: "PRODUCER_CONFLICT" } });
    expect(await say(3, 3)).toMatchObject({ answer: { code: "GAP" }, last: 1 });
    expect(await tags(on, node)).toEqual(["x"]);
  });

  it("keeps its state when it sleeps, when it is loaded again and when its shard moves", async () => {
    const { on, node } = await oneNode();
    const to = on.address("conversation", 1);
    node.tell(to, { tag: "x", append: "one" });
    await on.time.advance(100);
    expect(node.runtime.counters().actors).toBe(1);
    await on.time.advance(60_000);
    expect(node.runtime.counters().actors).toBe(0);
    node.tell(to, { tag: "y", append: "two" });
    await on.time.advance(100);
    await on.move(1, node);
    node.tell(to, { append: "three" });
    await on.time.advance(100);
    expect(await tags(on, node, to)).toEqual(["x", "y"]);
    const [slice] = await on.store.readLogs([{ shard: 1, log: encodeAddress(to), limit: 9 }]);
    expect(slice?.events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  it("goes to sleep also when nothing was left to handle after a crash", async () => {
    const { on, node } = await oneNode();
    node.tell(on.address("desk", 0), { crash: true });
    await on.time.advance(60_000);
    expect(node.runtime.counters().actors).toBe(0);
  });

  it("tries a message that crashes it three times and goes on with the next", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    node.tell(to, { tag: "before" });
    const dead = watch(node.ask(to, { crash: true }, command(1)));
    const next = watch(node.ask(to, { tag: "after", answer: ack }, command(1)));
    await on.time.advance(1000);
    expect(dead.value).toEqual({ kind: "answer", answer: { kind: "nack", code: "INTERNAL" } });
    expect(next.value).toEqual({ kind: "answer", answer: ack });
    expect(on.lines.filter(({ message }) => message === "an actor crashed")).toHaveLength(3);
    expect(on.lines.filter(({ message }) => message === "dead letter")).toHaveLength(1);
    expect(await tags(on, node)).toEqual(["before", "after"]);
  });

  it("lets out what it held before it crashed, once it is durable", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    expect(await tags(on, node)).toEqual([]);
    on.store.fate = "away";
    const seen = watch(node.ask(to, { tag: "x", answer: ack }, command(1)));
    node.tell(to, { crash: true });
    await on.time.advance(500);
    expect(seen.done).toBe(false);
    on.store.fate = "fine";
    await on.time.advance(2000);
    expect(seen.value).toEqual({ kind: "answer", answer: ack });
    expect(await tags(on, node)).toEqual(["x"]);
  });

  it("does not say that a message is dead while the node is frozen", async () => {
    const { on, node } = await oneNode();
    expect(await tags(on, node)).toEqual([]);
    node.frozen = true;
    const seen = watch(node.ask(on.address("desk", 0), { crash: true }, command(1)));
    await on.time.advance(1000);
    expect(seen.done).toBe(false);
    node.thaw();
    await on.time.advance(10);
    expect(seen.done).toBe(true);
  });

  it("answers BUSY above the cap of its inbox", async () => {
    const { on, node } = await oneNode();
    on.store.deaf = true;
    const seen = Array.from({ length: 1030 }, () => watch(node.ask(on.address("desk", 0), { ask: true })));
    await on.time.advance(10);
    expect(seen.filter(({ value }) => value?.kind === "busy")).toHaveLength(6);
    on.store.deaf = false;
    await on.time.advance(3000);
    expect(seen.filter(({ value }) => value?.kind === "value")).toHaveLength(1024);
  });

  it("gives an answer that waits for its commit to the last who asked, once", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    on.store.fate = "away";
    const say = (n: number) => watch(node.ask(to, { tag: `${n}`, answer: ack }, command(n), 20_000));
    const first = say(1);
    const second = say(2);
    await on.time.advance(100);
    const repeats = [];
    for (let i = 0; i < 3000; i++) {
      repeats.push(say(1));
      if (i % 500 === 0) await on.time.advance(100);
    }
    await on.time.advance(100);
    const last = say(1);
    await on.time.advance(100);
    expect([first, second, ...repeats, last].some(({ done }) => done)).toBe(false);
    on.store.fate = "fine";
    await on.time.advance(2000);
    const answer = { kind: "answer", answer: ack };
    expect([second.value, last.value]).toEqual([answer, answer]);
    expect([first, ...repeats].some(({ done }) => done)).toBe(false);
    const later = say(1);
    await on.time.advance(100);
    expect(later.value).toEqual(answer);
    expect(await tags(on, node)).toEqual(["1", "2"]);
  });

  it("answers BUSY when too many wait for a commit, and handles what nobody waits for", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    on.store.fate = "away";
    node.tell(to, { tag: "x" });
    await on.time.advance(10);
    const asked = [];
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 1000; j++) asked.push(watch(node.ask(to, { ask: true }, undefined, 60_000)));
      await on.time.advance(1000);
    }
    expect(asked.slice(0, 2048).some(({ done }) => done)).toBe(false);
    expect(asked.filter(({ value }) => value?.kind === "busy")).toHaveLength(3000 - 2048);
    node.tell(to, { tag: "y" });
    await on.time.advance(100);
    on.store.fate = "fine";
    await on.time.advance(3000);
    expect(asked.filter(({ value }) => value?.kind === "value")).toHaveLength(2048);
    expect(await tags(on, node)).toEqual(["x", "y"]);
  });

  it("loads what a message needs, and goes on in order when the store was away", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    node.tell(to, {
      effects: [
        { do: "keep", key: "k", value: "v", ttlMs: 1e6 },
        { do: "join", member: "m" },
      ],
    });
    await on.time.advance(50);
    await on.move(0, node);
    expect(await tags(on, node)).toEqual([]);
    on.store.deaf = true;
    const needs = [{ kept: "k" }, { member: "m" }, { kept: "none" }];
    const first = watch(node.ask(to, { tag: "1", ask: true, needs }));
    const second = watch(node.ask(to, { tag: "2", ask: true }));
    await on.time.advance(500);
    expect([first.done, second.done]).toEqual([false, false]);
    on.store.deaf = false;
    await on.time.advance(2000);
    expect(first.value).toMatchObject({ value: { tags: ["1"], loaded: ["v", true, undefined] } });
    expect(second.value).toMatchObject({ value: { tags: ["1", "2"] } });
  });

  it("answers instead of waiting for ever when its record cannot be read, and recovers with it", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    node.tell(to, { effects: [{ do: "set", field: "broken", value: "1" }] });
    await on.time.advance(50);
    await on.move(0, node);
    const seen = watch(node.ask(to, { ask: true }));
    await on.time.advance(50);
    expect(seen.value).toEqual({ kind: "busy" });
    expect(on.lines.some(({ message }) => message === "an actor could not be restored")).toBe(true);
    expect(node.runtime.counters().actors).toBe(0);
  });

  it("gives a message up whose needs cannot be read, and goes on with the next", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    const key = `p/${encodeAddress(to)}/p`;
    node.tell(to, { tag: "x", effects: [{ do: "keep", key, value: "{", ttlMs: 1e6 }] });
    await on.time.advance(50);
    on.store.fate = "slow";
    node.tell(to, { tag: "y" });
    const seen = watch(node.ask(to, { answer: ack }, command(1)));
    const next = watch(node.ask(to, { tag: "z", ask: true }));
    await on.time.advance(1000);
    expect(seen.value).toEqual({ kind: "answer", answer: { kind: "nack", code: "INTERNAL" } });
    expect(next.value).toMatchObject({ value: { tags: ["x", "y", "z"] } });
  });

  it("writes nothing of a message that crashes half way", async () => {
    const { on, node } = await oneNode();
    const to = on.address("desk", 0);
    const effects = [{ do: "set", field: "half", value: "1" } as const];
    const seen = watch(node.ask(to, { effects, answer: ack }, command(1)));
    const twice = watch(
      node.ask(to, { effects: [...effects, { do: "answer", answer: ack }], answer: ack }, command(2)),
    );
    await on.time.advance(1000);
    expect(seen.value?.kind).toBe("answer");
    expect(twice.value).toEqual({ kind: "answer", answer: { kind: "nack", code: "INTERNAL" } });
    expect(
      on.store.asked
        .flat()
        .flatMap(({ writes }) => writes)
        .filter(({ op }) => op === "set"),
    ).toHaveLength(1);
  });
});
