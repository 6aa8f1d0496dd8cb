import { describe, expect, it } from "vitest";
import { ConfigError, configHelp, readConfig } from "../../server/config.ts";

const cluster = {
  USHER_NATS_URL: "nats://a:4222, nats://b:4222",
  USHER_REDIS_URL: "redis://r:6379",
  USHER_SECRET: "s".repeat(32),
  USHER_TENANTS: "tenants.json",
};

describe("config", () => {
  it("makes an embedded node in development out of nothing", () => {
    expect(readConfig({})).toMatchObject({
      port: 8080,
      host: "127.0.0.1",
      dev: true,
      shards: 256,
      drainMs: 2000,
    });
    expect(readConfig({}).cluster).toBeUndefined();
    expect(readConfig({ USHER_PORT: "  " }).port).toBe(8080);
  });

  it("makes a cluster node, which is not in development unless told so", () => {
    expect(readConfig(cluster)).toMatchObject({
      dev: false,
      tenantsFile: "tenants.json",
      cluster: { natsServers: ["nats://a:4222", "nats://b:4222"], redisUrl: "redis://r:6379", replicas: 1 },
    });
    expect(readConfig({ ...cluster, USHER_DEV: "1", USHER_TENANTS: "" }).dev).toBe(true);
  });

  const wrong: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ USHER_PRT: "1" }, /^USHER_PRT is not a setting; --help lists them$/],
    [{ USHER_PORT: "x" }, /^USHER_PORT is "x", but takes a whole number from 0 to 65535$/],
    [{ USHER_PORT: "-1" }, /USHER_PORT/],
    [{ USHER_PORT: "65536" }, /USHER_PORT/],
    [{ USHER_PORT: "1.5" }, /USHER_PORT/],
    [{ USHER_SHARDS: "0" }, /USHER_SHARDS/],
    [{ USHER_ADMIT: "0" }, /USHER_ADMIT/],
    [{ USHER_RATE: "fast" }, /USHER_RATE/],
    [{ USHER_BURST: "0" }, /USHER_BURST/],
    [{ USHER_DRAIN_MS: "-5" }, /USHER_DRAIN_MS/],
    [{ USHER_REPLICAS: "2" }, /USHER_REPLICAS takes 1, 3 or 5/],
    [{ USHER_REPLICAS: "7" }, /USHER_REPLICAS/],
    [{ USHER_DEV: "yes" }, /USHER_DEV is "yes", but takes 0 or 1/],
    [{ USHER_COMPRESS: "2" }, /USHER_COMPRESS/],
    [{ USHER_LOG: "loud" }, /USHER_LOG/],
    [{ USHER_NODE: "a b" }, /USHER_NODE/],
    [{ USHER_CLUSTER: "Big" }, /USHER_CLUSTER/],
    [{ USHER_URL: "http://x" }, /USHER_URL/],
    [{ USHER_SECRET: "short" }, /USHER_SECRET is shorter/],
    [{ USHER_DEV: "0" }, /USHER_TENANTS/],
    [{ USHER_NATS_URL: "nats://a" }, /needs both/],
    [{ USHER_REDIS_URL: "redis://a" }, /needs both/],
    [{ ...cluster, USHER_REDIS_URL: "http://a" }, /redis:\/\//],
    [{ ...cluster, USHER_SECRET: "" }, /USHER_SECRET/],
    [{ ...cluster, USHER_TENANTS: "" }, /USHER_TENANTS/],
  ];
  it.each(wrong)("stops at %o with one line", (env, line) => {
    expect(() => readConfig(env)).toThrow(ConfigError);
    expect(() => readConfig(env)).toThrow(line);
    try {
      readConfig(env);
    } catch (error) {
      expect((error as Error).message).not.toContain("\n");
      expect((error as Error).message).not.toContain("s".repeat(32));
    }
  });

  it("lists every setting that it knows", () => {
    const help = configHelp();
    for (const key of Object.keys(cluster)) expect(help).toContain(key);
    const listed = [...help.matchAll(/^ {2}(USHER_[A-Z_]+)/gm)].map(([, key]) => key ?? "");
    expect(listed.length).toBeGreaterThan(15);
    for (const key of listed) expect(() => readConfig({ [key]: "" })).not.toThrow(/not a setting/);
  });
});
