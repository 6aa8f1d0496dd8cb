import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Client } from "../../client/client.ts";
import { nodeEnvironment } from "../../client/socket-node.ts";
import { startNats, type LocalNats } from "../../compose/local/nats.ts";
import { startLocalNode, type LocalNode } from "../../compose/local/node.ts";
import { startRedis, type LocalRedis } from "../../compose/local/redis.ts";
import { eventually } from "../support/eventually.ts";

describe("the main job over three nodes with the demo tenant", () => {
  let nats: LocalNats;
  let redis: LocalRedis;
  let nodes: LocalNode[];
  const clients: Client[] = [];

  beforeAll(async () => {
    nats = await startNats();
    redis = await startRedis();
    nodes = await Promise.all(
      ["m1", "m2", "m3"].map((name) => startLocalNode({ name, natsUrl: nats.url, redisUrl: redis.url })),
    );
  });
  afterAll(async () => {
    for (const client of clients) client.stop();
    await Promise.all(nodes.map((node) => node.process.stop()));
    await redis.stop();
    await nats.stop();
  });

  const tokenOf = async (role: string, user: string): Promise<string> => {
    const response = await fetch(`${nodes[0]?.url}/v1/tokens`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ role, user }),
    });
    return ((await response.json()) as { token: string }).token;
  };
  const join = async (role: string, user: string, node: number): Promise<Client> => {
    const client = connect({
      url: nodes[node]?.socketUrl ?? "",
      token: await tokenOf(role, user),
      environment: nodeEnvironment(),
    });
    clients.push(client);
    await eventually(() => client.state.state === "online", 10_000, `${user} is online`);
    return client;
  };
  /** What was said in a conversation, as one client sees it: `role: text`, and other events by their kind. */
  const story = (client: Client, conv: string): string[] =>
    client
      .history(conv)
      .map(({ ev: { by, body } }) =>
        (body.kind === "message" || body.kind === "note") && body.body.kind === "text"
          ? `${by.role}: ${body.body.text.slice(0, 24)}`
          : body.kind,
      );

  it("goes from the robot to an agent on another node, to the close and the rating", async () => {
    const visitor = await join("visitor", "ann", 0);
    const amy = await join("agent", "amy", 1);
    const announced: { channel?: string; openedAt: number }[] = [];
    visitor.on("conversation", (followed) => announced.push(followed));
    const conv = await visitor.open("web", { meta: { page: "/cart" } });
    await eventually(() => announced.length > 0);
    expect(announced[0]).toMatchObject({ channel: "web" });
    expect(announced[0]?.openedAt).toBeGreaterThan(0);
    await visitor.send(conv, "How do I get an invoice?");
    await eventually(() => story(visitor, conv).filter((line) => line.startsWith("robot")).length >= 2);
    await visitor.send(conv, "怎么退货？");
    await eventually(() => story(visitor, conv).filter((line) => line.startsWith("robot")).length >= 3);
    const robotSaid = visitor
      .history(conv)
      .flatMap(({ ev }) => (ev.by.role === "robot" ? JSON.stringify(ev.body) : []));
    expect(robotSaid[1]).toContain("Invoice");
    expect(robotSaid[2]).toContain("7");

    const positions: number[] = [];
    visitor.on("queue", ({ position }) => positions.push(position));
    await visitor.human(conv);
    await eventually(() => positions.includes(1), 10_000, "the visitor waits in the first place");
    expect(story(visitor, conv).at(-1)).toBe("queued");
    await amy.status("available");
    await eventually(() => story(amy, conv).includes("assigned"), 10_000, "amy has the chat");
    await amy.send(conv, "Hello Ann, I am Amy.");
    await visitor.send(conv, "Nice!");
    await amy.note(conv, "a polite customer");
    await visitor.send(conv, "Bye");
    await eventually(() => story(amy, conv).at(-1) === "visitor: Bye");
    expect(story(amy, conv)).toContain("agent: a polite customer");
    const amySaw: string[] = [];
    amy.on("event", ({ ev }) => amySaw.push(ev.body.kind));
    amy.on("left", () => amySaw.push("left"));
    await amy.close(conv);
    await eventually(() => amySaw.includes("left"), 10_000, "amy has left");
    expect(amySaw.slice(0, amySaw.indexOf("left"))).toContain("closed");
    await visitor.rate(conv, 5, "quick");
    await eventually(() => story(visitor, conv).at(-1) === "rated");
    const seen = story(visitor, conv).slice(story(visitor, conv).indexOf("queued"));
    expect(seen).toEqual([
      "queued",
      "assigned",
      "agent: Hello Ann, I am Amy.",
      "visitor: Nice!",
      "visitor: Bye",
      "closed",
      "rated",
    ]);
    await expect(visitor.send(conv, "one more thing")).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("shows an agent the visitor's earlier conversations, over the socket and over HTTP", async () => {
    const amy = await join("agent", "amy", 0);
    // An agent who is still there from another test might get the chat before its visitor closes it.
    await amy.status("away");
    const visitor = await join("visitor", "ben", 1);
    const first = await visitor.open("app");
    await visitor.close(first);
    const second = await eventually(async () => {
      const conv = await visitor.open("app");
      return conv === first ? undefined : conv;
    });
    const bo = await join("agent", "bo", 2);
    const list = await bo.list("ben");
    expect(list.map(({ conv, open }) => [conv, open])).toEqual([
      [second, true],
      [first, false],
    ]);
    const page = await bo.sync(first, { after: 0 });
    expect(page.items.map(({ ev }) => ev.body.kind)).toEqual(["opened", "queued", "closed"]);
    const url = `${nodes[0]?.url}/v1/visitors/ben/history`;
    const agentToken = await tokenOf("agent", "bo");
    const answer = await fetch(url, { headers: { authorization: `Bearer ${agentToken}` } });
    const { conversations } = (await answer.json()) as { conversations: { conv: string }[] };
    expect(conversations.map(({ conv }) => conv)).toEqual([second, first]);
    const strangerToken = await tokenOf("visitor", "eve");
    expect((await fetch(url, { headers: { authorization: `Bearer ${strangerToken}` } })).status).toBe(403);
    expect((await fetch(url)).status).toBe(401);
  });

  it("gives one open conversation per visitor and channel, whatever node is asked", async () => {
    const one = await join("visitor", "cat", 0);
    const two = await join("visitor", "cat", 2);
    const [a, b] = await Promise.all([one.open("app"), two.open("app")]);
    expect(a).toBe(b);
  });

  it("carries a group of staff over all nodes; who leaves hears no more; strangers stay out", async () => {
    const amy = await join("agent", "amy", 0);
    const bo = await join("agent", "bo", 1);
    const sue = await join("supervisor", "sue", 2);
    const conv = await amy.create("Lunch", ["bo"]);
    await amy.send(conv, "Noodles?");
    await eventually(() => story(bo, conv).includes("agent: Noodles?"), 10_000, "bo hears it");
    await expect(sue.send(conv, "Me too")).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(sue.sync(conv, { after: 0 })).rejects.toMatchObject({ code: "FORBIDDEN" });
    await sue.join(conv);
    await sue.send(conv, "Me too");
    await eventually(() => story(bo, conv).at(-1) === "supervisor: Me too", 10_000, "bo hears sue");
    await sue.sync(conv, { after: 0 });
    await bo.leave(conv);
    await amy.send(conv, "At noon");
    await eventually(() => story(sue, conv).at(-1) === "agent: At noon", 10_000, "sue hears it");
    await expect(bo.send(conv, "wait")).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(story(bo, conv)).not.toContain("agent: At noon");
    const visitor = await join("visitor", "dan", 0);
    await expect(visitor.send(conv, "hi")).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(visitor.join(conv)).rejects.toMatchObject({ code: "FORBIDDEN" });
  });

  it("tells typing and reading to the other side, and locates a user on one node from everywhere", async () => {
    const visitor = await join("visitor", "fay", 0);
    const amy = await join("agent", "amy", 2);
    await amy.status("available");
    const conv = await visitor.open("app");
    await eventually(() => story(amy, conv).includes("assigned"), 10_000, "amy has the chat");
    const typed: string[] = [];
    amy.on("typing", ({ user }) => typed.push(user));
    await eventually(
      () => {
        visitor.typing(conv);
        return typed.includes("fay");
      },
      10_000,
      "typing is shown",
    );
    const { seq } = await visitor.send(conv, "there?");
    await eventually(() => amy.cursor(conv)?.[0] === seq);
    const reads: number[] = [];
    visitor.on("read", (read) => reads.push(read.seq));
    amy.read(conv, seq);
    await eventually(() => reads.includes(seq), 10_000, "reading is shown");
    const token = await tokenOf("visitor", "fay");
    const places = await Promise.all(
      nodes.map(async ({ url }) => {
        const answer = await fetch(`${url}/v1/locate`, { headers: { authorization: `Bearer ${token}` } });
        return (await answer.json()) as { node: string; url: string };
      }),
    );
    expect(new Set(places.map(({ node }) => node)).size).toBe(1);
    expect(nodes.map(({ socketUrl }) => socketUrl)).toContain(places[0]?.url);
  });
});
