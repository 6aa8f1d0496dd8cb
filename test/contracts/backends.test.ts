import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { silentMetrics } from "../../base/metrics.ts";
import { startNats, type LocalNats } from "../../compose/local/nats.ts";
import { startRedis } from "../../compose/local/redis.ts";
import { natsKv } from "../../placement/kv-nats.ts";
import { openBackends, type Backends } from "../../server/backends.ts";
import { readConfig } from "../../server/config.ts";
import { natsTransport } from "../../transport/nats.ts";
import { eventually } from "../support/eventually.ts";
import { recordingLog, type LogLine } from "../support/recording-log.ts";

const password = "p@ss/word";
const guarded = (pass: string): readonly string[] => ["--user", "usher", "--pass", pass];

/** What a cluster node with these settings stands on. */
function open(env: Readonly<Record<string, string>>, lines: LogLine[] = []): Promise<Backends> {
  return openBackends({
    clock: systemClock(),
    log: recordingLog(lines),
    metrics: silentMetrics(),
    config: readConfig({ USHER_SECRET: "s".repeat(32), USHER_DEV: "1", ...env }),
    node: "n1",
    onWaiting: () => {},
    stopped: () => false,
  });
}

describe("the backends of a cluster node", () => {
  it("are not opened with another number of shards than their data was made with", async () => {
    const nats = await startNats();
    const redis = await startRedis();
    const env = { USHER_NATS_URL: nats.url, USHER_REDIS_URL: redis.url };
    try {
      await (await open(env)).close();
      await expect(open({ ...env, USHER_SHARDS: "64" })).rejects.toMatchObject({ code: "STORE_CONFIG" });
    } finally {
      await redis.stop();
      await nats.stop();
    }
  });
});

describe("a NATS server that asks for a password", () => {
  let dir: string;
  let nats: LocalNats;
  let lines: LogLine[];
  beforeEach(async () => {
    lines = [];
    dir = mkdtempSync(join(tmpdir(), "usher-nats-"));
    nats = await startNats({ dir, args: guarded(password) });
  });
  afterEach(async () => {
    await nats.stop();
    rmSync(dir, { recursive: true });
  });

  it("takes the one in the URL, and a wrong one stops the start without being told", async () => {
    const redis = await startRedis();
    const as = (pass: string): Readonly<Record<string, string>> => ({
      USHER_NATS_URL: `nats://usher:${encodeURIComponent(pass)}@127.0.0.1:${nats.port}`,
      USHER_REDIS_URL: redis.url,
    });
    try {
      const backends = await open(as(password));
      expect(backends.transport.connected()).toBe(true);
      expect(await backends.kv.create("key", "value")).toMatchObject({ kind: "written" });
      await backends.close();
      const wrong = await open(as("guess"), lines).catch((error: unknown) => error);
      expect(wrong).toMatchObject({ code: "TRANSPORT_CONFIG", message: expect.stringContaining("password") });
      expect(JSON.stringify([wrong, lines])).not.toContain("guess");
    } finally {
      await redis.stop();
    }
  });

  it("is a failure that a person has to mend for the placement bucket too", async () => {
    const access = { user: "usher", pass: "guess" };
    await expect(natsKv({ servers: [nats.url], access, cluster: "c" })).rejects.toMatchObject({
      code: "KV_CONFIG",
    });
  });

  it("is tried again until it takes the password again, and a person hears of it once", async () => {
    const options = { servers: [nats.url], access: { user: "usher", pass: password }, cluster: "c" };
    const transport = await natsTransport({ ...options, log: recordingLog(lines) });
    const kv = await natsKv(options);
    await nats.stop();
    const other = await startNats({ dir, port: nats.port, args: guarded("another") });
    const refusals = (): number => other.process.output().split("authentication error").length - 1;
    await eventually(() => refusals() >= 10);
    await other.stop();
    nats = await startNats({ dir, port: nats.port, args: guarded(password) });
    await eventually(() => transport.connected() && kv.connected());
    expect(await kv.create("again", "value")).toMatchObject({ kind: "written" });
    expect(lines.filter(({ level }) => level === "error")).toMatchObject([
      { message: expect.stringContaining("NATS refuses this user") },
    ]);
    await transport.close();
    await kv.close();
  });
});
