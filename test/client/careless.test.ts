import { describe, expect, it } from "vitest";
import { connect } from "../../client/client.ts";
import { LogView } from "../../client/log-view.ts";
import { textScreen } from "../../client/terminal-screen.ts";
import type { Refusal } from "../../client/refusal.ts";
import { conv, followed, message, script } from "./script.ts";
import { VirtualWorld } from "./virtual-world.ts";

/** Everything that went after the `auth`. */
const said = (world: VirtualWorld): unknown[] => world.socket.sent.slice(1).map(({ t }) => t);

describe("a careless application", () => {
  it("is told of malformed questions, and keeps its connection and its commands", async () => {
    const { client, world, welcome } = await script();
    await welcome();
    const invalid = [
      client.list("ann@example.com"),
      client.sync("nowhere"),
      client.sync(conv, { after: -1 }),
      client.sync(conv, { limit: 0 }),
      client.backfill("nowhere"),
      client.follow("nowhere"),
      client.follow("s.v2.1", [Number.NaN, 1]),
      client.send(conv, { kind: "text" } as never),
      client.send(conv, null as never),
      client.send(conv, (() => {}) as never),
      client.open("web", { meta: 1n }),
    ];
    const codes = (await Promise.allSettled<unknown>(invalid)).map((end) =>
      end.status === "rejected" ? (end.reason as Refusal).code : "none",
    );
    expect(codes).toEqual(Array(invalid.length).fill("INVALID"));
    expect(said(world)).toEqual([]);
  });

  it("is told which field is wrong, and what fits", async () => {
    const { client, world, welcome } = await script();
    await welcome();
    const id = "a string that matches ^[A-Za-z0-9_-]{1,64}$";
    const quick = { kind: "quick", text: "which?" } as const;
    const calls: readonly (readonly [Promise<unknown>, string])[] = [
      [client.send(conv, ""), "body.text: must be a string of 1 to 16000 characters"],
      [client.send(conv, null as never), "body: must be an object"],
      [
        client.send(conv, { kind: "shout" } as never),
        'body.kind: must be "text" or "attachment" or "card" or "quick"',
      ],
      [
        client.send(conv, { ...quick, options: ["a", ""] }),
        "body.options[1]: must be a string of 1 to 256 characters",
      ],
      [client.send(conv, { ...quick, options: [] }), "body.options: must be an array of 1 to 20 items"],
      [client.send(conv, "\u0000".repeat(15_000)), "the command: must be at most 65024 bytes of JSON"],
      [client.open("a b"), `channel: must be ${id}`],
      [client.open(undefined as never), `channel: must be ${id}`],
      [client.open("web", { meta: "x".repeat(5000) }), "meta: must be at most 4096 bytes of JSON"],
      [client.rate(conv, 6), "stars: must be an integer from 1 to 5"],
      [client.list("a b"), `visitor: must be ${id}`],
      [client.follow("s.v2.1", [1, -1]), "cursor[1]: must be an integer of at least 0"],
    ];
    const texts = (await Promise.allSettled(calls.map(([call]) => call))).map((end) =>
      end.status === "rejected" ? (end.reason as Refusal).message : "none",
    );
    expect(texts).toEqual(calls.map(([, text]) => text));
    await expect(client.send("nowhere", "x")).rejects.toThrow(/^conv: must be a string that matches /);
    expect(said(world)).toEqual([]);
  });

  it("is told what the server finds wrong", async () => {
    const { client, world, welcome } = await script();
    await welcome();
    const sent = client.send(conv, "hello");
    const { p, n } = world.socket.sent.at(-1) as { p: string; n: number };
    world.socket.say({
      t: "nack",
      conv,
      p,
      n,
      code: "INVALID",
      retry: "never",
      msg: "body.text: must be kind",
    });
    await expect(sent).rejects.toMatchObject({ code: "INVALID", message: "body.text: must be kind" });
  });

  it("hears of malformed frames that nothing answers", async () => {
    const { client, world, welcome, emitted } = await script();
    await welcome();
    client.read(conv, Number.NaN);
    client.read("nowhere", 1);
    client.typing("nowhere");
    client.unfollow("nowhere");
    expect(emitted("error").map((error) => (error as Refusal).code)).toEqual(Array(4).fill("INVALID"));
    expect(emitted("error")[0]).toMatchObject({ message: "seq: must be an integer of at least 0" });
    expect(said(world)).toEqual([]);
  });

  it("gets pages of the size that there is, whatever it asks for", async () => {
    const { client, welcome, frames } = await script();
    await welcome();
    void client.sync(conv, { limit: 500 });
    expect(frames("sync")).toMatchObject([{ after: 0, limit: 300 }]);
  });

  it("cannot be made with a device or a history that the server would not take", () => {
    const environment = new VirtualWorld().environment();
    const options = { url: "ws://one/ws", token: "token", environment };
    expect(() => connect({ ...options, device: "a b" })).toThrow("device");
    expect(() => connect({ ...options, historySize: -1 })).toThrow("historySize");
  });

  it("may keep no history", () => {
    const view = new LogView(0);
    for (let seq = 1; seq <= 3; seq += 1) view.append({ ...message(seq), conv });
    expect(view.events).toEqual([]);
  });

  it("is asked again for a token when it gives none, what is none, or none in time", async () => {
    const world = new VirtualWorld();
    const given: (() => string | Promise<string>)[] = [
      () => new Promise(() => {}),
      () => "",
      () => Promise.reject(new Error("away")),
    ];
    const { emitted } = await script({ world, token: () => given.shift()?.() ?? "good" });
    await world.pass(19_000);
    expect(emitted("state")).toEqual([{ state: "connecting" }]);
    while (world.sockets.length === 0) await world.pass(100);
    const reasons = emitted("state").flatMap((state) => (state.state === "waiting" ? [state.reason] : []));
    expect(reasons).toEqual(["no token in time", "what was given is no token", "away"]);
  });

  it("stops when the one token that it has is none", async () => {
    const { world, emitted } = await script({ token: "" });
    await world.pass(1000);
    expect(emitted("state").at(-1)).toMatchObject({ state: "stopped", code: 4002 });
    expect(world.sockets).toEqual([]);
  });

  it("connects although its storage throws", async () => {
    const world = new VirtualWorld();
    world.stored.get = () => {
      throw new Error("forbidden");
    };
    world.stored.set = () => {
      throw new Error("full");
    };
    const { welcome, frames } = await script({ world, storage: true });
    await welcome();
    expect(frames("auth")).toHaveLength(1);
  });

  it("may mark each event of a log that is replayed: a few marks go, the last among them", async () => {
    const { client, world, welcome, deliver, frames } = await script();
    client.on("event", ({ seq }) => client.read(conv, seq));
    await welcome();
    for (let seq = 1; seq <= 300; seq += 1) deliver(seq);
    void client.send(conv, "at once");
    expect(frames("send")).toHaveLength(1);
    await world.pass(3000);
    const marks = frames("read").map(({ seq }) => seq);
    expect(marks.length).toBeLessThan(5);
    expect(marks.at(-1)).toBe(300);
  });

  it("may mark what it has read while it hears of it", async () => {
    const { client, world, welcome, frames } = await script();
    client.on("conversation", ({ tail }) => client.read(conv, tail[0]));
    await welcome({ convs: [followed([7, 1])] });
    expect(frames("read")).toEqual([{ t: "read", conv, seq: 7 }]);
    world.socket.drop(1006);
    await world.pass(5000);
    await welcome({ convs: [followed([7, 1], { read: 7 })], recovered: { [conv]: true } });
    expect(frames("read")).toEqual([]);
  });

  it("reads on from lower numbers when the log is another one", async () => {
    const { client, world, welcome, frames } = await script();
    await welcome({ convs: [followed([9, 1])] });
    client.read(conv, 9);
    world.socket.drop(1006);
    await world.pass(5000);
    await welcome({ convs: [followed([3, 2])], recovered: { [conv]: "reset" } });
    await world.pass(1000);
    expect(frames("read")).toEqual([]);
    client.read(conv, 3);
    await world.pass(1000);
    expect(frames("read")).toEqual([{ t: "read", conv, seq: 3 }]);
  });

  it("asks no faster than the server answers", async () => {
    const { client, world, welcome, frames } = await script();
    await welcome();
    for (let i = 0; i < 100; i += 1) void client.list(`v${i}`);
    expect(frames("list")).toHaveLength(48);
    await world.pass(1000);
    expect(frames("list")).toHaveLength(68);
    void client.send(conv, "hi");
    await world.pass(5000);
    expect(frames("list")).toHaveLength(100);
    expect(frames("send")).toHaveLength(1);
  });

  it("may follow twice, and is answered twice", async () => {
    const { client, world, welcome, frames } = await script();
    await welcome();
    const both = [client.follow("s.v2.1"), client.follow("s.v2.1")];
    const [asked, more] = frames("follow");
    expect(more).toBeUndefined();
    world.socket.say({
      ...followed([4, 1], { conv: "s.v2.1" }),
      t: "conv",
      id: asked?.["id"],
      recovered: true,
    });
    for (const answer of await Promise.all(both)) expect(answer).toMatchObject({ conv: "s.v2.1" });
  });

  it("may give a conversation up before it is followed", async () => {
    const { client, world, welcome, frames } = await script();
    await welcome();
    const answer = client.follow("s.v2.1");
    client.unfollow("s.v2.1");
    await expect(answer).rejects.toMatchObject({ code: "STOPPED" });
    const { id } = frames("follow")[0] ?? {};
    world.socket.say({ ...followed([4, 1], { conv: "s.v2.1" }), t: "conv", id, recovered: true });
    expect(client.conversations.map((known) => known.conv)).toEqual([conv]);
    expect(frames("unfollow")).toHaveLength(2);
  });

  it("does not take an agent's words for the visitor's of the same id", async () => {
    const { client, world, welcome } = await script();
    await welcome();
    for (const seq of [1, 2, 3]) {
      const { ev, ...item } = message(seq);
      world.socket.say({ t: "deliver", conv, ...item, ev: { ...ev, by: { role: "agent", id: "v1" } } });
    }
    client.read(conv, 1);
    expect(client.conversations[0]).toMatchObject({ unread: 2, read: 1 });
  });
});

describe("a terminal", () => {
  it("is not steered by what others write, nor shown lines that only look like the program's", () => {
    const lines: string[] = [];
    const screen = textScreen((line) => void lines.push(line));
    const text = "\u001B]52;c;aGk=\u0007hi\r\u009B2J\u202Eevil\n* conversation closed (agent)\t.";
    const { ev, ...item } = message(1, text);
    screen.event({ ...item, ev, conv }, { user: "v1", role: "visitor" }, "");
    screen.show("conversation", {}, "* chat \u001B[2J");
    expect(lines).toEqual([
      "a1 (agent): \uFFFD]52;c;aGk=\uFFFDhi\uFFFD\uFFFD2J\uFFFDevil\n    * conversation closed (agent)\t.",
      "* chat \uFFFD[2J",
    ]);
  });
});
