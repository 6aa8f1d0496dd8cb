import { describe, expect, it } from "vitest";
import { conv, followed, message, script } from "./script.ts";
import type { Refusal } from "../../client/refusal.ts";

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

describe("client's connection", () => {
  it("offers the subprotocol, authenticates after hello, and tells who it is after welcome", async () => {
    const { world, client, welcome, frames, emitted } = await script();
    expect(world.socket.subprotocol).toBe("usher.v1.json");
    expect(frames("auth")).toEqual([]);
    await welcome();
    expect(frames("auth")).toMatchObject([{ token: "token", device: "d1", cursors: {} }]);
    expect(emitted("welcome")).toMatchObject([{ user: "v1", role: "visitor", convs: [{ conv }] }]);
    expect(emitted("state").map(({ state }) => state)).toEqual(["connecting", "online"]);
    expect(client.identity?.session).toBe("v.v1");
  });

  it("never lets a late event of an old socket touch the new connection", async () => {
    const { welcome, world, emitted, client } = await script();
    await welcome();
    const old = world.socket;
    await world.pass(36_000);
    expect(old.closedWith).toBe(1000);
    await world.pass(1_000);
    expect(world.socket).not.toBe(old);
    await welcome({ recovered: { [conv]: true } });
    old.say({ t: "deliver", conv, ...message(1) });
    old.say({ t: "drain", afterMs: 0 });
    old.drop(4005);
    await world.pass(2_000);
    expect(emitted("event")).toEqual([]);
    expect(client.state.state).toBe("online");
    expect(world.sockets).toHaveLength(2);
  });

  it("recovers a quiet connection from the base of its welcome", async () => {
    const { welcome, world, frames } = await script();
    await welcome({ convs: [followed([41, 3])] });
    world.socket.drop(1006);
    await world.pass(1_000);
    await welcome({ convs: [followed([41, 3])], recovered: { [conv]: true } });
    expect(frames("auth")).toMatchObject([{ cursors: { [conv]: [41, 3] } }]);
  });

  it("raises its attempt number with each auth, and across restarts when it has storage", async () => {
    const first = await script({ storage: true });
    first.world.wallStart = 1_000;
    first.world.stored.set("usher.attempt.d1", "9000");
    await first.welcome();
    expect(first.frames("auth")).toMatchObject([{ attempt: 9001 }]);
    first.world.socket.drop(1006);
    await first.world.pass(1_000);
    await first.welcome();
    expect(first.frames("auth")).toMatchObject([{ attempt: 9002 }]);
    first.client.stop();
    const second = await script({ storage: true, world: first.world });
    await second.welcome();
    expect(second.frames("auth")).toMatchObject([{ attempt: 9003 }]);
  });

  it("comes back when a drain asks for it, and rejects nothing", async () => {
    const { welcome, world, client, frames } = await script();
    await welcome();
    const sent = client.send(conv, "x");
    world.socket.say({ t: "drain", afterMs: 700, url: "ws://two/ws" });
    await world.pass(699);
    expect(world.sockets).toHaveLength(1);
    await world.pass(2);
    expect(world.socket.url).toBe("ws://two/ws");
    await welcome({ recovered: { [conv]: true } });
    expect(frames("send")).toHaveLength(1);
    world.socket.say(ack(1, 1));
    await expect(sent).resolves.toMatchObject({ seq: 1 });
  });

  it("goes back to its own address when the named one does not answer", async () => {
    const { welcome, world } = await script();
    await welcome();
    world.socket.say({ t: "drain", afterMs: 0, url: "ws://two/ws" });
    await world.pass(10);
    world.socket.drop(1006);
    await world.pass(2_000);
    expect(world.sockets.map(({ url }) => url)).toEqual(["ws://one/ws", "ws://two/ws", "ws://one/ws"]);
  });

  it("prefers the address that welcome names, unless its scheme is another one", async () => {
    const { welcome, world } = await script();
    await welcome({ url: "http://evil/ws" });
    world.socket.drop(1006);
    await world.pass(1_000);
    await welcome({ url: "ws://owner/ws" });
    world.socket.drop(1006);
    await world.pass(2_000);
    expect(world.sockets.map(({ url }) => url)).toEqual(["ws://one/ws", "ws://one/ws", "ws://owner/ws"]);
  });

  it("gets a fresh token for each connection and when the old one has expired", async () => {
    let tokens = 0;
    const { welcome, world, frames, client } = await script({ token: () => `token ${(tokens += 1)}` });
    await welcome();
    world.socket.drop(4203);
    await world.pass(1_000);
    await welcome();
    expect(frames("auth")).toMatchObject([{ token: "token 2" }]);
    const renewed = client.renewToken();
    await world.pass(0);
    expect(frames("reauth")).toMatchObject([{ token: "token 3" }]);
    world.socket.say({ t: "ok", id: frames("reauth")[0]?.["id"] });
    await expect(renewed).resolves.toBeUndefined();
  });

  it("stops when the token is bad and no other can be had, and rejects what is unanswered", async () => {
    const { world, client, emitted } = await script();
    const sent = client.send(conv, "x");
    world.socket.drop(4002, "bad token");
    await expect(sent).rejects.toMatchObject({ code: "STOPPED" } satisfies Partial<Refusal>);
    await expect(client.sync(conv)).rejects.toMatchObject({ code: "STOPPED" });
    expect(emitted("state").at(-1)).toEqual({ state: "stopped", code: 4002, reason: "bad token" });
    await world.pass(100_000);
    expect(world.sockets).toHaveLength(1);
  });

  it("tries a bad token's successor twice, not forever", async () => {
    const { world } = await script({ token: () => "bad" });
    for (let round = 0; round < 6; round += 1) {
      world.socket.drop(4002);
      await world.pass(10_000);
    }
    expect(world.sockets).toHaveLength(3);
  });

  it("waits when no token can be had, then tries again", async () => {
    let asked = 0;
    const { world, emitted } = await script({
      token: () => ((asked += 1) === 1 ? Promise.reject(new Error("offline")) : "token"),
    });
    expect(emitted("state").at(-1)).toMatchObject({ state: "waiting", reason: "offline" });
    await world.pass(1_000);
    expect(world.sockets).toHaveLength(1);
  });

  it("stays away as long as a refusal asks", async () => {
    const { world } = await script();
    world.socket.say({ t: "err", code: "BUSY", msg: "full", retry: "same", waitMs: 20_000 });
    world.socket.drop(4100);
    await world.pass(19_999);
    expect(world.sockets).toHaveLength(1);
    await world.pass(6_000);
    expect(world.sockets).toHaveLength(2);
  });

  it("probes when the device wakes up, and does not wait out its backoff", async () => {
    const { welcome, world, frames } = await script();
    await welcome();
    world.wake();
    expect(frames("ping")).toHaveLength(1);
    for (let drop = 0; drop < 8; drop += 1) {
      world.socket.drop(1006);
      await world.pass(30_000);
    }
    world.socket.drop(1006);
    const before = world.sockets.length;
    world.wake();
    await world.pass(1);
    expect(world.sockets).toHaveLength(before + 1);
  });

  it("comes back at once when the device wakes up twice, and then later and later, within five seconds", async () => {
    const { welcome, world } = await script();
    await welcome();
    for (let drop = 0; drop < 8; drop += 1) {
      world.socket.drop(1006);
      await world.pass(30_000);
    }
    const backAfter = async (): Promise<number> => {
      world.socket.drop(1006);
      world.wake();
      const before = world.sockets.length;
      const from = world.now;
      for (let look = 0; look < 1000 && world.sockets.length === before; look += 1) await world.pass(10);
      return world.now - from;
    };
    const waits: number[] = [];
    for (let wakes = 0; wakes < 8; wakes += 1) waits.push(await backAfter());
    // Its backoff, which begins anew with the first time, may end sooner.
    [10, 250, 500, 1000, 2000, 4000, 5000, 5000].forEach((most, i) =>
      expect(waits[i]).toBeLessThanOrEqual(most),
    );
    expect(waits.slice(1).every((ms) => ms > 100)).toBe(true);
    await world.pass(10_000);
    expect(await backAfter()).toBe(10);
    expect(await backAfter()).toBeLessThanOrEqual(250);
  });

  it("comes back at once when the device woke up during an attempt that then failed", async () => {
    const { welcome, world } = await script();
    await welcome();
    for (let drop = 0; drop < 8; drop += 1) {
      world.socket.drop(1006);
      await world.pass(30_000);
    }
    const before = world.sockets.length;
    world.wake();
    world.socket.drop(1006);
    await world.pass(1);
    expect(world.sockets).toHaveLength(before + 1);
  });

  it("does not hold against the server what failed before the device woke up", async () => {
    const { welcome, world, client } = await script();
    const waits: number[] = [];
    client.on("state", (now) => {
      if (now.state === "waiting") waits.push(now.retryInMs);
    });
    await welcome();
    for (let drop = 0; drop < 8; drop += 1) {
      world.socket.drop(1006);
      await world.pass(30_000);
    }
    expect(Math.max(...waits)).toBeGreaterThan(10_000);
    world.socket.drop(1006);
    waits.length = 0;
    world.wake();
    await world.pass(1);
    world.socket.drop(1006);
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeLessThan(1000);
  });

  it("gives up a connection on which nothing comes any more, after one probe", async () => {
    const { welcome, world, frames, client } = await script();
    await welcome();
    const sent = client.send(conv, "x");
    await world.pass(5_000);
    expect(frames("ping").length).toBeGreaterThanOrEqual(1);
    await world.pass(5_000);
    expect(world.sockets[0]?.closedWith).toBe(1000);
    await world.pass(2_000);
    await welcome({ recovered: { [conv]: true } });
    world.socket.say(ack(1, 1));
    await expect(sent).resolves.toMatchObject({ seq: 1 });
  });
});
