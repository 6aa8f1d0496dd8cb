import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { developmentSecret, startLocalNode, type LocalNode } from "../../compose/local/node.ts";
import { jwtTokens } from "../../edge/auth.ts";
import { closeCodes } from "../../protocol/codes.ts";
import { limits } from "../../protocol/limits.ts";
import { attachedClient, rawClient, type RawClient } from "./raw-client.ts";
import { testTenant } from "./test-cluster.ts";

const tokens = jwtTokens(developmentSecret, () => Date.now());
const hourMs = 3600_000;

describe("bad input gets a stable code and changes nothing", () => {
  let node: LocalNode;
  let dir: string;
  let names = 0;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "usher-refusals-"));
    const tenants = join(dir, "tenants.json");
    writeFileSync(tenants, JSON.stringify({ tenants: [testTenant(), { ...testTenant(), id: "other" }] }));
    node = await startLocalNode({
      name: "alone",
      env: { USHER_TENANTS: tenants, USHER_DATA: join(dir, "data") },
    });
  });
  afterAll(async () => {
    await node.process.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const tokenOf = async (role: string, user: string, tenant = "demo", ttlMs = hourMs): Promise<string> =>
    (await tokens.issue({ tenant, role, user }, ttlMs)).token;
  const attach = async (role: string, user: string, tenant = "demo"): Promise<RawClient> =>
    attachedClient(node.socketUrl, await tokenOf(role, user, tenant), `device${++names}`);
  const text = (value: string): object => ({ kind: "text", text: value });

  /** A visitor with an open conversation of two events: opened and, since no robot is there, queued. */
  const opened = async (): Promise<{ visitor: RawClient; user: string; conv: string }> => {
    const user = `visitor${++names}`;
    const visitor = await attach("visitor", user);
    visitor.send({ t: "open", p: "opener", n: 1, after: 0, channel: "c0" });
    const { conv = "" } = await visitor.next("ack");
    await visitor.next("deliver", ({ seq }) => seq === 2);
    return { visitor, user, conv };
  };
  /** How many events the log has. */
  const length = async (client: RawClient, conv: string): Promise<number> => {
    const id = ++names;
    client.send({ t: "sync", id, conv, after: 0 });
    return (await client.next("page", (page) => page.id === id)).items.length;
  };

  it("closes with 4000 on text that is no frame", async () => {
    const cases = [
      ["{", "not JSON"],
      ["[]", "no frame type"],
      ["42", "no frame type"],
      ['{"no":"t"}', "no frame type"],
      ['{"t":"auth"}', "malformed auth: token: must be a string of 1 to 4096 characters"],
      [
        '{"t":"auth","token":"x","device":"a b","attempt":1}',
        "malformed auth: device: must be a string that matches ^[A-Za-z0-9_-]{1,64}$",
      ],
      [
        '{"t":"typing","conv":"nowhere"}',
        "malformed typing: conv: must be a string that matches ^(s\\.[A-Za-z0-9_-]{1,64}\\.[0-9a-z]{1,10}|g\\.[A-Za-z0-9_-]{1,64})$",
      ],
    ] as const;
    for (const [bad, msg] of cases) {
      const client = await rawClient(node.socketUrl);
      client.send(bad);
      expect(await client.next("err")).toMatchObject({ code: "BAD_FRAME", msg });
      expect(await client.closed()).toBe(closeCodes.badFrame);
    }
  });

  it("ignores frames and fields that it does not know", async () => {
    const { visitor, conv } = await opened();
    visitor.send({ t: "hologram", conv });
    visitor.send({
      t: "send",
      conv,
      p: "p1",
      n: 1,
      after: 0,
      body: { ...text("hi"), colour: "blue" },
      mood: 7,
    });
    expect((await visitor.next("ack", (ack) => ack.p === "p1")).seq).toBe(3);
    visitor.close();
  });

  it("closes with 4004 on a frame above 64 KB", async () => {
    const client = await attach("visitor", "large");
    client.send({ t: "ping", filler: "x".repeat(limits.maxFrameBytes) });
    expect((await client.next("err")).code).toBe("TOO_LARGE");
    expect(await client.closed()).toBe(closeCodes.tooLarge);
  });

  it("refuses a body above the limit, and the next number goes on after it", async () => {
    const { visitor, conv } = await opened();
    visitor.send({
      t: "send",
      conv,
      p: "p1",
      n: 1,
      after: 0,
      body: text("x".repeat(limits.maxTextUnits + 1)),
    });
    expect(await visitor.next("nack")).toMatchObject({ code: "TOO_LARGE", retry: "never", n: 1 });
    visitor.send({ t: "send", conv, p: "p1", n: 2, after: 1, body: text("shorter") });
    expect(await visitor.next("ack", (ack) => ack.p === "p1")).toMatchObject({ n: 2, seq: 3 });
    visitor.close();
  });

  it("closes with 4002 on a token that is forged, expired or of no known role", async () => {
    const other = jwtTokens("another-secret-another-secret-12", () => Date.now());
    const bad = [
      "nonsense",
      (await other.issue({ tenant: "demo", role: "agent", user: "amy" }, hourMs)).token,
      await tokenOf("visitor", "late", "demo", -1000),
      await tokenOf("emperor", "nero"),
      await tokenOf("visitor", "a.b/c"),
    ];
    for (const token of bad) {
      const client = await rawClient(node.socketUrl);
      client.send({ t: "auth", token, device: "d", attempt: 1 });
      expect(await client.next("err")).toMatchObject({ code: "UNAUTHORIZED", retry: "never" });
      expect(await client.closed()).toBe(closeCodes.badToken);
    }
  });

  it("closes with 4203 when a token runs out on an open connection", async () => {
    const token = await tokenOf("visitor", "brief", "demo", 2500);
    const client = await attachedClient(node.socketUrl, token, "d");
    expect(await client.closed()).toBe(closeCodes.tokenExpired);
  });

  it("closes with 4000 on a command before auth", async () => {
    const client = await rawClient(node.socketUrl);
    client.send({ t: "open", p: "p1", n: 1, after: 0, channel: "c0" });
    expect((await client.next("err")).code).toBe("UNAUTHORIZED");
    expect(await client.closed()).toBe(closeCodes.badFrame);
  });

  it("closes with 4003 on another subprotocol", async () => {
    const { WebSocket } = await import("ws");
    const socket = new WebSocket(node.socketUrl, "usher.v9");
    const code = await new Promise<number>((resolve) => {
      socket.on("close", resolve);
      socket.on("error", () => resolve(-1));
    });
    expect([closeCodes.version, -1]).toContain(code);
  });

  it("lets no customer reach another customer", async () => {
    const { conv } = await opened();
    const stranger = await attach("visitor", "stranger");
    stranger.send({ t: "send", conv, p: "p1", n: 1, after: 0, body: text("hello?") });
    expect(await stranger.next("nack")).toMatchObject({ code: "FORBIDDEN", retry: "never" });
    for (const frame of [
      { t: "sync", id: "a", conv, after: 0 },
      { t: "follow", id: "b", conv },
      { t: "list", id: "c", visitor: "anybody" },
    ]) {
      stranger.send(frame);
      expect(await stranger.next("err", (err) => err.id === frame.id)).toMatchObject({ code: "FORBIDDEN" });
    }
    stranger.send({ t: "create", conv: "g.mine", p: "p2", n: 1, after: 0, title: "us", members: [] });
    expect(await stranger.next("nack", (nack) => nack.p === "p2")).toMatchObject({ code: "FORBIDDEN" });
    stranger.close();
  });

  it("resumes nothing that is not one's own", async () => {
    const { conv } = await opened();
    const client = await attachedClient(node.socketUrl, await tokenOf("visitor", "curious"), "d", 1, {
      [conv]: [1, 1],
    });
    const welcome = await client.next("welcome");
    expect(welcome.recovered[conv]).toBe("left");
    expect(welcome.convs).toEqual([]);
    client.close();
  });

  it("keeps tenants apart: another tenant's agent finds nothing", async () => {
    const { visitor, user, conv } = await opened();
    const foreign = await attach("agent", "agent0", "other");
    foreign.send({ t: "send", conv, p: "p1", n: 1, after: 0, body: text("hello") });
    expect(await foreign.next("nack")).toMatchObject({ code: "NOT_FOUND", retry: "never" });
    foreign.send({ t: "sync", id: 1, conv, after: 0 });
    expect(await foreign.next("err", (err) => err.id === 1)).toMatchObject({ code: "NOT_FOUND" });
    foreign.send({ t: "list", id: 2, visitor: user });
    expect((await foreign.next("list")).convs).toEqual([]);
    expect(await length(visitor, conv)).toBe(2);
    visitor.close();
    foreign.close();
  });

  it("refuses verbs of another role and states that do not fit, each with its code", async () => {
    const { visitor, conv } = await opened();
    const cases = [
      [{ t: "note", conv, body: text("psst") }, "FORBIDDEN"],
      [{ t: "takeover", conv }, "FORBIDDEN"],
      [{ t: "transfer", conv, desk: "d1" }, "FORBIDDEN"],
      [{ t: "rate", conv, stars: 5 }, "WRONG_STATE"],
      [{ t: "human", conv, desk: "nowhere" }, "NOT_FOUND"],
      [{ t: "recall", conv, seq: 1 }, "NOT_FOUND"],
      [{ t: "rate", conv, stars: 9 }, "INVALID"],
    ] as const;
    for (const [i, [frame, code]] of cases.entries()) {
      visitor.send({ ...frame, p: "p1", n: i + 1, after: i });
      const nack = await visitor.next("nack", (one) => one.n === i + 1);
      expect([i, nack.code, nack.retry]).toEqual([i, code, "never"]);
    }
    expect(await length(visitor, conv)).toBe(2);
    expect(await visitor.next("nack", (one) => one.code === "INVALID")).toMatchObject({
      msg: "stars: must be an integer from 1 to 5",
    });
    visitor.send({ t: "open", p: "p2", n: 1, after: 0, channel: "nowhere" });
    expect((await visitor.next("nack", (one) => one.p === "p2")).code).toBe("NOT_FOUND");
    visitor.close();
  });

  it("answers NOT_FOUND for a conversation that never was", async () => {
    const visitor = await attach("visitor", "dreamer");
    visitor.send({ t: "send", conv: "s.dreamer.7", p: "p1", n: 1, after: 0, body: text("anyone?") });
    expect((await visitor.next("nack")).code).toBe("NOT_FOUND");
    visitor.close();
  });

  it("answers a gap with the last number, a repeat with its old answer, a reuse with a conflict", async () => {
    const { visitor, conv } = await opened();
    const send = (n: number, after: number, value: string): void =>
      visitor.send({ t: "send", conv, p: "p1", n, after, body: text(value) });
    send(1, 0, "one");
    const first = await visitor.next("ack", (ack) => ack.p === "p1" && ack.n === 1);
    send(3, 2, "three");
    expect(await visitor.next("nack", (nack) => nack.n === 3)).toMatchObject({
      code: "GAP",
      retry: "from-last",
      last: 1,
    });
    visitor.frames.length = 0;
    send(1, 0, "one");
    expect(await visitor.next("ack")).toEqual(first);
    send(1, 0, "another");
    expect(await visitor.next("nack", (nack) => nack.n === 1)).toMatchObject({
      code: "PRODUCER_CONFLICT",
      retry: "never",
    });
    send(9, 1, "nine");
    expect(await visitor.next("ack", (ack) => ack.n === 9)).toMatchObject({ seq: 4 });
    send(5, 1, "five");
    expect(await visitor.next("nack", (nack) => nack.n === 5)).toMatchObject({
      code: "SKIPPED",
      retry: "never",
    });
    visitor.send({ t: "send", conv, p: "p9", n: 40, after: 39, body: text("who am I") });
    expect(await visitor.next("nack", (nack) => nack.p === "p9")).toMatchObject({
      code: "PRODUCER_UNKNOWN",
      retry: "sync",
    });
    expect(await length(visitor, conv)).toBe(4);
    visitor.close();
  });

  it("tells a sender above the rate to wait, and takes the same command later", async () => {
    const { visitor, conv } = await opened();
    const count = limits.commandBurst + 40;
    for (let n = 1; n <= count; n++) {
      visitor.send({ t: "send", conv, p: "p1", n, after: n - 1, body: text(`message ${n}`) });
    }
    const nack = await visitor.next("nack", (one) => one.code === "RATE_LIMITED");
    expect(nack.retry).toBe("same");
    expect(nack.waitMs).toBeGreaterThan(0);
    visitor.close();
  });
});
