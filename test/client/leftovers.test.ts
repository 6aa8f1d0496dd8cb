import { describe, expect, it } from "vitest";
import { connect, type Client } from "../../client/client.ts";
import { limits } from "../../protocol/limits.ts";
import { conv, followed } from "./script.ts";
import { VirtualWorld, type Page } from "./virtual-world.ts";

interface Tab {
  readonly page: Page;
  readonly client: Client;
  readonly sent: () => Record<string, unknown>[];
  readonly say: (frame: object) => Promise<void>;
}

/** A page that has connected, as that person. */
async function opened(world: VirtualWorld, session = "v.v1", page = world.page()): Promise<Tab> {
  const client = connect({ url: "ws://one/ws", token: "token", environment: page.environment });
  await world.pass(1);
  const { socket } = world;
  const say = async (frame: object): Promise<void> => {
    socket.say(frame);
    await world.pass(0);
  };
  await say({ t: "hello", node: "n1", hb: 25_000, authMs: 10_000, maxFrame: 65_536 });
  await say({
    t: "welcome",
    session,
    user: "v1",
    role: "visitor",
    gen: 1,
    limits: { maxInFlight: 32, commandsPerSecond: 20 },
    convs: [followed([3, 1])],
    more: false,
    recovered: {},
  });
  return { page, client, say, sent: () => socket.sent.filter(({ t }) => t === "send" || t === "note") };
}

function ackOf(frame: Record<string, unknown> | undefined, seq: number): object {
  return { t: "ack", conv, p: frame?.["p"], n: frame?.["n"], seq, epoch: 1, prev: seq - 1, ts: 0 };
}

describe("what a closed page left", () => {
  it("is sent by the next one with the same numbers, and is gone once it is answered", async () => {
    const world = new VirtualWorld();
    const first = await opened(world);
    void first.client.send(conv, "one");
    void first.client.send(conv, "two");
    await world.pass(0);
    await first.say(ackOf(first.sent()[0], 4));
    const [, two] = first.sent();
    first.page.close();
    const second = await opened(world);
    expect(second.sent()).toEqual([two]);
    expect(two).toMatchObject({ n: 2, after: 1 });
    expect(second.client.unanswered).toBe(1);
    await second.say(ackOf(two, 5));
    expect(second.client.unanswered).toBe(0);
    expect([...world.records]).toEqual([]);
    second.page.close();
    expect((await opened(world)).sent()).toEqual([]);
  });

  it("is what it has said, not what it did beside", async () => {
    const world = new VirtualWorld();
    const first = await opened(world);
    void first.client.send(conv, "bye");
    void first.client.close(conv);
    void first.client.note(conv, "to staff");
    await world.pass(0);
    first.page.close();
    const second = await opened(world);
    expect(second.sent().map(({ t, n, after }) => [t, n, after])).toEqual([
      ["send", 1, 0],
      ["note", 3, 1],
    ]);
  });

  it("is nobody else's while that page lives, and no other person's", async () => {
    const world = new VirtualWorld();
    const first = await opened(world);
    void first.client.send(conv, "mine");
    await world.pass(0);
    expect((await opened(world)).sent()).toEqual([]);
    first.page.close();
    expect((await opened(world, "v.v2")).sent()).toEqual([]);
    expect((await opened(world)).sent()).toHaveLength(1);
  });

  it("is looked for in the log when the server may have forgotten its producer", async () => {
    const world = new VirtualWorld();
    const first = await opened(world);
    void first.client.send(conv, "one");
    void first.client.send(conv, "two");
    await world.pass(0);
    const [one] = first.sent();
    first.page.close();
    world.sleep(limits.producerTrustMs + 1);
    const second = await opened(world);
    expect(second.sent()).toEqual([]);
    const sync = world.socket.sent.find(({ t }) => t === "sync");
    expect(sync).toMatchObject({ conv, after: 3 });
    const body = { kind: "message", body: { kind: "text", text: "one" } };
    const ev = { ts: 0, by: { role: "visitor", id: "v1" }, p: one?.["p"], n: 1, body };
    const items = [{ seq: 4, epoch: 1, prev: 3, ev }];
    await second.say({ t: "page", id: sync?.["id"], conv, items, more: false });
    expect(second.sent()).toMatchObject([{ n: 1, after: 0, body: { text: "two" } }]);
    expect(second.sent()[0]?.["p"]).not.toBe(one?.["p"]);
  });

  it("is dropped after a week, and when the application has stopped the client", async () => {
    const world = new VirtualWorld();
    const first = await opened(world);
    void first.client.send(conv, "late");
    await world.pass(0);
    first.page.close();
    world.sleep(7 * 24 * 3600_000 + 1);
    const second = await opened(world);
    expect(second.sent()).toEqual([]);
    expect([...world.records]).toEqual([]);
    const refused = second.client.send(conv, "given up").catch(String);
    await world.pass(0);
    expect(world.records.size).toBe(1);
    second.client.stop();
    expect(await refused).toMatch(/stopped by the application/);
    expect([...world.records]).toEqual([]);
  });

  it("is no message when something else has written it", async () => {
    const good = { n: 1, since: 0, body: { t: "send", conv, body: { kind: "text", text: "x" } } };
    const lane = { target: conv, producer: "p1", after: 0, at: 1_700_000_000_000, entries: [good] };
    const record = (change: object): string =>
      JSON.stringify({ person: "v.v1 ws://one/ws", lanes: [{ ...lane, ...change }] });
    const bad = [
      "",
      "{",
      "null",
      JSON.stringify({ person: 1, lanes: [] }),
      JSON.stringify({ person: "v.v1 ws://one/ws", lanes: [null] }),
      record({ target: "elsewhere" }),
      record({ producer: "not an id" }),
      record({ after: -1 }),
      record({ after: 1 }),
      record({ at: "today" }),
      record({ entries: [good, good] }),
      record({ entries: [{ ...good, since: 0.5 }] }),
      record({ entries: [{ ...good, body: { t: "close", conv } }] }),
      record({ entries: [{ ...good, body: { ...good.body, conv: "s.v1.2" } }] }),
      record({ entries: [{ ...good, body: { ...good.body, body: { kind: "text", text: "" } } }] }),
      record({ entries: [{ ...good, body: null }] }),
    ];
    for (const text of bad) {
      const world = new VirtualWorld();
      world.records.set("left", text);
      expect((await opened(world)).sent(), text).toEqual([]);
      expect([...world.records], text).toEqual([]);
    }
    const world = new VirtualWorld();
    world.records.set("left", record({}));
    expect((await opened(world)).sent()).toHaveLength(1);
  });

  it("is bounded, the first messages first", async () => {
    const world = new VirtualWorld();
    const first = await opened(world);
    for (let i = 0; i < 100; i++) void first.client.send(conv, `${i} ${"x".repeat(2000)}`);
    await world.pass(0);
    expect([...world.records.values()].map(({ length }) => length < 70_000)).toEqual([true]);
    first.page.close();
    const second = await opened(world);
    expect(second.sent()[0]).toMatchObject({ n: 1 });
    expect(second.client.unanswered).toBeGreaterThan(25);
  });

  it("costs nothing else where it cannot be kept", async () => {
    const failing = (): never => {
      throw new Error("forbidden");
    };
    const dead = { names: failing, read: failing, write: failing, remove: failing, hold: failing };
    const full = { ...dead, hold: () => Promise.resolve(() => {}) };
    const world = new VirtualWorld();
    for (const shelf of [dead, full, { ...dead, hold: () => Promise.reject(new Error("no locks")) }]) {
      const page = world.page();
      const tab = await opened(world, "v.v1", { ...page, environment: { ...page.environment, shelf } });
      const answer = tab.client.send(conv, "sent all the same");
      await world.pass(0);
      await tab.say(ackOf(tab.sent()[0], 4));
      expect(await answer).toMatchObject({ seq: 4 });
      tab.client.stop();
    }
  });
});
