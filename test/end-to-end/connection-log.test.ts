import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Client } from "../../client/client.ts";
import { nodeEnvironment } from "../../client/socket-node.ts";
import { startNats, type LocalNats } from "../../compose/local/nats.ts";
import {
  developmentSecret,
  startLocalNode,
  stopLocalNode,
  type LocalNode,
} from "../../compose/local/node.ts";
import { startRedis, type LocalRedis } from "../../compose/local/redis.ts";
import { jwtTokens } from "../../edge/auth.ts";
import { readLogs } from "../../sim/import/read-logs.ts";
import { stormSettings } from "../../sim/import/settings.ts";
import { stormOf } from "../../sim/import/storm.ts";
import { simulate } from "../../sim/run.ts";
import { eventually } from "../support/eventually.ts";
import { tappedEnvironment } from "../support/tap.ts";

const devices = 24;
const staff = 3;
const tokenMs = 3600_000;

describe("the connection log of a live cluster", () => {
  let dir: string;
  let nats: LocalNats;
  let redis: LocalRedis;
  let nodes: LocalNode[] = [];
  const clients: Client[] = [];

  const logOf = (name: string): string => join(dir, `${name}.jsonl`);
  const start = (name: string, port?: number): Promise<LocalNode> =>
    startLocalNode({
      name,
      natsUrl: nats.url,
      redisUrl: redis.url,
      env: { USHER_CONNECTION_LOG: logOf(name), USHER_DRAIN_MS: "500" },
      ...(port === undefined ? {} : { port }),
    });
  const log = (name: string): Record<string, unknown>[] =>
    readFileSync(logOf(name), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const count = (name: string, event: string): number =>
    log(name).filter((line) => line["event"] === event).length;
  const allOnline = (of: readonly Client[]): boolean => of.every(({ state }) => state.state === "online");

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "usher-recorded-"));
    [nats, redis] = await Promise.all([startNats(), startRedis()]);
    nodes = await Promise.all(["n1", "n2", "n3"].map((name) => start(name)));
  });
  afterAll(async () => {
    for (const client of clients) client.stop();
    await Promise.all(nodes.map((node) => stopLocalNode(node)));
    await redis.stop();
    await nats.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  async function come(i: number): Promise<Client> {
    const [role, user] = i < staff ? ["agent", `amy${i}`] : ["visitor", `person-${i}`];
    const tokens = jwtTokens(developmentSecret, () => Date.now());
    const { token } = await tokens.issue({ tenant: "demo", role, user }, tokenMs);
    const device = `device-${i}`;
    const environment = tappedEnvironment({
      inner: nodeEnvironment(),
      device,
      urls: () => nodes.map(({ socketUrl }) => socketUrl),
      home: i,
      onViolation: () => undefined,
    });
    const client = connect({ url: "ws://usher/ws", token, device, environment });
    clients.push(client);
    if (role === "visitor") await client.open("app");
    return client;
  }

  it("becomes a storm that the simulator replays", async () => {
    const all = await Promise.all(Array.from({ length: devices }, (_, i) => come(i)));
    await eventually(() => allOnline(all), 20_000, "everybody is there");
    await eventually(() => count("n2", "attach") >= devices / 3, 5000, "n2 has written");

    nodes[1]?.process.signal("SIGKILL");
    await nodes[1]?.process.exited;
    const seen = () =>
      count("n1", "resume") + count("n3", "resume") + count("n1", "attach") + count("n3", "attach");
    await eventually(() => seen() >= devices && allOnline(all), 40_000, "all are elsewhere");
    nodes[1] = await start("n2", nodes[1]?.port);

    const third = nodes[2];
    if (third === undefined) throw new Error("there are three nodes");
    await stopLocalNode(third);
    await eventually(() => allOnline(all), 40_000, "all are elsewhere again");
    all.at(-1)?.stop();
    await eventually(() => count("n1", "detach") + count("n2", "detach") >= 1, 5000, "one has gone");
    // Who is there when the last nodes stop would come back in the simulation, where nodes do.
    for (const client of all) client.stop();
    await eventually(() => count("n1", "detach") + count("n2", "detach") >= devices, 5000, "all have gone");
    await Promise.all([stopLocalNode(nodes[0] as LocalNode), stopLocalNode(nodes[1])]);

    const text = ["n1", "n2", "n3"].map((name) => readFileSync(logOf(name), "utf8")).join("");
    expect(text).not.toMatch(/person-|device-|amy|demo/);

    const told: string[] = [];
    const logs = ["n1", "n2", "n3"].map(logOf);
    const window = { from: -Infinity, until: Infinity };
    const storm = stormOf(await readLogs(logs, window, (line) => told.push(line)));
    expect(told).toEqual([]);
    expect(storm.nodes).toEqual(["n1", "n2", "n3"]);
    expect(storm.devices).toHaveLength(devices);
    expect(storm.devices.filter(({ role }) => role === "agent")).toHaveLength(staff);
    const [first, second] = storm.faults;
    expect([first?.kind, first?.target]).toEqual(["crash", "n2"]);
    expect([second?.kind, second?.target]).toEqual(["leave", "n3"]);

    let attaches = 0;
    const settings = stormSettings(storm, { shards: 32 }, 1);
    const summary = await simulate(settings, {
      onDelivery: (_at, link, frame) => {
        if (/^n\d>/.test(link) && frame.startsWith('{"t":"welcome"')) attaches++;
        return true;
      },
    });
    expect(summary.violations).toEqual([]);
    expect(settings.users + settings.agents).toBe(devices);
    expect(storm.attaches).toBeGreaterThan(devices * 1.5);
    expect(Math.abs(attaches / storm.attaches - 1)).toBeLessThan(0.25);
  });
});
