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

  it.each(["redis", "rediss", "redis-cluster", "rediss-cluster"])("takes %s:// for the store", (scheme) => {
    const redisUrl = `${scheme}://r:6379`;
    expect(readConfig({ ...cluster, USHER_REDIS_URL: redisUrl }).cluster).toMatchObject({ redisUrl });
    expect(configHelp()).toContain(`${scheme}://`);
  });

  it("reads origins as browsers send them", () => {
    const origins =
      "https://Shop.example/, http://a.example:80, https://b.example:8443, capacitor://localhost";
    expect(readConfig({ USHER_ORIGINS: origins }).origins).toEqual([
      "https://shop.example",
      "http://a.example",
      "https://b.example:8443",
      "capacitor://localhost",
    ]);
  });

  it("reads the addresses of trusted proxies, and trusts none by default", () => {
    const of = (text: string): readonly string[] => readConfig({ USHER_TRUST_PROXY: text }).trustedProxies;
    expect(of("")).toEqual([]);
    const all = ["10.0.0.7", "172.16.0.0/12", "0.0.0.0/0", "::1", "fd00::/8", "2001:db8::/128"];
    expect(of(all.join(" , "))).toEqual(all);
  });

  it("notices development mode that nobody asked for where others can reach it", () => {
    const forAll = (env: Record<string, string>): boolean => readConfig(env).devForAll;
    expect(forAll({ USHER_HOST: "0.0.0.0" })).toBe(true);
    expect(forAll({ USHER_HOST: "::" })).toBe(true);
    expect(forAll({ USHER_HOST: "0.0.0.0", USHER_DEV: "1" })).toBe(false);
    expect(forAll({ ...cluster, USHER_HOST: "0.0.0.0" })).toBe(false);
    for (const host of ["", "localhost", "127.0.0.1", "127.1.2.3", "::1"]) {
      expect(forAll({ USHER_HOST: host })).toBe(false);
    }
  });

  const wrong: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ USHER_SERVICE_HOST: "10.0.0.7" }, /Kubernetes .* enableServiceLinks: false/],
    [{ USHER_SERVICE_PORT_HTTP: "8080" }, /Kubernetes/],
    [{ USHER_PORT: "tcp://10.0.0.7:8080" }, /^USHER_PORT .*Kubernetes/],
    [{ USHER_PORT_8080_TCP: "tcp://10.0.0.7:8080" }, /Kubernetes/],
    [{ USHER_PORT_8080_TCP_ADDR: "10.0.0.7" }, /Kubernetes/],
    [{ USHER_NODES_PORT: "tcp://10.0.0.7:8080" }, /Kubernetes/],
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
    [{ ...cluster, USHER_REDIS_URL: "http://a" }, /redis:\/\/.* rediss-cluster:\/\//],
    [{ ...cluster, USHER_REDIS_URL: "redisss://a" }, /rediss:\/\//],
    [{ USHER_ORIGINS: "https://a.example,shop.example" }, /USHER_ORIGINS has "shop.example", .* no origin/],
    [{ USHER_ORIGINS: "https://shop.example/app" }, /without a path/],
    [{ USHER_ORIGINS: "https://shop.example/?" }, /no origin/],
    [{ USHER_ORIGINS: "https://u@shop.example" }, /no origin/],
    [{ USHER_ORIGINS: "https:shop.example" }, /no origin/],
    [{ USHER_ORIGINS: "*" }, /leave the setting empty/],
    [{ USHER_ORIGINS: "null" }, /no origin/],
    [{ USHER_TRUST_PROXY: "nginx" }, /^USHER_TRUST_PROXY has "nginx", .* write 10\.0\.0\.7 or /],
    [{ USHER_TRUST_PROXY: "10.0.0.7,1" }, /has "1"/],
    [{ USHER_TRUST_PROXY: "10.0.0.0/33" }, /no address/],
    [{ USHER_TRUST_PROXY: "10.0.0.0/" }, /no address/],
    [{ USHER_TRUST_PROXY: "10.0.0.0/8/8" }, /no address/],
    [{ USHER_TRUST_PROXY: "10.0.0.0/-1" }, /no address/],
    [{ USHER_TRUST_PROXY: "::/129" }, /no address/],
    [{ USHER_TRUST_PROXY: "fe80::1%eth0" }, /no address/],
    [{ USHER_TRUST_PROXY: "true" }, /no address/],
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
