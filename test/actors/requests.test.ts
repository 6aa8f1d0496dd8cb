import { describe, expect, it } from "vitest";
import type { Principal } from "../../actors/messages.ts";
import { principalOf } from "../../actors/principal.ts";
import { ownConversation } from "../../actors/requests.ts";
import type { ShardEnvelope } from "../../actors/runtime/envelope.ts";
import type { ConversationId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { edgeWorld, holding, type EdgeWorld, type ScriptedClient } from "./edge-world.ts";

const conv = "s.ann.1" as ConversationId;

async function withLog(
  events: number,
  staffEvery = 0,
): Promise<{ world: EdgeWorld; client: ScriptedClient }> {
  const world = edgeWorld();
  for (let i = 1; i <= events; i++)
    world.log(conv).append(staffEvery > 0 && i % staffEvery === 0 ? "staff" : "all");
  return { world, client: await world.attached() };
}

describe("sync", () => {
  it("reads up and down, and says whether there is more", async () => {
    const { client } = await withLog(10);
    await client.say({ t: "sync", id: 1, conv, after: 2, limit: 3 });
    await client.say({ t: "sync", id: 2, conv, before: 3 });
    await client.say({ t: "sync", id: 3, conv, after: 10 });
    expect(client.of("page").map(({ id, items, more }) => [id, items.map(({ seq }) => seq), more])).toEqual([
      [1, [3, 4, 5], true],
      [2, [1, 2], false],
      [3, [], false],
    ]);
  });

  it("shows no notes to visitors, links over them, and does not stop at a page full of them", async () => {
    const world = edgeWorld();
    world.log(conv).append();
    for (let i = 0; i < 700; i++) world.log(conv).append("staff");
    world.log(conv).append();
    const client = await world.attached();
    await client.say({ t: "sync", id: 1, conv, after: 1 });
    expect(client.of("page")[0]?.items.map(({ seq, prev }) => [seq, prev])).toEqual([[702, 1]]);
    expect(JSON.stringify(client.frames)).not.toContain("note");
  });

  it("joins a page of reads that are bounded, up and down, also where notes stand between", async () => {
    const { world, client } = await withLog(900, 3);
    const asked: number[] = [];
    world.gate = ({ limit }) => Promise.resolve(void asked.push(limit));
    await client.say({ t: "sync", id: 1, conv, after: 10 });
    await client.say({ t: "sync", id: 2, conv, before: 891 });
    await client.say({ t: "sync", id: 3, conv, after: 896, limit: 2 });
    const shown = Array.from({ length: 900 }, (_, i) => i + 1).filter((seq) => seq % 3 !== 0);
    const [up, down, rest] = client.of("page");
    expect(up?.items.map(({ seq }) => seq)).toEqual(shown.filter((seq) => seq > 10).slice(0, 300));
    expect(down?.items.map(({ seq }) => seq)).toEqual(shown.filter((seq) => seq < 891).slice(-300));
    expect(rest?.items.map(({ seq }) => seq)).toEqual([898, 899]);
    expect([up?.more, down?.more, rest?.more]).toEqual([true, true, false]);
    expect(Math.max(...asked)).toBe(64);
  });

  it("counts a page's bytes as UTF-8", async () => {
    const world = edgeWorld();
    for (let i = 0; i < 20; i++) {
      const event = world.log(conv).append();
      const body = { kind: "message", body: { kind: "text", text: "漢".repeat(16_000) } };
      Object.assign(event, { body });
    }
    const client = await world.attached();
    await client.say({ t: "sync", id: 1, conv, after: 0 });
    const page = client.texts.at(-1) ?? "";
    expect(Buffer.byteLength(page)).toBeGreaterThan(limits.maxPageBytes / 2);
    expect(Buffer.byteLength(page)).toBeLessThan(limits.maxPageBytes * 1.1);
    expect(client.of("page")[0]?.more).toBe(true);
  });

  it("refuses what contradicts itself, does not exist, or cannot be read now", async () => {
    const { world, client } = await withLog(1);
    await client.say({ t: "sync", id: 1, conv });
    await client.say({ t: "sync", id: 2, conv, after: 0, before: 5 });
    await client.say({ t: "sync", id: 3, conv: "s.ann.9", after: 0 });
    world.storeAway = true;
    await client.say({ t: "sync", id: 4, conv, after: 0 });
    world.memberAway = true;
    const agent = await world.attached("agent.amy", "d2");
    await agent.say({ t: "sync", id: 5, conv: "g.team", after: 0 });
    expect([...client.of("err"), ...agent.of("err")].map(({ id, code }) => [id, code])).toEqual([
      [1, "INVALID"],
      [2, "INVALID"],
      [3, "NOT_FOUND"],
      [4, "BUSY"],
      [5, "BUSY"],
    ]);
  });

  it("is rate limited, and says so", async () => {
    const { client } = await withLog(1);
    for (let i = 0; i < limits.commandBurst + 3; i++) await client.say({ t: "sync", id: i, conv, after: 0 });
    expect(client.of("err").map(({ code, id }) => [code, id])).toEqual([
      ["RATE_LIMITED", limits.commandBurst],
      ["RATE_LIMITED", limits.commandBurst + 1],
      ["RATE_LIMITED", limits.commandBurst + 2],
    ]);
  });
});

describe("list", () => {
  it("asks the visitor's session in the reader's own tenant", async () => {
    const world = edgeWorld();
    world.answer = (envelope) =>
      envelope.k === "actor"
        ? Promise.resolve({
            kind: "value",
            value: { follows: [{ conv, kind: "support", open: false, openedAt: 1 }] },
          })
        : undefined;
    const client = await world.attached("agent.amy.900000.other");
    await client.say({ t: "list", id: 1, visitor: "ann" });
    expect(client.of("list")[0]?.convs).toEqual([
      { conv, kind: "support", open: false, openedAt: 1, visitor: "ann" },
    ]);
    expect(world.asked.at(-1)).toMatchObject({ k: "actor", to: "session/other/v.ann" });
  });

  it("says BUSY when the session does not answer", async () => {
    const world = edgeWorld();
    const client = await world.attached("agent.amy");
    await client.say({ t: "list", id: 1, visitor: "ann" });
    expect(client.of("err")).toMatchObject([{ id: 1, code: "BUSY", waitMs: 500 }]);
  });
});

describe("typing", () => {
  it("is told only by who follows, and rarely", async () => {
    const { world, client } = await withLog(1);
    await client.say({ t: "typing", conv });
    expect(world.sent).toEqual([]);
    await client.say({ t: "follow", id: 1, conv });
    for (let i = 0; i < 5; i++) await client.say({ t: "typing", conv });
    expect(world.sent.filter(({ k }) => k === "cast")).toHaveLength(1);
    await world.time.advance(1000);
    await client.say({ t: "typing", conv });
    expect(world.sent.filter(({ k }) => k === "cast")).toHaveLength(2);
  });

  it("is shown to others, not to who types, and staff's alone not to visitors", async () => {
    const { world, client } = await withLog(1);
    await client.say({ t: "follow", id: 1, conv });
    const log = `conversation/demo/${conv}`;
    world.hub.onCast(log, { t: "typing", conv, user: "ann", role: "visitor" }, "all");
    world.hub.onCast(log, { t: "read", conv, user: "amy", role: "agent", seq: 1 }, "staff");
    world.hub.onCast(log, { t: "typing", conv, user: "ann", role: "agent" }, "all");
    expect(client.of("typing")).toMatchObject([{ user: "ann", role: "agent" }]);
    expect(client.of("read")).toEqual([]);
  });
});

/** The read marks that conversations were asked to keep. */
function marksOf(world: EdgeWorld): readonly ShardEnvelope[] {
  return world.asked.filter((envelope) => envelope.k === "actor" && envelope.message.kind === "read");
}

describe("read", () => {
  it("is told once a second, the highest number, with the count that the log has for this reader", async () => {
    const { world, client } = await withLog(6, 3);
    await client.say({ t: "follow", id: 1, conv });
    await client.say({ t: "read", conv, seq: 2 });
    await client.say({ t: "read", conv, seq: 5 });
    await client.say({ t: "read", conv, seq: 4 });
    await world.time.advance(1500);
    const told = marksOf(world);
    expect(told).toMatchObject([{ message: { kind: "read", seq: 5, count: 4 } }]);
  });

  it("is not lost when the store is away, nor when the connection closes", async () => {
    const { world, client } = await withLog(3);
    await client.say({ t: "follow", id: 1, conv });
    world.storeAway = true;
    await client.say({ t: "read", conv, seq: 3 });
    await world.time.advance(3000);
    expect(marksOf(world)).toEqual([]);
    world.storeAway = false;
    client.input.closed();
    await world.time.advance(100);
    expect(marksOf(world)).toMatchObject([{ message: { seq: 3 } }]);
  });

  it("is told again until the conversation has kept it, whoever owns that meanwhile", async () => {
    const { world, client } = await withLog(3);
    await client.say({ t: "follow", id: 1, conv });
    const letOut = holding(world, "actor");
    await client.say({ t: "read", conv, seq: 2 });
    await world.time.advance(1500);
    expect(marksOf(world)).toMatchObject([{ message: { seq: 2 } }]);
    await letOut({ kind: "busy" });
    await world.time.advance(1500);
    expect(marksOf(world)).toMatchObject([{ message: { seq: 2 } }, { message: { seq: 2 } }]);
    await letOut({ kind: "value", value: null });
    await world.time.advance(5000);
    expect(marksOf(world)).toHaveLength(2);
  });

  it("cannot claim numbers that the log does not have", async () => {
    const { world, client } = await withLog(3);
    await client.say({ t: "follow", id: 1, conv });
    await client.say({ t: "read", conv, seq: 999 });
    await world.time.advance(1500);
    await client.say({ t: "read", conv, seq: Number.MAX_SAFE_INTEGER });
    await world.time.advance(1500);
    expect(marksOf(world)).toEqual([]);
  });
});

describe("entitlement", () => {
  const who = (role: string, user: string): Principal | undefined =>
    principalOf({ tenant: "demo", role, user, expiresAt: 1 });

  it("takes no claims of odd form", () => {
    expect(who("visitor", "ann")).toBeDefined();
    for (const [role, user] of [
      ["robot", "x"],
      ["", "x"],
      ["visitor", ""],
      ["visitor", "a/b"],
      ["visitor", "a.b"],
      ["visitor", "ann\n"],
      ["__proto__", "x"],
    ] as const) {
      expect(who(role, user)).toBeUndefined();
    }
    for (const tenant of ["", "Demo", "a/b", "demo\n", "../x", "x".repeat(33)]) {
      expect(principalOf({ tenant, role: "visitor", user: "ann", expiresAt: 1 })).toBeUndefined();
    }
  });

  it("gives a visitor the own support conversations alone", () => {
    const ann = who("visitor", "ann");
    const amy = who("agent", "ann");
    if (ann === undefined || amy === undefined) throw new Error("both are well formed");
    const of = (by: Principal): boolean[] =>
      ["s.ann.1", "s.bob.1", "g.ann", "s.ann-2.1"].map((one) => ownConversation(by, one as ConversationId));
    expect(of(ann)).toEqual([true, false, false, false]);
    expect(of(amy)).toEqual([true, true, true, true]);
  });
});
