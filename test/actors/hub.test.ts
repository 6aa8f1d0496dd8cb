import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Listener } from "../../actors/hub.ts";
import { wireOf } from "../../actors/encoded-event.ts";
import type { LogEvent } from "../../protocol/events.ts";
import { logOf, shardOfConversation } from "./edge-world.ts";

import { conv, hubWorld, listener, log, shard, tailsOf, type Asked, type Heard } from "./hub-world.ts";

describe("hub", () => {
  it("asks the owner once for all that begin in one turn", async () => {
    const { hub, time, asked } = hubWorld();
    hub.follow(log, listener("v.ann"));
    hub.follow(log, listener("a.amy"));
    hub.follow(logOf("s.ann.2"), listener("v.ann"));
    await time.advance(0);
    expect(asked).toHaveLength(1);
    expect(asked[0]?.envelope.items).toEqual([
      { to: log, who: "v.ann" },
      { to: log, who: "a.amy" },
      { to: logOf("s.ann.2"), who: "v.ann" },
    ]);
  });

  it("asks in parts that are bounded, however many people follow one log", async () => {
    const { hub, time, asked } = hubWorld();
    for (let i = 0; i < 600; i++) hub.follow(log, listener(`a.u${i}`));
    await time.advance(0);
    expect(asked.map(({ envelope }) => envelope.items.length)).toEqual([256, 256, 88]);
  });

  it("asks for pages with the follow, not for too many at a time, and only until they came", async () => {
    const { hub, time, asked, routing } = hubWorld();
    const ask = async (from: number, to: number): Promise<number> => {
      const before = asked.length;
      for (let i = from; i < to; i++) hub.follow(log, listener(`v.u${i}`, 7));
      await time.advance(0);
      const items = asked.slice(before).flatMap(({ envelope }) => envelope.items);
      return items.filter(({ after }) => after === 7).length;
    };
    expect(await ask(0, 512)).toBe(512);
    for (const one of asked) one.answer(tailsOf(one, undefined));
    await time.advance(0);
    expect([await ask(512, 768), await ask(768, 769)]).toEqual([256, 256]);
    expect(await ask(769, 770)).toBe(0);
    for (const one of asked) one.answer(tailsOf(one, undefined));
    await time.advance(0);
    routing.move(shard, "b");
    await time.advance(0);
    expect(asked.at(-1)?.envelope.items).toEqual([{ to: log }]);
  });

  it("asks again only for the end of the log after the owner changed, not once per person", async () => {
    const { hub, time, asked, routing } = hubWorld();
    const heard = [listener("v.ann"), listener("a.amy")];
    for (const one of heard) hub.follow(log, one);
    await time.advance(0);
    asked[0]?.answer(tailsOf(asked[0], undefined));
    await time.advance(0);
    routing.move(shard, "b");
    await time.advance(0);
    expect(asked[1]?.envelope.items).toEqual([{ to: log }]);
  });

  it("kicks after every answer: one of the earlier owner does not stand for one of the later", async () => {
    const { hub, time, asked, routing, model } = hubWorld();
    const heard = listener("v.ann");
    hub.follow(log, heard);
    await time.advance(0);
    asked[0]?.answer(tailsOf(asked[0], undefined));
    await time.advance(0);
    hub.refollow(shard);
    await time.advance(0);
    routing.move(shard, "b");
    await time.advance(0);
    const event = model.append();
    asked[1]?.answer(tailsOf(asked[1], undefined));
    await time.advance(0);
    asked[2]?.answer(tailsOf(asked[2], event));
    await time.advance(0);
    expect(heard.tails.map(({ tail }) => tail?.seq)).toEqual([undefined, undefined, 1]);
  });

  it("waits for a new owner while a shard moves", async () => {
    const { hub, time, asked, routing } = hubWorld();
    hub.follow(log, listener());
    await time.advance(0);
    asked[0]?.answer(tailsOf(asked[0], undefined));
    await time.advance(0);
    routing.move(shard, "here", "moving");
    routing.move(shard, undefined);
    await time.advance(10);
    expect(asked).toHaveLength(1);
    routing.move(shard, "b");
    await time.advance(0);
    expect(asked).toHaveLength(2);
  });

  it("does not wait for a shard that is not served while it follows others of that owner again", async () => {
    const { hub, time, asked, routing } = hubWorld();
    for (let i = 0; i < 800; i++) hub.follow(logOf(`s.u${i}.1`), listener());
    await time.advance(0);
    for (const one of asked.splice(0)) one.answer(tailsOf(one, undefined));
    await time.advance(0);
    for (let of = 0; of < routing.shards; of++) routing.move(of, "b");
    await time.advance(0);
    const [unserved] = asked.map(({ envelope }) => envelope.shard);
    const again = new Set<string>();
    const answerAll = async (): Promise<void> => {
      for (let one = asked.shift(); one !== undefined; one = asked.shift()) {
        for (const { to } of one.envelope.items) again.add(to);
        one.answer(one.envelope.shard === unserved ? { kind: "busy" } : tailsOf(one, undefined));
        await time.advance(0);
      }
    };
    const before = time.now();
    await answerAll();
    const missing = 800 - again.size;
    expect([missing > 0, missing < 200, time.now()]).toEqual([true, true, before]);
    await time.advance(4000);
    for (const one of asked) for (const { to } of one.envelope.items) again.add(to);
    expect(again.size).toBe(800);
  });

  it("forgets nothing of a shard whose first ask is not answered", async () => {
    const { hub, time, asked, routing } = hubWorld();
    const ids = Array.from({ length: 5000 }, (_, i) => `s.u${i}.1`);
    const other = ids.find((id) => shardOfConversation(id) === shard) ?? "";
    for (let i = 0; i < 300; i++) hub.follow(log, listener(`v.u${i}`));
    hub.follow(logOf(other), listener());
    await time.advance(0);
    asked.splice(0);
    routing.move(shard, "b");
    await time.advance(0);
    asked.shift()?.answer({ kind: "busy" });
    await time.advance(4000);
    const logs = asked.flatMap(({ envelope }) => envelope.items.map(({ to }) => to));
    expect(new Set(logs)).toEqual(new Set([log, logOf(other)]));
  });

  it("asks for many of one group in several asks when it follows again", async () => {
    const { hub, time, asked, routing } = hubWorld();
    for (let i = 0; i < 600; i++) hub.follow(log, listener(`v.u${i}`));
    await time.advance(0);
    asked.splice(0);
    routing.move(shard, "b");
    const sizes: number[] = [];
    for (let turns = 0; turns < 5; turns++) {
      await time.advance(0);
      for (const one of asked.splice(0)) {
        sizes.push(one.envelope.items.length);
        one.answer(tailsOf(one, undefined));
      }
    }
    expect(sizes).toEqual([256, 256, 88]);
  });

  it("follows the shards of a new owner again one at a time, and a shard in parts", async () => {
    const { hub, time, asked, routing } = hubWorld();
    for (let i = 0; i < 800; i++) hub.follow(logOf(`s.u${i}.1`), listener());
    await time.advance(0);
    for (const one of asked.splice(0)) one.answer(tailsOf(one, undefined));
    await time.advance(0);
    for (let of = 0; of < routing.shards; of++) routing.move(of, of < 8 ? "b" : "c");
    await time.advance(0);
    const again = new Set<string>();
    while (asked.length > 0) {
      const towards = asked.map(({ envelope }) => (envelope.shard < 8 ? "b" : "c"));
      expect(new Set(towards).size).toBe(towards.length);
      const [one] = asked.splice(0, 1);
      if (one === undefined) break;
      expect(one.envelope.items.length).toBeLessThanOrEqual(32);
      for (const { to } of one.envelope.items) again.add(to);
      one.answer(tailsOf(one, undefined));
      await time.advance(0);
    }
    expect(again.size).toBe(800);
  });

  it("asks later and later while the owner does not answer, and at once for ever after it did", async () => {
    const { hub, time, asked } = hubWorld();
    hub.follow(log, listener());
    await time.advance(0);
    const times: number[] = [];
    for (let i = 0; i < 8; i++) {
      asked.at(-1)?.answer({ kind: "busy" });
      const from = time.now();
      const before = asked.length;
      await time.until(() => asked.length > before, 5000, "another ask");
      times.push(time.now() - from);
    }
    expect(times[0]).toBeLessThan(250);
    expect(times.at(-1)).toBeGreaterThan(1400);
    expect(Math.max(...times)).toBeLessThanOrEqual(3005);
  });

  it("stops asking for what nobody follows any more", async () => {
    const { hub, time, asked } = hubWorld();
    const heard = listener();
    hub.follow(log, heard);
    await time.advance(0);
    asked[0]?.answer(undefined);
    hub.unfollow(log, heard);
    await time.advance(20_000);
    expect(asked).toHaveLength(1);
    expect(hub.sizes.followed).toBe(0);
  });

  it("takes back a following that its owner noted too late", async () => {
    const { hub, time, asked, sent, model } = hubWorld();
    const heard = listener();
    hub.follow(log, heard);
    await time.advance(0);
    hub.unfollow(log, heard);
    sent.length = 0;
    const [first] = asked;
    first?.answer(tailsOf(first, undefined));
    await time.advance(0);
    expect(sent).toEqual([{ k: "unfollow", shard, to: [log] }]);
    hub.onEvents([{ to: log, event: wireOf(model.append()) }]);
    expect(sent).toHaveLength(2);
    expect(heard.seqs).toEqual([]);
  });

  it("gives an event to all others when one listener throws", () => {
    const { hub, model } = hubWorld();
    const broken: Listener = {
      ...listener(),
      onEvent() {
        throw new Error("a bug");
      },
    };
    const heard = listener();
    hub.follow(log, broken);
    hub.follow(log, heard);
    expect(() => hub.onEvents([{ to: log, event: wireOf(model.append()) }])).toThrow("a bug");
    expect(heard.seqs).toEqual([1]);
  });

  it("encodes something ephemeral once for all", () => {
    const { hub } = hubWorld();
    const heard = [listener(), listener()];
    for (const one of heard) hub.follow(log, one);
    const frame = { t: "typing", conv, user: "amy", role: "agent" } as const;
    hub.onCast(log, frame, "all");
    expect(heard.map(({ texts }) => texts)).toEqual([[JSON.stringify(frame)], [JSON.stringify(frame)]]);
  });

  it("hands one event to all who listen, so that it is encoded once", () => {
    const { hub, model } = hubWorld();
    const events: LogEvent[] = [];
    for (let i = 0; i < 2; i++)
      hub.follow(log, { ...listener(), onEvent: (event) => void events.push(event) });
    hub.onEvents([{ to: log, event: wireOf(model.append()) }]);
    expect(events).toHaveLength(2);
    expect(events[0]).toBe(events[1]);
  });

  it("reads once for all pumps at the same place", async () => {
    const { hub, reads, model } = hubWorld();
    model.append();
    const pages = await Promise.all([hub.read(log, 0), hub.read(log, 0), hub.read(log, 0)]);
    expect(reads).toEqual([0]);
    expect(pages[2]?.events[0]).toBe(pages[0]?.events[0]);
  });

  it("answers a reader with what was committed before it asked, although a read is under way", async () => {
    const world = hubWorld();
    const gates: (() => void)[] = [];
    world.readLog = () => new Promise((resolve) => gates.push(resolve));
    world.model.append();
    const first = world.hub.read(log, 0);
    await world.time.advance(0);
    world.model.append();
    const second = world.hub.read(log, 0);
    await world.time.advance(0);
    expect(world.reads).toHaveLength(1);
    gates[0]?.();
    expect((await first)?.end).toBe(1);
    await world.time.advance(0);
    gates[1]?.();
    expect((await second)?.end).toBe(2);
  });

  it("runs at most 64 reads at a time and gets to all of them", async () => {
    const world = hubWorld();
    const gates: (() => void)[] = [];
    world.readLog = () => new Promise((resolve) => gates.push(resolve));
    const reads = Array.from({ length: 200 }, (_, after) => world.hub.read(log, after));
    await world.time.advance(0);
    expect(world.hub.sizes).toEqual({ followed: 0, replays: 64, queued: 136 });
    for (let done = 0; done < 200; done++) {
      gates[done]?.();
      await world.time.advance(0);
      expect(world.hub.sizes.replays).toBeLessThanOrEqual(64);
    }
    await Promise.all(reads);
    expect(world.hub.sizes).toEqual({ followed: 0, replays: 0, queued: 0 });
  });

  it("reads no more than 64 events at a time", async () => {
    const world = hubWorld();
    for (let i = 0; i < 100; i++) world.model.append();
    expect((await world.hub.read(log, 0))?.events).toHaveLength(64);
    expect((await world.hub.page(log, { after: 10 }, 300))?.events).toHaveLength(64);
    expect((await world.hub.page(log, { after: 10 }, 3))?.events).toHaveLength(3);
  });

  it("refuses clients' pages when too many wait", async () => {
    const world = hubWorld();
    world.readLog = () => new Promise(() => {});
    for (let i = 0; i < 64 + 1024; i++) void world.hub.page(log, { after: i }, 1);
    expect(await world.hub.page(log, { after: 0 }, 1)).toBeUndefined();
  });
});

type Step =
  | { readonly do: "follow" | "unfollow"; readonly who: number }
  | { readonly do: "append" | "move" | "busy" | "time" }
  | { readonly do: "answer"; readonly which: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constantFrom("follow" as const, "unfollow" as const), who: fc.nat(3) }),
    fc.record({
      do: fc.constantFrom("append" as const, "move" as const, "busy" as const, "time" as const),
    }),
    fc.record({ do: fc.constant("answer" as const), which: fc.nat(3) }),
  ),
  { maxLength: 60 },
);

describe("hub under random schedules", () => {
  it("leaves every follower knowing the log's end, and no following behind", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const { hub, time, asked, routing, model } = hubWorld();
        const heard = new Map<number, { listener: Heard }>();
        const open: Asked[] = [];
        const collect = (): void => void open.push(...asked.splice(0));
        for (const step of script) {
          if (step.do === "follow" && !heard.has(step.who)) {
            const one = { listener: listener(`a.u${step.who}`) };
            heard.set(step.who, one);
            hub.follow(log, one.listener);
          } else if (step.do === "unfollow") {
            const one = heard.get(step.who);
            if (one !== undefined) hub.unfollow(log, one.listener);
            heard.delete(step.who);
          } else if (step.do === "append") model.append();
          else if (step.do === "move") routing.move(shard, `n${model.events.length}`);
          else if (step.do === "time") await time.advance(300);
          else if (step.do === "busy") open.shift()?.answer({ kind: "busy" });
          else if (step.do === "answer") {
            const [one] = open.splice(step.which % Math.max(1, open.length), 1);
            one?.answer(tailsOf(one, model.end));
          }
          await time.advance(0);
          collect();
        }
        const end = model.append();
        routing.move(shard, "last");
        for (let i = 0; i < 10; i++) {
          await time.advance(4000);
          collect();
          for (const one of open.splice(0)) one.answer(tailsOf(one, end));
        }
        for (const { listener: one } of heard.values()) expect(one.tails.at(-1)?.tail).toBe(end);
        for (const { listener: one } of heard.values()) hub.unfollow(log, one);
        expect(hub.sizes.followed).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
