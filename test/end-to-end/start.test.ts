import { afterEach, describe, expect, it } from "vitest";
import { startNats, type LocalNats } from "../../compose/local/nats.ts";
import { startLocalNode, type LocalNode } from "../../compose/local/node.ts";
import { freePort } from "../../compose/local/process.ts";
import { startRedis, type LocalRedis } from "../../compose/local/redis.ts";
import { eventually } from "../support/eventually.ts";

describe("the start of a node", () => {
  const nodes: LocalNode[] = [];
  const servers: (LocalNats | LocalRedis)[] = [];

  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.process.stop()));
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  const failing: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    [
      "a port that is none",
      { USHER_PORT: "http" },
      /configuration: USHER_PORT is "http", but takes a whole number/,
    ],
    ["a short secret", { USHER_SECRET: "short" }, /configuration: USHER_SECRET is shorter than 32/],
    [
      "Redis without NATS",
      { USHER_REDIS_URL: "redis://127.0.0.1:1" },
      /configuration: a cluster node needs both/,
    ],
    ["a setting that does not exist", { USHER_PROT: "1" }, /configuration: USHER_PROT is not a setting/],
    [
      "a tenants file that is not there",
      { USHER_TENANTS: "/nowhere.json" },
      /configuration: USHER_TENANTS: \/nowhere.json/,
    ],
    [
      "a Redis address of another kind",
      { USHER_REDIS_URL: "http://x", USHER_NATS_URL: "y" },
      /configuration: USHER_REDIS_URL/,
    ],
  ];

  it.each(failing)("stops with one readable line at %s", async (_what, env, line) => {
    const node = await startLocalNode({ name: "wrong", port: await freePort(), detached: true, env });
    nodes.push(node);
    expect(await node.process.exited).toBe(1);
    const lines = node.process.output().trim().split("\n");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(line);
  });

  it("waits for Redis and NATS, says so, and is not ready until both are there", async () => {
    const redisPort = await freePort();
    const natsPort = await freePort();
    const node = await startLocalNode({
      name: "patient",
      natsUrl: `nats://127.0.0.1:${natsPort}`,
      redisUrl: `redis://127.0.0.1:${redisPort}`,
      detached: true,
    });
    nodes.push(node);
    const readiness = async (): Promise<{ status: number; text: string }> => {
      const answer = await fetch(`${node.url}/health/ready`);
      return { status: answer.status, text: await answer.text() };
    };
    await eventually(
      async () => (await readiness()).text.includes("waiting for Redis"),
      20_000,
      "it waits for Redis",
    );
    expect((await readiness()).status).toBe(503);
    expect((await fetch(`${node.url}/health/live`)).status).toBe(200);
    await eventually(() => node.process.output().includes("waiting for Redis"));
    servers.push(await startRedis({ port: redisPort }));
    await eventually(
      async () => (await readiness()).text.includes("waiting for NATS"),
      20_000,
      "it waits for NATS",
    );
    servers.push(await startNats({ port: natsPort }));
    await eventually(async () => (await readiness()).status === 200, 20_000, "it serves");
  });

  it("refuses a Redis that may forget keys", async () => {
    const redis = await startRedis({ args: ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"] });
    const nats = await startNats();
    servers.push(redis, nats);
    const node = await startLocalNode({
      name: "strict",
      natsUrl: nats.url,
      redisUrl: redis.url,
      detached: true,
    });
    nodes.push(node);
    expect(await node.process.exited).toBe(1);
    expect(node.process.output()).toMatch(/noeviction/);
  });
});
