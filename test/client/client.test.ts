import { describe, expect, it } from "vitest";
import { conv, followed, message, script } from "./script.ts";

const ack = (n: number, seq: number, prev = seq - 1, p = "id-0001") => ({
  t: "ack",
  conv,
  p,
  n,
  seq,
  epoch: 1,
  prev,
  ts: 5,
});

describe("client", () => {
  it("waits for all pages of welcome", async () => {
    const { welcome, emitted } = await script();
    await welcome({ more: true });
    expect(emitted("welcome")).toEqual([]);
    await welcome({ convs: [followed([0, 0], { conv: "s.v1.2" })] });
    expect(emitted("welcome")[0]?.convs.map(({ conv }) => conv)).toEqual([conv, "s.v1.2"]);
  });

  it("emits each event once and in order", async () => {
    const { welcome, deliver, emitted, client } = await script();
    await welcome();
    for (const seq of [1, 2, 2, 1, 3]) deliver(seq);
    expect(emitted("event").map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(emitted("message")).toHaveLength(3);
    expect(client.history(conv).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(client.cursor(conv)).toEqual([3, 1]);
  });

  it("takes the acknowledgement of its own message for its delivery, before the promise resolves", async () => {
    const { welcome, deliver, emitted, client, world } = await script();
    await welcome();
    deliver(1);
    const sent = client.send(conv, "你好");
    world.socket.say(ack(1, 2));
    expect(emitted("event")[1]).toMatchObject({
      seq: 2,
      prev: 1,
      ev: {
        ts: 5,
        n: 1,
        by: { role: "visitor", id: "v1" },
        body: { kind: "message", body: { text: "你好" } },
      },
    });
    await expect(sent).resolves.toMatchObject({ seq: 2 });
    deliver(2, "你好");
    expect(emitted("event")).toHaveLength(2);
  });

  it("waits for the delivery when others stand before its own message", async () => {
    const { welcome, deliver, emitted, client, world, frames } = await script();
    await welcome();
    const sent = client.send(conv, "hi");
    world.socket.say(ack(1, 2));
    await expect(sent).resolves.toMatchObject({ seq: 2 });
    expect(emitted("event")).toEqual([]);
    deliver(1);
    deliver(2, "hi");
    expect(emitted("event").map(({ seq }) => seq)).toEqual([1, 2]);
    expect(frames("follow")).toEqual([]);
  });

  it("leaves the events of other commands to their delivery, and asks when that does not come", async () => {
    const { welcome, emitted, client, world, frames } = await script();
    await welcome();
    const closed = client.close(conv);
    world.socket.say(ack(1, 1));
    await closed;
    expect(emitted("event")).toEqual([]);
    await world.pass(5_000);
    expect(frames("follow")).toMatchObject([{ conv, cursor: [0, 0] }]);
  });

  it("keeps what was sent across a lost connection and sends it again under the same numbers", async () => {
    const { welcome, client, world, frames } = await script();
    const early = client.send(conv, "before the first welcome");
    await welcome();
    const first = frames("send");
    world.socket.drop(1006);
    const late = client.send(conv, "in between");
    await world.pass(1_000);
    await welcome({ recovered: { [conv]: true } });
    expect(frames("send").map(({ n }) => n)).toEqual([1, 2]);
    expect(frames("send")[0]).toEqual(first[0]);
    world.socket.say(ack(1, 1));
    world.socket.say(ack(2, 2));
    await expect(Promise.all([early, late])).resolves.toHaveLength(2);
  });

  it("asks again from its position when an event is missing", async () => {
    const { welcome, deliver, emitted, world, frames } = await script();
    await welcome();
    deliver(1);
    deliver(3);
    deliver(4);
    expect(frames("follow")).toMatchObject([{ conv, cursor: [1, 1] }]);
    world.socket.say({ t: "conv", id: frames("follow")[0]?.["id"], recovered: true, ...followed([1, 1]) });
    for (const seq of [2, 3, 4]) deliver(seq);
    expect(emitted("event").map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  it("ends a gap that repeats in reading the log", async () => {
    const { welcome, deliver, emitted, world, frames } = await script();
    await welcome();
    deliver(2);
    world.socket.say({ t: "conv", id: frames("follow")[0]?.["id"], recovered: true, ...followed([0, 0]) });
    deliver(3);
    await world.pass(0);
    const page = { t: "page", id: frames("sync")[0]?.["id"], conv, more: false };
    world.socket.say({ ...page, items: [message(1), message(2), message(3)] });
    await world.pass(0);
    expect(emitted("event").map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(frames("follow").at(-1)).toMatchObject({ cursor: [3, 1] });
  });

  it("leaves a server that keeps skipping, with backoff", async () => {
    const { welcome, world, frames, emitted } = await script();
    await welcome();
    for (let seq = 5; seq < 30 && world.sockets.length === 1; seq += 2) {
      world.socket.say({ t: "deliver", conv, ...message(seq) });
      for (const { id } of frames("follow").slice(-1))
        world.socket.say({ t: "conv", id, recovered: true, ...followed([0, 0]) });
      for (const { id } of frames("sync").slice(-1))
        world.socket.say({ t: "page", id, conv, items: [], more: false });
      await world.pass(0);
      if (emitted("state").at(-1)?.state === "waiting") break;
    }
    expect(emitted("state").at(-1)).toMatchObject({ state: "waiting", reason: "a gap that nothing repairs" });
    expect(frames("follow").length).toBeLessThan(5);
    expect(emitted("event")).toEqual([]);
  });

  it("begins anew after a reset and takes older events from the log", async () => {
    const { welcome, deliver, world, log, client, frames } = await script();
    await welcome();
    deliver(1);
    deliver(2);
    world.socket.drop(1006);
    await world.pass(1_000);
    await welcome({ convs: [followed([8, 4])], recovered: { [conv]: "reset" } });
    expect(log.map(({ name }) => name)).toContain("reset");
    expect(client.history(conv)).toEqual([]);
    deliver(9);
    expect(frames("sync")).toMatchObject([{ before: 9, limit: 2 }]);
    const items = [message(8), message(7)];
    world.socket.say({ t: "page", id: frames("sync")[0]?.["id"], conv, items, more: true });
    await world.pass(0);
    expect(client.history(conv).map(({ seq }) => seq)).toEqual([7, 8, 9]);
  });

  it("starts from zero when the server resets a followed conversation", async () => {
    const { welcome, deliver, world, emitted, client } = await script();
    await welcome({ convs: [followed([8, 4])] });
    world.socket.say({ t: "conv", recovered: "reset", ...followed([0, 0]) });
    deliver(1);
    deliver(2);
    expect(emitted("reset")).toEqual([{ conv }]);
    expect(client.history(conv).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it("forgets a conversation that it has left", async () => {
    const { welcome, deliver, world, emitted, client } = await script();
    await welcome();
    world.socket.say({ t: "left", conv });
    deliver(1);
    expect(emitted("left")).toEqual([{ conv }]);
    expect(emitted("event")).toEqual([]);
    expect(client.conversations).toEqual([]);
  });

  it("acknowledges deliveries with the next ping, or alone after three seconds or 64 of them", async () => {
    const { welcome, deliver, world, frames } = await script();
    await welcome();
    deliver(1);
    world.socket.say({ t: "ping" });
    expect(frames("pong")).toEqual([{ t: "pong", acks: { [conv]: 1 } }]);
    deliver(2);
    await world.pass(3_000);
    expect(frames("dack")).toEqual([{ t: "dack", acks: { [conv]: 2 } }]);
    for (let seq = 3; seq <= 66; seq += 1) deliver(seq);
    expect(frames("dack").at(-1)).toEqual({ t: "dack", acks: { [conv]: 66 } });
  });

  it("acknowledges its own messages too, which came as their acknowledgements", async () => {
    const { welcome, world, client, frames } = await script();
    await welcome();
    const sent = client.send(conv, "hello");
    world.socket.say(ack(1, 1));
    await sent;
    await world.pass(3_000);
    expect(frames("dack")).toEqual([{ t: "dack", acks: { [conv]: 1 } }]);
  });

  it("reads the log when its producer is unknown and resends only what is not there", async () => {
    const { welcome, world, client, frames } = await script();
    await welcome();
    const first = client.send(conv, "one");
    world.socket.say(ack(1, 1));
    await first;
    const sent = [client.send(conv, "two"), client.send(conv, "three")];
    world.socket.say({ t: "nack", conv, p: "id-0001", n: 2, code: "PRODUCER_UNKNOWN", retry: "sync" });
    await world.pass(0);
    expect(frames("sync")).toMatchObject([{ conv, after: 1 }]);
    const found = { ...message(2, "two"), ev: { ...message(2).ev, p: "id-0001", n: 2 } };
    world.socket.say({ t: "page", id: frames("sync")[0]?.["id"], conv, items: [found], more: false });
    await world.pass(0);
    await expect(sent[0]).resolves.toMatchObject({ seq: 2 });
    expect(frames("send").at(-1)).toMatchObject({ p: "id-0002", n: 1, after: 0, body: { text: "three" } });
  });

  it("asks a question again on the next connection", async () => {
    const { welcome, world, client, frames } = await script();
    await welcome();
    const page = client.sync(conv, { after: 0, limit: 5 });
    world.socket.drop(1006);
    await world.pass(1_000);
    await welcome({ recovered: { [conv]: true } });
    const items = [message(1)];
    world.socket.say({ t: "page", id: frames("sync")[0]?.["id"], conv, items, more: false });
    await expect(page).resolves.toEqual({ items, more: false });
  });

  it("rejects a question that is refused, and repeats one that has to wait", async () => {
    const { welcome, world, client, frames } = await script();
    await welcome();
    const listed = client.list("v2");
    world.socket.say({ t: "err", id: 1, code: "BUSY", msg: "later", retry: "same", waitMs: 100 });
    await world.pass(1_000);
    expect(frames("list")).toHaveLength(2);
    world.socket.say({ t: "err", id: 1, code: "FORBIDDEN", msg: "no", retry: "never" });
    await expect(listed).rejects.toMatchObject({ code: "FORBIDDEN", message: "no" });
  });

  it("refuses by itself what the server would close the connection for", async () => {
    const { client } = await script();
    await expect(client.send(conv, "")).rejects.toMatchObject({ code: "INVALID" });
    await expect(client.send("nowhere", "x")).rejects.toMatchObject({ code: "INVALID" });
    await expect(client.send(conv, "\u0000".repeat(15_000))).rejects.toMatchObject({ code: "TOO_LARGE" });
    await expect(client.rate(conv, 6)).rejects.toMatchObject({ code: "INVALID" });
  });

  it("repeats a read mark that was lost, and keeps unread counts right", async () => {
    const { welcome, deliver, world, client, frames } = await script();
    await welcome();
    deliver(1);
    deliver(2);
    expect(client.conversations[0]).toMatchObject({ unread: 2, read: 0 });
    client.read(conv, 2);
    client.read(conv, 1);
    expect(frames("read")).toEqual([{ t: "read", conv, seq: 2 }]);
    expect(client.conversations[0]).toMatchObject({ unread: 0, read: 2 });
    deliver(3);
    expect(client.conversations[0]).toMatchObject({ unread: 1 });
    world.socket.say({ t: "read", conv, user: "v1", role: "visitor", seq: 3 });
    expect(client.conversations[0]).toMatchObject({ unread: 0, read: 3 });
    world.socket.drop(1006);
    await world.pass(1_000);
    await welcome({ convs: [followed([2, 1], { read: 1 })], recovered: { [conv]: true } });
    expect(frames("read")).toEqual([{ t: "read", conv, seq: 2 }]);
  });

  it("says that one is typing at most every two seconds", async () => {
    const { welcome, world, client, frames } = await script();
    await welcome();
    client.typing(conv);
    client.typing(conv);
    await world.pass(2_000);
    client.typing(conv);
    expect(frames("typing")).toHaveLength(2);
  });
});
