import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { connect, type Client } from "../../client/client.ts";
import { nodeEnvironment } from "../../client/socket-node.ts";
import { startNats } from "../../compose/local/nats.ts";
import { startLocalNode, stopLocalNode, type LocalNode } from "../../compose/local/node.ts";
import { startRedis } from "../../compose/local/redis.ts";
import { limits } from "../../protocol/limits.ts";
import { eventually } from "../support/eventually.ts";
import { startNginx, type LocalNginx } from "../support/nginx.ts";

const stops: (() => Promise<void> | void)[] = [];
const nodes: LocalNode[] = [];
let nginx: LocalNginx;

beforeAll(async () => {
  const nats = await startNats();
  stops.push(() => nats.stop());
  const redis = await startRedis();
  stops.push(() => redis.stop());
  for (const name of ["node-1", "node-2", "node-3"]) {
    const node = await startLocalNode({
      name,
      natsUrl: nats.url,
      redisUrl: redis.url,
      // As behind a gateway: no address of its own, so that clients stay with the gateway's.
      env: { USHER_URL: "", USHER_LOG: "warn" },
    });
    stops.push(() => stopLocalNode(node));
    nodes.push(node);
  }
  nginx = await startNginx(nodes.map(({ port }) => port));
  stops.push(() => nginx.stop());
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

describe("nginx in front of three nodes", () => {
  it("lets a visitor and an agent talk", async () => {
    const agent = await join("agent", "amy");
    await agent.status("available");
    const visitor = await join("visitor", "talker");
    const conv = await visitor.open("app");
    await visitor.send(conv, "hello");
    await eventually(() => texts(agent, conv).includes("hello"), 20_000, "the agent reads the visitor");
    await agent.send(conv, "welcome");
    await eventually(() => texts(visitor, conv).includes("welcome"), 20_000, "the visitor reads the agent");
    expect(texts(visitor, conv)).toEqual(["hello", "welcome"]);
    await agent.status("away");
  });

  it("brings a user to the same node each time, and users to all nodes", async () => {
    const users = Array.from({ length: 24 }, (_, i) => `user-${i}`);
    const first = await Promise.all(users.map((user) => nodeAt(`${nginx.socketUrl}/${user}`)));
    expect(await Promise.all(users.map((user) => nodeAt(`${nginx.socketUrl}/${user}`)))).toEqual(first);
    expect(await Promise.all(users.map((user) => nodeAt(`${nginx.socketUrl}?user=${user}`)))).toEqual(first);
    expect(new Set(first)).toEqual(new Set(["node-1", "node-2", "node-3"]));
    const strangers = await Promise.all(users.map(() => nodeAt(nginx.socketUrl)));
    expect(new Set(strangers).size).toBe(1);
  });

  it("shows tokens and the demo page, and hides metrics, the placement and the nodes' health", async () => {
    expect(await status("/health")).toBe(200);
    expect(await status("/")).toBe(200);
    expect(await status("/v1/locate")).toBe(401);
    for (const path of [
      "/metrics",
      "//metrics",
      "/v1/../metrics",
      "/%6detrics",
      "/ws/../metrics",
      "/admin/placement",
      "/v1/%2e%2e/admin/placement",
      "/health/ready",
      "/health/live",
    ]) {
      expect([path, await status(path)]).toEqual([path, 404]);
    }
  });

  it("passes by a node that drains, while its clients go on without a refused send", async () => {
    const leaving = nodes[1];
    if (leaving === undefined) throw new Error("no node to stop");
    const users = await usersOf(leaving.name, 4);
    const talkers = await Promise.all(users.map((user) => startTalking(user)));
    const everyoneSaid = (more: number): Promise<unknown> => {
      const before = talkers.map(({ said }) => said());
      return eventually(
        () =>
          talkers.every(
            ({ said, failure }, i) => failure() !== undefined || said() >= (before[i] ?? 0) + more,
          ),
        30_000,
        "everybody said more",
      );
    };
    await everyoneSaid(3);
    await stopLocalNode(leaving);
    await everyoneSaid(3);
    const counts = await Promise.all(talkers.map(({ finish }) => finish()));
    for (const { sent, stored } of counts) expect(stored).toEqual(sent);
    // It refused upgrades while it drained, and nginx went on to another node. nginx logs a WebSocket when it ends.
    await eventually(
      () => / 101 GET \/ws\/drain-\d+ .* 503, 101 /.test(nginx.log()),
      10_000,
      "one was passed on",
    );
    expect(nginx.log()).not.toMatch(/ 5\d\d GET \/ws/);
    for (const user of users) expect(await nodeAt(`${nginx.socketUrl}/${user}`)).not.toBe(leaving.name);
  });
});

/** A client of the SDK that comes through the gateway, under its user's own path. */
async function join(role: string, user: string): Promise<Client> {
  const response = await fetch(`${nginx.url}/v1/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ role, user }),
  });
  const { token } = (await response.json()) as { token: string };
  const client = connect({ url: `${nginx.socketUrl}/${user}`, token, environment: nodeEnvironment() });
  stops.push(() => client.stop());
  return client;
}

function texts(client: Client, conv: string): string[] {
  return client
    .history(conv)
    .map(({ ev }) => ev.body)
    .flatMap((body) => (body.kind === "message" && body.body.kind === "text" ? [body.body.text] : []));
}

/** The node that greets a connection. */
function nodeAt(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, limits.subprotocol);
    socket.once("error", reject);
    socket.once("message", (data: Buffer) => {
      resolve((JSON.parse(data.toString()) as { node: string }).node);
      socket.close();
    });
  });
}

/** Some users whom the gateway brings to that node. */
async function usersOf(node: string, count: number): Promise<string[]> {
  const found: string[] = [];
  for (let i = 0; found.length < count; i++)
    if ((await nodeAt(`${nginx.socketUrl}/drain-${i}`)) === node) found.push(`drain-${i}`);
  return found;
}

/** The status of a GET whose path goes out as it is written. */
function status(path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(`${nginx.url}/`, { path }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** A visitor who says one thing after the other until told to finish. */
async function startTalking(user: string): Promise<{
  said(): number;
  failure(): unknown;
  finish(): Promise<{ sent: string[]; stored: string[] }>;
}> {
  const client = await join("visitor", user);
  const conv = await client.open("app");
  const sent: string[] = [];
  let failure: unknown;
  let done = false;
  const talking = (async () => {
    while (!done && failure === undefined) {
      const text = `${user} says ${sent.length}`;
      await client.send(conv, text).then(
        () => sent.push(text),
        (error: unknown) => (failure = error),
      );
    }
  })();
  return {
    said: () => sent.length,
    failure: () => failure,
    async finish() {
      done = true;
      await talking;
      if (failure !== undefined) throw failure;
      const stored: string[] = [];
      for (let after = 0; ;) {
        const { items, more } = await client.sync(conv, { after });
        for (const { ev } of items)
          if (ev.body.kind === "message" && ev.body.body.kind === "text") stored.push(ev.body.body.text);
        after = items.at(-1)?.seq ?? after;
        if (more) continue;
        client.stop();
        return { sent, stored };
      }
    },
  };
}
