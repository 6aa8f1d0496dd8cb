import { describe, expect, it } from "vitest";
import { closeCodes } from "../../protocol/codes.ts";
import type { ConversationId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { edgeWorld, holding, logOf, tailsOf } from "./edge-world.ts";

const conv = "s.ann.1" as ConversationId;
const group = "g.team";
const described = { conv, kind: "support", open: true, openedAt: 5 } as const;

describe("connection: auth", () => {
  it("speaks first and welcomes with what the session names", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    world.log(conv).append();
    const client = await world.attached();
    expect(client.frames.map(({ t }) => t)).toEqual(["hello", "welcome", "deliver"]);
    expect(client.of("welcome")[0]).toMatchObject({ user: "ann", role: "visitor", more: false });
  });

  it("closes when auth comes twice, also while it authenticates", async () => {
    const world = edgeWorld();
    const client = world.client();
    const auth = { t: "auth", token: "visitor.ann", device: "d", attempt: 1 };
    client.input.receive(JSON.stringify(auth));
    await client.say(auth);
    expect(client.closes).toEqual([closeCodes.badFrame]);
    await world.time.advance(20_000);
    expect([world.gateway.size, world.hub.sizes.followed]).toEqual([0, 0]);
  });

  it("closes with 4002 for a bad token, an expired one, and ids that no one has", async () => {
    for (const token of ["bad.x", "visitor.ann.0", "robot.ann", "visitor.a b", "visitor.ann.1000.Demo/x"]) {
      const world = edgeWorld();
      const client = await world.attached(token);
      expect(client.closes).toEqual([closeCodes.badToken]);
      expect(world.asked).toEqual([]);
    }
  });

  it("costs no admission for a token that is not valid", async () => {
    const world = edgeWorld();
    world.waitMs = 700;
    const bad = await world.attached("bad.x");
    const good = await world.attached();
    expect(bad.closes).toEqual([closeCodes.badToken]);
    expect(good.of("err")[0]).toMatchObject({ code: "BUSY", waitMs: 700 });
    expect(good.closes).toEqual([closeCodes.overload]);
  });

  it("closes with 4105 when nothing comes, and with 4102 when nothing comes any more", async () => {
    const world = edgeWorld();
    const silent = world.client();
    const quiet = await world.attached();
    await world.time.advance(limits.authMs + 2000);
    expect(silent.closes).toEqual([closeCodes.authTimeout]);
    expect(quiet.closes).toEqual([]);
    await world.time.advance(3 * limits.heartbeatMs);
    expect(quiet.closes).toEqual([closeCodes.missedHeartbeat]);
    expect(world.gateway.size).toBe(0);
  });

  it("says BUSY and closes with 4104 when the session or a log cannot be reached", async () => {
    const away = edgeWorld();
    away.answer = () => Promise.resolve(undefined);
    const first = await away.attached();
    expect(first.closes).toEqual([closeCodes.unavailable]);
    const mute = edgeWorld();
    mute.description = { follows: [described] };
    holding(mute, "follow");
    const second = await mute.attached();
    await mute.time.advance(limits.commandMs + 1000);
    expect(second.closes).toEqual([closeCodes.unavailable]);
    expect(mute.hub.sizes.followed).toBe(0);
  });

  it("tells nobody that a conversation is left or reset when the store is only away", async () => {
    const world = edgeWorld();
    world.memberAway = true;
    const member = await world.attached("agent.amy", "d", { [group]: [3, 1] });
    expect(member.of("welcome")).toEqual([]);
    expect(member.closes).toEqual([closeCodes.unavailable]);
    const visitor = edgeWorld();
    visitor.description = { follows: [described] };
    for (let i = 0; i < 3; i++) visitor.log(conv).append();
    visitor.log(conv).append("staff");
    visitor.storeAway = true;
    const client = await visitor.attached("visitor.ann", "d", { [conv]: [3, 1] });
    expect(client.of("welcome")).toEqual([]);
    expect(client.closes).toEqual([closeCodes.unavailable]);
  });

  it("looks into the log before it takes a position back: the answer may be an old one", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    for (let i = 0; i < 5; i++) world.log(conv).append();
    const old = world.log(conv).events[2];
    world.answer = (envelope) =>
      envelope.k === "follow"
        ? Promise.resolve({ kind: "tails", tails: [{ to: logOf(conv), who: "v.ann", tail: old }] })
        : undefined;
    const client = await world.attached("visitor.ann", "d", { [conv]: [5, 1] });
    expect(client.of("welcome")[0]?.recovered).toEqual({ [conv]: true });
  });

  it("honours no cursor of a conversation that is not the reader's", async () => {
    const world = edgeWorld();
    world.log("s.bob.1").append();
    const client = await world.attached("visitor.ann", "d", { "s.bob.1": [1, 1], [group]: [1, 1] });
    expect(client.of("welcome")[0]).toMatchObject({
      convs: [],
      recovered: { "s.bob.1": "left", [group]: "left" },
    });
    expect(world.hub.sizes.followed).toBe(0);
  });

  it("extends its life by a token of the same person, and by nobody else's", async () => {
    const world = edgeWorld();
    const client = await world.attached("visitor.ann.3000");
    await client.say({ t: "reauth", id: 1, token: "visitor.bob.900000" });
    await client.say({ t: "reauth", id: 2, token: "agent.ann.900000" });
    expect(client.of("err").map(({ id, code }) => [id, code])).toEqual([
      [1, "UNAUTHORIZED"],
      [2, "UNAUTHORIZED"],
    ]);
    await client.say({ t: "reauth", id: 3, token: "visitor.ann.8000" });
    expect(client.of("ok")).toEqual([{ t: "ok", id: 3 }]);
    await world.time.advance(6000);
    expect(client.closes).toEqual([]);
    await world.time.advance(4000);
    expect(client.closes).toEqual([closeCodes.tokenExpired]);
  });

  it("lets no late refusal take back what another token gave", async () => {
    const world = edgeWorld();
    const client = await world.attached("visitor.ann.3000");
    const verify = world.verify;
    world.verify = async (token) => {
      const claims = await verify(token);
      if (token.startsWith("bad")) for (let i = 0; i < 20; i++) await Promise.resolve();
      return claims;
    };
    client.input.receive(JSON.stringify({ t: "reauth", id: 1, token: "bad" }));
    await client.say({ t: "reauth", id: 2, token: "visitor.ann.60000" });
    await world.time.advance(10_000);
    expect(client.closes).toEqual([]);
  });
});

describe("connection: while it attaches", () => {
  it("leaves nothing behind when the socket closes at any point", async () => {
    for (const kind of ["attach", "follow"] as const) {
      const world = edgeWorld();
      world.description = { follows: [described] };
      const release = holding(world, kind);
      const client = await world.attached();
      client.input.closed();
      await release(
        kind === "attach"
          ? { kind: "attached", gen: 1, description: world.description }
          : tailsOf(world, conv),
      );
      await world.time.advance(1000);
      expect([world.gateway.size, world.hub.sizes.followed, world.followed.size]).toEqual([0, 0, 0]);
      expect(world.sent.at(-1)?.k === "detach" || world.sent.some(({ k }) => k === "detach")).toBe(true);
    }
  });

  it("follows nothing when the socket closes while membership is looked up", async () => {
    const world = edgeWorld();
    world.members.add(`${group} a.amy`);
    let known: () => void = () => {};
    world.memberGate = new Promise((resolve) => void (known = resolve));
    const client = await world.attached("agent.amy", "d", { [group]: [0, 0] });
    client.input.closed();
    known();
    await world.time.advance(1000);
    expect(world.hub.sizes.followed).toBe(0);
  });

  it("detaches again after an attach that was answered when the connection was gone", async () => {
    const world = edgeWorld();
    const release = holding(world, "attach");
    const client = await world.attached();
    client.input.closed();
    const before = world.sent.filter(({ k }) => k === "detach").length;
    await release({ kind: "attached", gen: 1, description: { follows: [] } });
    expect(world.sent.filter(({ k }) => k === "detach")).toHaveLength(before + 1);
  });

  it("detaches again after an attach that nobody has answered in time: somebody may know of it", async () => {
    const world = edgeWorld();
    const release = holding(world, "attach");
    const client = await world.attached();
    client.input.closed();
    const before = world.sent.filter(({ k }) => k === "detach").length;
    await release(undefined);
    expect(world.sent.filter(({ k }) => k === "detach")).toHaveLength(before + 1);
  });

  it("leaves what its session left while it attaches again: that stands behind the description", async () => {
    const world = edgeWorld();
    world.log(conv).append();
    const client = await world.attached();
    const release = holding(world, "attach");
    world.gateway.renewAll();
    await world.settle();
    world.gateway.take({ k: "exit", conn: 1, conv });
    await release({ kind: "attached", gen: 1, description: { follows: [described] } });
    await world.time.advance(100);
    await world.say(conv);
    expect(client.seqs(conv).at(-1)).not.toBe(2);
    expect(client.of("left")).toEqual([{ t: "left", conv }]);
  });

  it("keeps what its session says until it is welcome", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    world.log(conv).append();
    world.log("s.ann.2").append();
    const release = holding(world, "follow");
    const client = await world.attached();
    world.gateway.take({ k: "enter", conn: 1, conv: "s.ann.2" });
    world.hub.onCast(logOf(conv), { t: "typing", conv, user: "amy", role: "agent" }, "all");
    world.gateway.take({ k: "push", conn: 1, frame: { t: "queue", conv, position: 1, etaSec: null } });
    expect(client.frames.map(({ t }) => t)).toEqual(["hello"]);
    world.answer = () => undefined;
    await release(tailsOf(world, conv));
    await world.time.advance(500);
    expect(client.of("conv").map((frame) => frame.conv)).toEqual(["s.ann.2"]);
    expect(client.seqs("s.ann.2")).toEqual([1]);
    expect(client.of("queue")).toHaveLength(1);
  });

  it("leaves what its session left meanwhile, and delivers nothing of it afterwards", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    world.log(conv).append();
    const release = holding(world, "follow");
    const client = await world.attached();
    world.gateway.take({ k: "exit", conn: 1, conv });
    await release(tailsOf(world, conv));
    await world.time.advance(100);
    expect(client.of("left")).toEqual([{ t: "left", conv }]);
    const delivered = client.seqs(conv).length;
    await world.say(conv);
    expect(client.seqs(conv)).toHaveLength(delivered);
    expect(world.hub.sizes.followed).toBe(0);
  });

  it("owes who leaves a support conversation its events up to then, also those whose publication is late", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    world.log(conv).append();
    const client = await world.attached("agent.amy");
    await world.time.advance(100);
    world.log(conv).append();
    world.gateway.take({ k: "exit", conn: 1, conv });
    await world.time.advance(500);
    expect(client.seqs(conv)).toEqual([1, 2]);
    expect(client.frames.map(({ t }) => t).slice(-2)).toEqual(["deliver", "left"]);
    expect(world.hub.sizes.followed).toBe(0);
  });

  it("stays when its session enters again before it has left", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    world.log(conv).append();
    const client = await world.attached("agent.amy");
    await world.time.advance(100);
    world.gateway.take({ k: "exit", conn: 1, conv });
    world.gateway.take({ k: "enter", conn: 1, conv });
    await world.time.advance(500);
    expect(client.of("left")).toEqual([]);
    await world.say(conv);
    expect(client.seqs(conv)).toEqual([1, 2]);
  });

  it("attaches again when the session's shard moved before it was welcome", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    const release = holding(world, "follow");
    const client = await world.attached();
    const attach = world.asked.find(({ k }) => k === "attach");
    world.routing.move(attach?.shard ?? 0, "b");
    await release(tailsOf(world, conv));
    world.answer = () => undefined;
    await world.time.advance(1000);
    expect(client.of("welcome")).toHaveLength(1);
    expect(world.asked.filter(({ k }) => k === "attach").length).toBeGreaterThan(1);
  });

  it("closes before a command, and refuses requests", async () => {
    const world = edgeWorld();
    const client = world.client();
    await client.say({ t: "follow", id: 7, conv });
    expect(client.of("err")[0]).toMatchObject({ id: 7, code: "UNAUTHORIZED" });
    await client.say({ t: "close", conv, p: "p", n: 1, after: 0 });
    expect(client.closes).toEqual([closeCodes.badFrame]);
  });
});

describe("connection: the log of comings and goings", () => {
  const whats = (world: ReturnType<typeof edgeWorld>) => world.comings.map(({ what }) => what);

  it("tells an attach, a resume, and how each ended", async () => {
    const world = edgeWorld();
    const cold = await world.attached("visitor.ann", "tab");
    cold.input.closed(1001);
    const lost = await world.attached("visitor.ann", "tab", { [conv]: [0, 0] });
    lost.input.closed(1006);
    const drained = await world.attached("agent.amy", "desk");
    world.gateway.sendAway(0);
    drained.input.closed(1000);
    const expired = await world.attached("visitor.bob.30000", "app");
    await world.time.advance(40_000);
    expect(expired.closes).toEqual([closeCodes.tokenExpired]);
    expect(whats(world)).toEqual([
      { event: "attach", tookMs: 0 },
      { event: "detach", code: 1001, cause: "client" },
      { event: "resume", tookMs: 0 },
      { event: "detach", code: 1006, cause: "lost" },
      { event: "attach", tookMs: 0 },
      { event: "detach", code: 1000, cause: "drain" },
      { event: "attach", tookMs: 0 },
      { event: "detach", code: closeCodes.tokenExpired, cause: "server" },
    ]);
    expect(world.comings[2]).toMatchObject({ tenant: "demo", role: "visitor", user: "ann", device: "tab" });
  });

  it("is silent about those who were never served", async () => {
    const world = edgeWorld();
    world.waitMs = 700;
    await world.attached();
    const bad = await world.attached("bad.x");
    bad.input.closed();
    expect(world.comings).toEqual([]);
  });

  it("says how long an attach waited", async () => {
    const world = edgeWorld();
    const release = holding(world, "attach");
    await world.attached();
    await world.time.advance(300);
    await release({ kind: "attached", gen: 1, description: world.description });
    await world.settle();
    expect(whats(world)).toEqual([{ event: "attach", tookMs: 300 }]);
  });
});
