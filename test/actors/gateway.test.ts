import { describe, expect, it } from "vitest";
import { closeCodes } from "../../protocol/codes.ts";
import type { ConversationId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import type { ShardEnvelope } from "../../actors/runtime/envelope.ts";
import { edgeWorld, logOf, type EdgeWorld, type ScriptedClient } from "./edge-world.ts";

const conv = "s.ann.1" as ConversationId;
const described = { conv, kind: "support", open: true, openedAt: 5 } as const;

function attachShard(world: EdgeWorld): number {
  return world.asked.find(({ k }) => k === "attach")?.shard ?? -1;
}

function attaches(world: EdgeWorld): number {
  return world.asked.filter(({ k }) => k === "attach").length;
}

interface HeldAttach {
  readonly envelope: ShardEnvelope;
  readonly attach: () => void;
}

/** Attaches are answered by the test from now on. */
function holdingAttaches(world: EdgeWorld): HeldAttach[] {
  const open: HeldAttach[] = [];
  world.answer = (envelope) =>
    envelope.k === "attach"
      ? new Promise((resolve) => {
          const attach = (): void => resolve({ kind: "attached", gen: 9, description: { follows: [] } });
          open.push({ envelope, attach });
        })
      : undefined;
  return open;
}

function member(node: string, url: string, state: "up" | "draining" = "up"): object {
  return { node, url, state, incarnation: "1", version: "1", zone: "", lane: "", capacity: 1 };
}

describe("gateway", () => {
  it("forgets all of a connection that is gone, and what still comes for it", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    world.log(conv).append();
    const client = await world.attached();
    world.gateway.take({ k: "replace", conn: 1 });
    expect(client.closes).toEqual([closeCodes.replaced]);
    const before = client.frames.length;
    await client.say({ t: "ping" });
    world.gateway.take({ k: "enter", conn: 1, conv });
    world.gateway.take({ k: "push", conn: 1, frame: { t: "ping" } });
    client.input.closed();
    await world.say(conv);
    await world.time.advance(5000);
    expect(client.frames).toHaveLength(before);
    expect([world.gateway.size, world.hub.sizes.followed, world.followed.size]).toEqual([0, 0, 0]);
  });

  it("gives the places of those that are gone to others", async () => {
    const world = edgeWorld();
    const stay = Array.from({ length: 200 }, () => world.client());
    for (let i = 0; i < 300; i++) world.client().input.closed();
    await world.settle();
    expect([world.gateway.size, world.buckets]).toEqual([stay.length, 1]);
    for (let i = 0; i < 57; i++) world.client();
    expect(world.buckets).toBe(2);
  });

  it("closes a connection whose frames wait too long, and no other", async () => {
    const world = edgeWorld();
    const [flood, calm] = [await world.attached("visitor.ann"), await world.attached("visitor.bob", "d2")];
    for (let i = 0; i < 600; i++) flood.input.receive(`{"t":"pong"}`);
    await calm.say({ t: "ping" });
    expect(flood.closes).toEqual([closeCodes.rate]);
    expect(calm.of("pong")).toHaveLength(1);
  });

  it("answers a heartbeat at once, ahead of the frames that wait, and one with acknowledgements in its turn", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    client.input.receive(`{"t":"ping","acks":{}}`);
    expect(client.of("pong")).toHaveLength(0);
    client.input.receive(`{"t":"ping"}`);
    expect(client.of("pong")).toHaveLength(1);
    await world.time.advance(10);
    expect(client.of("pong")).toHaveLength(2);
  });

  it("closes a connection that never stops sending heartbeats", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    for (let i = 0; i < 30 && client.closes.length === 0; i++) {
      for (let j = 0; j < 100; j++) client.input.receive(`{"t":"ping"}`);
      await world.time.advance(10);
    }
    expect(client.closes).toEqual([closeCodes.rate]);
  });

  it("ends only the connection in whose frame a bug shows", async () => {
    const world = edgeWorld();
    const [one, other] = [await world.attached("visitor.ann"), await world.attached("visitor.bob", "d2")];
    const { parse } = world;
    world.parse = (text) => {
      if (text === "bug") throw new Error("a bug");
      return parse(text);
    };
    one.input.receive("bug");
    one.input.receive(`{"t":"ping"}`);
    await other.say({ t: "ping" });
    expect(one.closes).toEqual([closeCodes.unavailable]);
    expect(other.of("pong")).toHaveLength(1);
    expect(world.lines).toMatchObject([{ level: "error", fields: { error: "a bug" } }]);
  });

  it("does not read sockets while the event loop lags, and reads them again when it is well", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    const closed = await world.attached("visitor.bob", "d2");
    const quiet = await world.attached("visitor.carol", "d3");
    world.clock.pause();
    await world.time.advance(400);
    world.clock.resume();
    await world.time.advance(10);
    client.input.receive(`{"t":"ping"}`);
    closed.input.receive(`{"t":"ping"}`);
    expect([client.paused, closed.paused, quiet.paused]).toEqual([true, true, false]);
    closed.input.closed();
    const late = world.client();
    expect(late.paused).toBe(true);
    await world.time.advance(200);
    expect([client.paused, late.paused]).toEqual([false, false]);
    expect(closed.paused).toBe(true);
  });

  it("blames no client for a silence in which this process did not run", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    world.clock.pause();
    await world.time.advance(100_000);
    world.clock.resume();
    await world.time.advance(5000);
    expect(client.closes).toEqual([]);
    await world.time.advance(80_000);
    expect(client.closes).toEqual([closeCodes.missedHeartbeat]);
  });

  it("attaches again, paced, when the session's shard has moved, and until somebody answers", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    const shard = attachShard(world);
    world.answer = ({ k }) => (k === "attach" ? Promise.resolve(undefined) : undefined);
    world.routing.move(shard, "b");
    await world.time.advance(2000);
    const tried = attaches(world);
    expect(tried).toBeGreaterThan(3);
    expect(tried).toBeLessThan(12);
    world.answer = () => undefined;
    await world.time.advance(500);
    const done = attaches(world);
    await world.time.advance(5000);
    expect(attaches(world)).toBe(done);
    expect(client.closes).toEqual([]);
  });

  it("asks nobody while nobody serves the shard", async () => {
    const world = edgeWorld();
    await world.attached();
    const shard = attachShard(world);
    world.routing.move(shard, "b", "moving");
    world.gateway.renewAll();
    await world.time.advance(2000);
    expect(attaches(world)).toBe(1);
    world.routing.move(shard, "b");
    await world.time.advance(10);
    expect(attaches(world)).toBe(2);
  });

  it("attaches again two at a time towards each owner, and all in the end", async () => {
    const world = edgeWorld();
    for (let i = 0; i < 30; i++) await world.attached(`visitor.u${i}`, "d");
    const owners = new Map(world.asked.map(({ shard }) => [shard, shard % 2 === 0 ? "here" : "b"]));
    const open = holdingAttaches(world);
    for (const [shard, owner] of owners) world.routing.move(shard, owner);
    await world.settle();
    for (let left = 30; left > 0; left--) {
      const towards = open.map(({ envelope }) => owners.get(envelope.shard));
      expect(towards.filter((owner) => owner === "here").length).toBeLessThanOrEqual(2);
      expect(towards.filter((owner) => owner === "b").length).toBeLessThanOrEqual(2);
      expect(towards).not.toEqual([]);
      open.shift()?.attach();
      await world.settle();
    }
    expect(open).toEqual([]);
    expect(attaches(world)).toBe(60);
  });

  it.each([
    ["eight at a time at this node", "here", 8],
    ["three at a time at another", "b", 3],
  ])("lets new clients attach %s, beside those who are served already", async (_what, owner, most) => {
    const world = edgeWorld();
    for (let shard = 0; shard < world.routing.shards; shard++) world.routing.move(shard, owner);
    for (let i = 0; i < 10; i++) await world.attached(`visitor.u${i}`, "d");
    const open = holdingAttaches(world);
    world.gateway.renewAll();
    const clients = await Promise.all(
      Array.from({ length: 10 }, (_, i) => world.attached(`visitor.new${i}`, "d")),
    );
    expect(open).toHaveLength(most + 2);
    expect(world.gateway.attachesWaiting).toBe(20 - most - 2);
    for (let left = 20; left > 0; left--) {
      open.shift()?.attach();
      await world.settle();
    }
    expect(clients.map((client) => client.of("welcome").length)).toEqual(clients.map(() => 1));
  });

  it("keeps nobody waiting for an owner that does not answer, but those who want to go there", async () => {
    const world = edgeWorld();
    await world.attached();
    const shard = attachShard(world);
    world.routing.move(shard, "silent");
    world.answer = (envelope) => (envelope.shard === shard ? new Promise(() => {}) : undefined);
    for (let i = 0; i < 60; i++) await world.attached(`visitor.u${i}`, "d");
    const elsewhere = world.asked.filter((envelope) => envelope.k === "attach" && envelope.shard !== shard);
    const there = world.asked.filter((envelope) => envelope.k === "attach" && envelope.shard === shard);
    expect(elsewhere.length).toBeGreaterThan(40);
    expect(there.length).toBeLessThanOrEqual(1 + 2 + 3);
    expect(elsewhere.length + there.length + world.gateway.attachesWaiting).toBeGreaterThanOrEqual(61);
  });

  it("keeps nobody waiting for clients whose chats are where nobody answers", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    world.log(conv).append();
    world.answer = ({ k }) => (k === "follow" ? new Promise(() => {}) : undefined);
    for (let i = 0; i < 8; i++) await world.attached("visitor.ann", `d${i}`);
    world.description = { follows: [] };
    const client = await world.attached("visitor.bob");
    expect(client.of("welcome")).toHaveLength(0);
    await world.time.advance(600);
    expect(client.of("welcome")).toHaveLength(1);
  });

  it("asks its session nothing, and tells it nothing, of a client that left before its turn", async () => {
    const world = edgeWorld();
    const open = holdingAttaches(world);
    const clients: ScriptedClient[] = [];
    for (let i = 0; i < 12; i++) clients.push(await world.attached(`visitor.u${i}`, "d"));
    for (const client of clients) client.input.closed();
    while (open.length > 0) {
      open.shift()?.attach();
      await world.settle();
    }
    expect(attaches(world)).toBe(8);
    const detached = world.sent.flatMap((envelope) => (envelope.k === "detach" ? [envelope.session] : []));
    expect(new Set(detached).size).toBe(8);
    expect([world.gateway.size, world.gateway.attachesWaiting]).toEqual([0, 0]);
  });

  it("closes who waited too long for a turn", async () => {
    const world = edgeWorld();
    world.answer = () => new Promise(() => {});
    const clients: ScriptedClient[] = [];
    for (let i = 0; i < 12; i++) clients.push(await world.attached(`visitor.u${i}`, "d"));
    await world.time.advance(limits.authMs + 2 * limits.commandMs + 2000);
    expect(clients.map(({ closes }) => closes)).toEqual(clients.map(() => [closeCodes.unavailable]));
    expect([world.gateway.size, world.gateway.attachesWaiting]).toEqual([0, 0]);
  });

  it("closes a connection that is superseded when it attaches again", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    world.answer = ({ k }) => (k === "attach" ? Promise.resolve({ kind: "superseded" }) : undefined);
    world.routing.move(attachShard(world), "b");
    await world.time.advance(1000);
    expect(client.closes).toEqual([closeCodes.replaced]);
  });

  it("learns of conversations that began while its session moved", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    world.description = { follows: [described] };
    world.log(conv).append();
    world.routing.move(attachShard(world), "b");
    await world.time.advance(500);
    expect(client.of("conv")).toMatchObject([{ conv, recovered: true, base: [0, 0] }]);
    expect(client.seqs(conv)).toEqual([1]);
  });

  it("learns that it was signed off while its session moved", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    world.description = { follows: [], status: { status: "away", load: 2, capacity: 5 } };
    world.routing.move(attachShard(world), "b");
    await world.time.advance(500);
    expect(client.of("presence")).toEqual([{ t: "presence", status: "away", load: 2, capacity: 5 }]);
  });

  it("sends all away, each with its own delay and another node's address, and closes who stays", async () => {
    const world = edgeWorld();
    world.routing.known.set("here", member("here", "ws://here/ws") as never);
    world.routing.known.set("gone", member("gone", "ws://gone/ws", "draining") as never);
    world.routing.known.set("b", member("b", "ws://b/ws") as never);
    const client = await world.attached();
    world.gateway.sendAway(4000);
    expect(client.of("drain")).toEqual([{ t: "drain", afterMs: 2000, url: "ws://b/ws" }]);
    await world.time.advance(2500);
    expect(client.closes).toEqual([]);
    await world.time.advance(2000);
    expect(client.closes).toEqual([closeCodes.drain]);
  });

  it("keeps the sooner delay when it sends away twice", async () => {
    const world = edgeWorld();
    const client = await world.attached();
    world.gateway.sendAway(2000);
    world.gateway.sendAway(60_000);
    expect(client.of("drain")).toEqual([{ t: "drain", afterMs: 1000 }]);
    world.gateway.sendAway(200);
    expect(client.of("drain").at(-1)).toEqual({ t: "drain", afterMs: 100 });
    await world.time.advance(2500);
    expect(client.closes).toEqual([closeCodes.drain]);
  });

  it("gives each of thousands that follow one group the same text, encoded once", async () => {
    const world = edgeWorld();
    const group = "g.team" as ConversationId;
    world.description = { follows: [{ ...described, conv: group, kind: "group" }] };
    world.log(group).append();
    const clients = [];
    for (let i = 0; i < 300; i++) clients.push(await world.attached(`agent.u${i}`, "d"));
    await world.say(group);
    for (const { texts } of clients) expect(texts.at(-1)).toContain(`"seq":2`);
    expect(world.asked.filter(({ k }) => k === "follow")).toHaveLength(300);
    expect(world.followed).toEqual(new Set([logOf(group)]));
  });
});
