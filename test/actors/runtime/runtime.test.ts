import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeAddress } from "../../../actors/address.ts";
import type { FollowedTail } from "../../../actors/runtime/envelope.ts";
import type { LogEvent } from "../../../protocol/events.ts";
import { ack, oneNode, script, textOf, watch, world, type Node, type World } from "./rig.ts";

async function two(): Promise<{ on: World; a: Node; b: Node }> {
  const on = world(2);
  const [a, b] = on.nodes;
  if (a === undefined || b === undefined) throw new Error("two nodes");
  for (let shard = 0; shard < 4; shard++) await on.move(shard, shard % 2 === 0 ? a : b);
  return { on, a, b };
}

/** A listener that, like a pump, reads from the log whatever it was not handed in order. */
function follower(on: World, node: Node, log: string, shard: number) {
  const texts: string[] = [];
  let behind = true;
  const listener = {
    onFollowed: ({ tail }: FollowedTail) => void (behind ||= (tail?.seq ?? 0) > texts.length),
    onEvent(event: LogEvent) {
      if (event.seq <= texts.length) return;
      if (event.seq > texts.length + 1) behind = true;
      else texts.push(textOf(event));
    },
    onCast() {},
  };
  node.runtime.hub.follow(log, listener);
  return {
    texts,
    async catchUp() {
      if (!behind) return;
      behind = false;
      const [slice] = await on.store.readLogs([{ shard, log, after: texts.length, limit: 1000 }]);
      for (const { event } of slice?.events ?? []) listener.onEvent(JSON.parse(event) as LogEvent);
    },
  };
}

describe("two runtimes", () => {
  it("tell, ask and answer across nodes", async () => {
    const { on, a } = await two();
    const to = on.address("desk", 1);
    a.tell(to, { tag: "x" });
    const seen = watch(a.ask(to, { ask: true }));
    await on.time.advance(100);
    expect(seen.value).toMatchObject({ value: { tags: ["x"] } });
  });

  it("answer an ask whose shard moves while it is under way", async () => {
    const { on, a, b } = await two();
    const to = on.address("desk", 1);
    on.store.fate = "away";
    const seen = watch(a.ask(to, { tag: "x", answer: ack }, { p: "p", n: 1, after: 0, digest: 1 }, 20_000));
    await on.time.advance(200);
    on.store.fate = "fine";
    await on.move(1, a);
    await on.time.advance(3000);
    expect(seen.value).toEqual({ kind: "answer", answer: ack });
    const asked = watch(b.ask(to, { ask: true }));
    await on.time.advance(100);
    expect(asked.value).toMatchObject({ value: { tags: ["x"] } });
  });

  it("bounce what reaches a node that is not the owner, until somebody is", async () => {
    const { on, a, b } = await two();
    const to = on.address("desk", 1);
    b.runtime.lose(1);
    const seen = watch(a.ask(to, { ask: true }, undefined, 10_000));
    await on.time.advance(1000);
    expect(seen.done).toBe(false);
    await on.move(1, b);
    await on.time.advance(500);
    expect(seen.value?.kind).toBe("value");
  });

  it("tell an older connection of a device, wherever it is, that it was replaced", async () => {
    const { on, a, b } = await two();
    const to = on.address("session", 0);
    const attach = (node: Node, attempt: number, conn: number) =>
      watch(
        node.runtime.router.ask(
          {
            k: "attach",
            shard: 0,
            session: encodeAddress(to),
            device: "d",
            attempt,
            conn,
            by: { tenant: to.tenant, role: "agent", user: "0" as never },
          },
          3000,
        ),
      );
    attach(b, 1, 5);
    await on.time.advance(50);
    const second = attach(a, 2, 6);
    await on.time.advance(50);
    const late = attach(b, 1, 7);
    await on.time.advance(50);
    expect(b.connections).toEqual([{ k: "replace", conn: 5 }]);
    expect(late.value).toEqual({ kind: "superseded" });
    expect(second.done).toBe(true);
  });

  it("deliver events of any size to followers on other nodes", async () => {
    const { on, a } = await two();
    const to = on.address("conversation", 1);
    const seen = follower(on, a, encodeAddress(to), 1);
    await on.time.advance(50);
    await seen.catchUp();
    for (let i = 0; i < 40; i++) a.tell(to, { append: `${i}${"x".repeat(60_000)}` });
    await on.time.advance(500);
    expect(seen.texts.map((text) => Number.parseInt(text, 10))).toEqual(
      Array.from({ length: 40 }, (_, i) => i),
    );
    expect(on.lines.filter(({ message }) => message.startsWith("link lost"))).toEqual([]);
  });

  it("tell both sides when a link lost something for good", async () => {
    const { on, a, b } = await two();
    a.tell(on.address("desk", 1), { tag: "1" });
    await on.time.advance(50);
    b.runtime.takePayload(JSON.stringify({ from: "a", fi: "a1", ti: "b1", l: 1, n: 0, gone: 500 }));
    await on.time.advance(50);
    expect([a.renewed, b.renewed]).toEqual([["b"], ["a"]]);
  });

  it("lose nothing between each other while the members show one of them as an earlier run", async () => {
    const { on, a, b } = await two();
    const to = on.address("conversation", 0);
    const seen = follower(on, b, encodeAddress(to), 0);
    await on.time.advance(50);
    await seen.catchUp();
    a.tell(to, { append: "1" });
    await on.time.advance(50);
    on.shown.set("b", { node: "b", incarnation: "b0" });
    await on.time.advance(6000);
    a.tell(to, { append: "2" });
    await on.time.advance(50);
    on.shown.delete("b");
    a.tell(to, { append: "3" });
    await on.time.advance(6000);
    expect([seen.texts, a.renewed, b.renewed]).toEqual([["1", "2", "3"], [], []]);
  });

  it("go on as another run without answering for the old one", async () => {
    const { on, a, b } = await two();
    for (const shard of [1, 3]) b.runtime.lose(shard);
    b.run = { node: "b", incarnation: "b2" };
    b.runtime.reborn();
    await on.move(1, b);
    const seen = watch(a.ask(on.address("desk", 1), { ask: true }));
    const back = watch(b.ask(on.address("desk", 0), { ask: true }));
    await on.time.advance(2000);
    expect([seen.value?.kind, back.value?.kind]).toEqual(["value", "value"]);
  });

  it("lose, double and reorder nothing while shards move under traffic", async () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant("say" as const), from: fc.nat(1), bytes: fc.nat(300) }),
      },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(80) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("move" as const), to: fc.nat(1) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("zombie" as const), to: fc.nat(1) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant("fate" as const),
          fate: fc.constantFrom("fine" as const, "lost" as const, "slow" as const),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { on, a, b } = await two();
        const to = on.address("conversation", 1);
        const receiver = on.address("desk", 0);
        const log = encodeAddress(to);
        const listeners = [follower(on, a, log, 1), follower(on, b, log, 1)];
        const said: string[][] = [[], []];
        const answers: { done: boolean; value: unknown }[] = [];
        for (const next of steps) {
          if (next.do === "say") {
            const n = (said[next.from]?.length ?? 0) + 1;
            const text = `${next.from}.${n}`;
            said[next.from]?.push(text);
            const effects = [{ do: "tell", to: receiver, message: script({ tag: text }) } as const];
            const node = next.from === 0 ? a : b;
            // One at a time per producer, as a client whose window is 1.
            const seen = watch(
              node.ask(
                to,
                { append: text, effects, answer: ack },
                { p: `p${next.from}`, n, after: n - 1, digest: n },
                60_000,
              ),
            );
            answers.push(seen);
            await on.time.advance(100);
            if (!seen.done) on.store.fate = "fine";
            await on.time.until(() => seen.done, 30_000, "an answer");
          } else if (next.do === "wait") await on.time.advance(next.ms);
          else if (next.do === "fate") on.store.fate = next.fate;
          else {
            on.store.fate = "fine";
            const owner = next.to === 0 ? a : b;
            if (next.do === "move") await on.move(1, owner);
            else {
              // The old owner hears of it only from the fence.
              const epoch = (on.routes[1]?.epoch ?? 0) + 1;
              const gained = watch(owner.runtime.gain(1, epoch));
              await on.time.advance(30);
              on.routes[1] = { owner: owner.run, epoch, state: "stable" };
              on.announce([1]);
              await on.time.until(() => gained.done, 5000, "the gain");
            }
          }
          for (const one of listeners) await one.catchUp();
        }
        on.store.fate = "fine";
        await on.time.advance(15_000);
        for (const one of listeners) await one.catchUp();
        const [slice] = await on.store.readLogs([{ shard: 1, log, limit: 1000 }]);
        const texts = slice?.events.map(({ event }) => textOf(JSON.parse(event) as LogEvent)) ?? [];
        for (const [from, mine] of said.entries())
          expect(texts.filter((text) => text.startsWith(`${from}.`))).toEqual(mine);
        for (const { value } of answers) expect(value).toEqual({ kind: "answer", answer: ack });
        for (const one of listeners) expect(one.texts).toEqual(texts);
        const asked = watch(a.ask(receiver, { ask: true }));
        await on.time.advance(1000);
        const { tags } = (asked.value as { value: { tags: string[] } }).value;
        expect(new Set(tags)).toEqual(new Set(texts));
        expect(await on.store.obligations(1, 10)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("runtime", () => {
  it("answers asks about what it cannot read as BUSY instead of never", async () => {
    const { on, node } = await oneNode();
    const seen = watch(
      node.runtime.router.ask({ k: "follow", shard: 0, items: [{ to: "conversation/t/x" }] }, 1000),
    );
    await on.time.advance(50);
    expect(seen.value).toEqual({ kind: "tails", tails: [{ to: "conversation/t/x", tail: undefined }] });
    on.store.deaf = true;
    const lost = watch(
      node.runtime.router.ask({ k: "follow", shard: 0, items: [{ to: "conversation/t/y" }] }, 9000),
    );
    await on.time.advance(50);
    node.runtime.lose(0);
    await on.time.advance(3000);
    expect(lost.value).toEqual({ kind: "busy" });
  });

  it("asks the store for a follow no longer than its asker waits", async () => {
    const { on, node } = await oneNode();
    let reads = 0;
    const tails = on.store.tails.bind(on.store);
    on.store.tails = (logs) => {
      reads++;
      return tails(logs);
    };
    on.store.deaf = true;
    const to = encodeAddress(on.address("conversation", 0));
    const seen = watch(node.runtime.router.ask({ k: "follow", shard: 0, items: [{ to }] }, 60_000));
    await on.time.advance(4000);
    expect([seen.done, reads > 0]).toEqual([false, true]);
    await on.time.advance(3000);
    expect(seen.value).toEqual({ kind: "busy" });
    reads = 0;
    await on.time.advance(10_000);
    expect(reads).toBe(0);
  });

  it("answers a follow with the end of the log, and with the first events after a number", async () => {
    const { on, node } = await oneNode();
    const address = on.address("session", 0);
    const to = encodeAddress(address);
    const follow = async (after: number) => {
      const ask = node.runtime.router.ask({ k: "follow", shard: 0, items: [{ to, after }] }, 1000);
      const seen = watch(ask);
      await on.time.advance(100);
      const [followed] = seen.value?.kind === "tails" ? seen.value.tails : [];
      node.runtime.router.send({ k: "unfollow", shard: 0, to: [to] });
      await on.time.advance(100);
      const { page, tail } = followed ?? {};
      return { seqs: page?.events.map(([seq]) => seq), after: page?.after, end: page?.end, tail: tail?.seq };
    };
    expect(await follow(0)).toEqual({ seqs: [], after: 0, end: 0, tail: undefined });
    for (let i = 0; i < 40; i++) node.tell(address, { append: `${i}` });
    await on.time.advance(1000);
    const upTo = (from: number, to: number): number[] =>
      Array.from({ length: to - from + 1 }, (_, i) => from + i);
    expect(await follow(38)).toEqual({ seqs: [39, 40], after: 38, end: 40, tail: 40 });
    expect(await follow(0)).toEqual({ seqs: upTo(1, 32), after: 0, end: 40, tail: 40 });
    expect(await follow(40)).toEqual({ seqs: [], after: 40, end: 40, tail: 40 });
    expect(await follow(99)).toEqual({ seqs: [], after: 99, end: 40, tail: 40 });
  });

  it("reads no large pages, leaves out those that do not fit into the answer, and keeps the others", async () => {
    const { on, node } = await oneNode();
    const logs = Array.from({ length: 10 }, (_, nth) => on.address("session", 0, nth));
    for (const [nth, address] of logs.entries()) {
      const append = "x".repeat(nth === 1 ? 40_000 : nth === 9 ? 1000 : 10_500);
      for (let i = 0; i < 4; i++) node.tell(address, { append });
    }
    await on.time.advance(1000);
    const items = logs.map((address) => ({ to: encodeAddress(address), after: 0 }));
    const seen = watch(node.runtime.router.ask({ k: "follow", shard: 0, items }, 1000));
    await on.time.advance(100);
    const tails = seen.value?.kind === "tails" ? seen.value.tails : [];
    const [first, large, ...others] = tails.map(({ page }) => page?.events.length);
    expect([first, large, others]).toEqual([3, 1, [3, 3, 3, 3, 3, undefined, undefined, 4]]);
    expect(tails.map(({ page, tail }) => [page?.end ?? 4, tail?.seq])).toEqual(logs.map(() => [4, 4]));
  });

  it("tells a staff session of its devices also when its inbox was full", async () => {
    const { on, node } = await oneNode();
    const to = on.address("session", 0);
    on.store.deaf = true;
    for (let i = 0; i < 1024; i++) node.tell(to, {});
    const detach = {
      k: "attach",
      shard: 0,
      session: encodeAddress(to),
      device: "d",
      attempt: 1,
      conn: 1,
      by: { tenant: to.tenant, role: "agent", user: "0" as never },
    } as const;
    const seen = watch(node.runtime.router.ask(detach, 500));
    await on.time.advance(600);
    expect(seen.value).toEqual({ kind: "busy" });
    on.store.deaf = false;
    await on.time.advance(5000);
    const asked = watch(node.ask(to, { ask: true }));
    await on.time.advance(50);
    expect(asked.value).toMatchObject({ value: { tags: ["devices 1"] } });
  });

  it("lets nobody follow at a host whose successor is being loaded", async () => {
    const { on, node } = await oneNode();
    const to = on.address("conversation", 0);
    const seen = follower(on, node, encodeAddress(to), 0);
    await on.time.advance(50);
    on.store.fate = "slow";
    on.routes[0] = { owner: node.run, epoch: 2, state: "stable" };
    const gained = watch(node.runtime.gain(0, 2));
    on.announce([0]);
    await on.time.until(() => gained.done, 1000);
    on.store.fate = "fine";
    await on.time.advance(1000);
    await seen.catchUp();
    node.tell(to, { append: "x" });
    await on.time.advance(100);
    expect(seen.texts).toEqual(["x"]);
  });

  it("ends every ask and serves nothing after it stopped", async () => {
    const { on, node } = await oneNode();
    on.store.fate = "away";
    const seen = watch(
      node.ask(on.address("desk", 0), { tag: "x", answer: ack }, { p: "p", n: 1, after: 0, digest: 1 }),
    );
    await on.time.advance(10);
    node.runtime.stop();
    await on.time.advance(10);
    expect([seen.done, node.runtime.counters()]).toEqual([
      true,
      { fenced: 0, misrouted: 0, actors: 0, hosted: 0, asks: 0 },
    ]);
  });
});
