import { wireOf } from "../../actors/encoded-event.ts";
import { describe, expect, it } from "vitest";
import { closeCodes } from "../../protocol/codes.ts";
import type { ConversationId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { edgeWorld, holding, logOf, shardOfConversation, tailsOf } from "./edge-world.ts";

const conv = "s.ann.1" as ConversationId;
const group = "g.team";
const described = { conv, kind: "support", open: true, openedAt: 5 } as const;

describe("subscriptions", () => {
  it("brings every event once and in order when it follows the same conversation again and again", async () => {
    const world = edgeWorld();
    for (let i = 0; i < 3; i++) world.log(conv).append();
    const client = await world.attached();
    const gates: (() => void)[] = [];
    world.gate = () => new Promise((resolve) => gates.push(resolve));
    client.input.receive(JSON.stringify({ t: "follow", id: 1, conv, cursor: [0, 0] }));
    await world.settle();
    client.input.receive(JSON.stringify({ t: "follow", id: 2, conv, cursor: [0, 0] }));
    await world.settle();
    for (let i = 0; i < 50; i++) {
      gates.shift()?.();
      await world.settle();
    }
    await world.say(conv);
    for (let i = 0; i < 10; i++) {
      gates.shift()?.();
      await world.settle();
    }
    expect(client.seqs(conv)).toEqual([1, 2, 3, 4]);
    expect(client.of("conv").map(({ id }) => id)).toEqual([2]);
    expect(client.of("err")).toMatchObject([{ id: 1, code: "INVALID" }]);
    expect(world.hub.sizes.followed).toBe(1);
  });

  it("misses nothing when the first events overtake the owner's answer that there are none", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    const answer = tailsOf(world, conv);
    const release = holding(world, "follow");
    world.gateway.take({ k: "enter", conn: 1, conv });
    await world.settle();
    for (let i = 0; i < 2; i++)
      world.hub.onEvents([{ to: logOf(conv), event: wireOf(world.log(conv).append()) }]);
    await release(answer);
    await world.time.advance(500);
    expect(client.seqs(conv)).toEqual([1, 2]);
  });

  it("says nothing more of a conversation that is unfollowed while it begins", async () => {
    const world = edgeWorld();
    world.log(conv).append();
    const client = await world.attached();
    const release = holding(world, "follow");
    await client.say({ t: "follow", id: 1, conv });
    await client.say({ t: "unfollow", conv });
    await release(tailsOf(world, conv));
    await world.say(conv);
    expect(client.seqs(conv)).toEqual([]);
    expect([world.hub.sizes.followed, world.followed.size]).toEqual([0, 0]);
  });

  it("says nothing more of a group that its person leaves while it enters", async () => {
    const world = edgeWorld();
    world.log(group).append();
    const client = await world.attached("agent.amy");
    const gates: (() => void)[] = [];
    world.gate = () => new Promise((resolve) => gates.push(resolve));
    world.gateway.take({ k: "enter", conn: 1, conv: group });
    await world.settle();
    expect(gates).toHaveLength(1);
    world.gateway.take({ k: "exit", conn: 1, conv: group });
    gates[0]?.();
    await world.settle();
    expect(client.of("conv")).toEqual([]);
    expect(world.hub.sizes.followed).toBe(0);
  });

  it("answers a follow within its bound", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    holding(world, "follow");
    await client.say({ t: "follow", id: 1, conv });
    await world.time.advance(limits.commandMs + 100);
    expect(client.of("err")).toMatchObject([{ id: 1, code: "BUSY", waitMs: 500 }]);
    expect(world.hub.sizes.followed).toBe(0);
  });

  it("misses nothing that is said between the owner's answer and the start", async () => {
    const world = edgeWorld();
    world.log(conv).append();
    const client = await world.attached();
    const gates: (() => void)[] = [];
    world.gate = () => new Promise((resolve) => gates.push(resolve));
    client.input.receive(JSON.stringify({ t: "follow", id: 1, conv, cursor: [0, 0] }));
    await world.settle();
    await world.say(conv);
    await world.say(conv);
    for (let i = 0; i < 20; i++) {
      gates.shift()?.();
      await world.settle();
    }
    expect(client.seqs(conv)).toEqual([1, 2, 3]);
  });

  it("resets a cursor that does not match, from the end when the log is long", async () => {
    const world = edgeWorld();
    for (let i = 0; i < 600; i++) world.log(conv).append();
    const client = await world.attached();
    await client.say({ t: "follow", id: 1, conv, cursor: [50, 9] });
    expect(client.of("conv").at(-1)).toMatchObject({ recovered: "reset", base: [600, 1], tail: [600, 1] });
    await world.say(conv);
    expect(client.seqs(conv)).toEqual([601]);
  });

  it("begins a long conversation that it enters at its end, as any other", async () => {
    const world = edgeWorld();
    for (let i = 0; i < 600; i++) world.log(conv).append();
    const client = await world.attached();
    world.gateway.take({ k: "enter", conn: 1, conv });
    await world.time.advance(100);
    expect(client.of("conv").at(-1)).toMatchObject({ base: [600, 1] });
    await world.say(conv);
    expect(client.seqs(conv)).toEqual([601]);
  });

  it("begins where the log ends, not where it ended before the store lost something", async () => {
    const world = edgeWorld();
    for (let i = 0; i < 600; i++) world.log(conv).append();
    const client = await world.attached();
    await client.say({ t: "follow", id: 1, conv, cursor: [600, 1] });
    world.log(conv).forgetAfter(597);
    world.routing.move(shardOfConversation(conv), "b");
    await world.time.advance(2000);
    expect(client.of("conv").at(-1)).toMatchObject({ recovered: "reset", base: [597, 1], tail: [597, 1] });
    await world.say(conv);
    await world.time.advance(100);
    expect(client.seqs(conv)).toEqual([598]);
  });

  it("describes a conversation as closed also when notes stand behind its end", async () => {
    const world = edgeWorld();
    const log = world.log(conv);
    log.append();
    log.events.push({ ...log.append(), body: { kind: "closed", why: "agent" } });
    log.events.splice(1, 1);
    log.append("staff");
    const agent = await world.attached("agent.amy");
    await agent.say({ t: "follow", id: 1, conv });
    expect(agent.of("conv").at(-1)).toMatchObject({ open: false, tail: [3, 1] });
    const visitor = await world.attached();
    await visitor.say({ t: "follow", id: 1, conv });
    expect(visitor.of("conv").at(-1)).toMatchObject({ open: false, tail: [2, 1] });
  });

  it("ends deliveries that are not wanted however many frames came before", async () => {
    const world = edgeWorld();
    world.log(conv).append();
    const client = await world.attached();
    await client.say({ t: "follow", id: 1, conv });
    for (let i = 0; i < 100; i++) await client.say({ t: "typing", conv });
    await client.say({ t: "unfollow", conv });
    await world.say(conv);
    expect(client.seqs(conv)).toEqual([1]);
  });

  it("keeps visitors off groups and each other, and staff off groups that they are no members of", async () => {
    const world = edgeWorld();
    world.log("s.bob.1").append();
    world.log(group).append();
    const visitor = await world.attached();
    const agent = await world.attached("agent.amy", "d2");
    for (const client of [visitor, agent]) {
      await client.say({ t: "follow", id: "f", conv: group });
      await client.say({ t: "sync", id: "s", conv: group, after: 0 });
      await client.say({ t: "typing", conv: group });
      await client.say({ t: "read", conv: group, seq: 1 });
      expect(client.of("err").map(({ code }) => code)).toEqual(["FORBIDDEN", "FORBIDDEN"]);
    }
    await visitor.say({ t: "follow", id: "b", conv: "s.bob.1" });
    await visitor.say({ t: "list", id: "l", visitor: "bob" });
    await visitor.say({
      t: "send",
      conv: "s.bob.1",
      p: "p",
      n: 1,
      after: 0,
      body: { kind: "text", text: "x" },
    });
    expect(
      visitor
        .of("err")
        .slice(2)
        .map(({ code }) => code),
    ).toEqual(["FORBIDDEN", "FORBIDDEN"]);
    expect(visitor.of("nack")).toMatchObject([{ code: "FORBIDDEN" }]);
    expect(world.sent.filter(({ k }) => k === "cast" || k === "actor")).toEqual([]);
    expect(world.hub.sizes.followed).toBe(0);
  });

  it("stops at once when its person is no member any more", async () => {
    const world = edgeWorld();
    world.members.add(`${group} a.amy`);
    world.log(group).append();
    const client = await world.attached("agent.amy");
    await client.say({ t: "follow", id: 1, conv: group });
    await world.say(group);
    world.gateway.take({ k: "exit", conn: 1, conv: group });
    await world.say(group);
    expect(client.seqs(group)).toEqual([1, 2]);
    expect(client.of("left")).toEqual([{ t: "left", conv: group }]);
  });

  it("learns after its session moved that it was removed from a group meanwhile", async () => {
    const world = edgeWorld();
    world.members.add(`${group} a.amy`);
    world.log(group).append();
    const client = await world.attached("agent.amy");
    await client.say({ t: "follow", id: 1, conv: group });
    world.members.clear();
    const attach = world.asked.find(({ k }) => k === "attach");
    world.routing.move(attach?.shard ?? 0, "b");
    await world.time.advance(500);
    expect(client.of("left")).toEqual([{ t: "left", conv: group }]);
    await world.say(group);
    expect(client.seqs(group)).toEqual([1]);
  });

  it("learns of it as well when membership could not be looked up at first", async () => {
    const world = edgeWorld();
    world.members.add(`${group} a.amy`);
    world.log(group).append();
    const client = await world.attached("agent.amy");
    await client.say({ t: "follow", id: 1, conv: group });
    const attach = world.asked.find(({ k }) => k === "attach");
    world.memberAway = true;
    world.members.clear();
    world.routing.move(attach?.shard ?? 0, "b");
    await world.time.advance(500);
    expect(client.of("left")).toEqual([]);
    world.memberAway = false;
    await world.time.advance(1000);
    expect(client.of("left")).toEqual([{ t: "left", conv: group }]);
  });

  it("is brought up to date when the owner changed and nobody told it what was said in between", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    world.log(conv).append();
    const client = await world.attached();
    world.followed.clear();
    await world.say(conv);
    expect(client.seqs(conv)).toEqual([1]);
    world.routing.move(shardOfConversation(conv), "b");
    await world.time.advance(100);
    expect(client.seqs(conv)).toEqual([1, 2]);
  });

  it("refuses to follow more than the limit, but follows again what it follows", async () => {
    const world = edgeWorld();
    const follows = Array.from({ length: limits.maxFollowed }, (_, i) => ({
      ...described,
      conv: `s.ann.${i + 1}` as ConversationId,
    }));
    world.description = { follows };
    for (const { conv: one } of follows) world.log(one).append();
    const client = await world.attached();
    expect(client.of("welcome")).toHaveLength(6);
    expect(client.of("welcome").map(({ more }) => more)).toEqual([true, true, true, true, true, false]);
    world.log("s.ann.zz").append();
    await client.say({ t: "follow", id: 1, conv: "s.ann.zz" });
    await client.say({ t: "follow", id: 2, conv: "s.ann.5" });
    expect(client.of("err")).toMatchObject([{ id: 1, code: "INVALID" }]);
    expect(client.of("conv")).toMatchObject([{ id: 2 }]);
  });
});

describe("deliveries to a slow client", () => {
  it("gets no deliveries above 256 KB, and all of them soon after it has read on", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    world.log(conv).append();
    const client = await world.attached();
    client.buffered = limits.dropEphemeraBytes + 1;
    for (let i = 0; i < 5; i++) await world.say(conv);
    world.hub.onCast(logOf(conv), { t: "typing", conv, user: "amy", role: "agent" }, "all");
    expect(client.seqs(conv)).toEqual([1]);
    expect(client.of("typing")).toEqual([]);
    client.buffered = 0;
    await world.time.advance(150);
    expect(client.seqs(conv)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("is closed with 4103 above 1 MB", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    client.buffered = limits.closeSlowBytes + 1;
    await client.say({ t: "ping" });
    expect(client.closes).toEqual([closeCodes.slowConsumer]);
    expect(world.gateway.size).toBe(0);
  });

  it("is closed with 4202 when it confirms nothing for minutes, though it lives", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    world.log(conv).append();
    const client = await world.attached();
    for (let i = 0; i < 20 && client.closes.length === 0; i++) {
      await world.time.advance(limits.heartbeatMs);
      await client.say({ t: "ping" });
    }
    expect(client.closes).toEqual([closeCodes.gap]);
    expect(new Set(client.seqs(conv))).toEqual(new Set([1]));
  });
});
