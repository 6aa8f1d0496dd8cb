import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../server/config.ts";
import { defaultTimings } from "../../placement/timings.ts";
import { readTenants } from "../../server/tenants.ts";
import { limits } from "../../protocol/limits.ts";
import { nginxConf } from "../support/nginx.ts";
import { readTree, root } from "../support/source-tree.ts";

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const compose = read("compose/docker-compose.yml");
const dockerfile = read("compose/Dockerfile");

/** The lines of one block of the compose file, by the indented name that begins it. */
function block(name: string, indent = 2): string {
  const pad = " ".repeat(indent);
  const match = new RegExp(`^${pad}${name}:.*\n((?:${pad}  .*\n|\\s*\n|${pad}#.*\n)*)`, "m").exec(compose);
  return match?.[1] ?? "";
}

const services = [...block("services", 0).matchAll(/^ {2}([\w-]+):$/gm)].map(([, name = ""]) => name);

describe("nginx.conf", () => {
  it("waits longer than three heartbeats on a WebSocket", () => {
    const sockets = /location ~ \^\/ws[\s\S]*?\n {4}\}/.exec(nginxConf)?.[0] ?? "";
    const seconds = [...sockets.matchAll(/proxy_(read|send)_timeout (\d+)s;/g)].map(([, , value]) =>
      Number(value),
    );
    expect(seconds.length).toBe(2);
    for (const value of seconds)
      expect(value * 1000).toBeGreaterThan(limits.heartbeatMisses * limits.heartbeatMs);
  });

  it("logs no request lines, in which tokens may stand", () => {
    expect(nginxConf).toMatch(/^error_log stderr crit;$/m);
    const format = /log_format usher '(.*)'/.exec(nginxConf)?.[1];
    expect(format).toContain("$uri");
    expect(format).not.toMatch(/\$(request|request_uri|args|query_string)\b/);
  });

  it("names the nodes of the compose file", () => {
    const upstream = [...nginxConf.matchAll(/^ +server ([\w-]+):8080 /gm)].map(([, name]) => name);
    expect(upstream.length).toBe(3);
    expect(upstream).toEqual(services.filter((name) => name.startsWith("node-")));
  });
});

describe("a node's command line", () => {
  it("has the flags of npm start in the image, in local clusters and for service managers", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Readonly<Record<string, string>> };
    const flags = scripts["start"]?.match(/--\S+/g) ?? [];
    expect(flags.length).toBeGreaterThan(0);
    for (const text of [dockerfile, read("compose/local/node.ts")])
      for (const flag of flags) expect(text).toContain(`"${flag}",`);
    expect(read("docs/operations.md")).toContain(`/node ${flags.join(" ")} `);
  });
});

describe("docker-compose.yml", () => {
  it("gives nodes more time to stop than they may take", () => {
    const { drainMs } = defaultTimings;
    expect(compose).toContain(`handing shards over (${drainMs / 1000} s at most)`);
    expect(Number(/stop_grace_period: (\d+)s/.exec(block("x-node", 0))?.[1]) * 1000).toBeGreaterThan(drainMs);
  });

  it("publishes the gateway and nothing else", () => {
    expect(services).toEqual(["nginx", "node-1", "node-2", "node-3", "nats", "redis"]);
    expect(services.filter((name) => /^ +(ports|network_mode):/m.test(block(name)))).toEqual(["nginx"]);
    expect(compose.match(/^ +ports:/gm)).toHaveLength(1);
  });

  it("restarts every service and knows whether it is well", () => {
    for (const name of services) {
      const text = name.startsWith("node-") ? block("x-node", 0) + dockerfile.toLowerCase() : block(name);
      expect([name, text]).toEqual([name, expect.stringMatching(/^ +restart: unless-stopped$/m)]);
      expect([name, text]).toEqual([name, expect.stringMatching(/^ *healthcheck/m)]);
    }
  });

  it("gives nodes settings that they take", () => {
    const pairs = [...block("x-settings", 0).matchAll(/^ +(USHER_\w+): (.*)$/gm)].map(
      ([, key = "", value = ""]) => [
        key,
        value.replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1").replaceAll(/\$\{\w+:\?[^}]*\}/g, "s".repeat(32)),
      ],
    );
    const config = readConfig({
      ...(Object.fromEntries(pairs) as Record<string, string>),
      USHER_NODE: "node-1",
    });
    expect(config.cluster).toEqual({
      natsServers: ["nats://nats:4222"],
      redisUrl: "redis://redis:6379",
      replicas: 1,
    });
    expect(config.dev).toBe(false);
  });

  it("has nodes believe the gateway, and nobody else, about whom a request comes from", () => {
    const gateway = /ipv4_address: ([\d.]+)/.exec(block("nginx"))?.[1];
    expect(gateway).toBeDefined();
    expect(block("x-settings", 0)).toContain(`USHER_TRUST_PROXY: ${gateway}\n`);
    const addresses = [...compose.matchAll(/ipv4_address: ([\d.]+)/g)].map(([, address]) => address);
    expect(new Set(addresses).size).toBe(addresses.length);
    // The address that nginx itself sees, not what a client says.
    expect(nginxConf.match(/proxy_set_header X-Forwarded-For .*/g)).toEqual(
      Array(2).fill("proxy_set_header X-Forwarded-For $remote_addr;"),
    );
  });

  it("has every variable explained in .env.example", () => {
    const used = new Set([...compose.matchAll(/\$\{(\w+)/g)].map(([, name]) => name));
    const explained = [...read("compose/.env.example").matchAll(/^(\w+)=/gm)].map(([, name]) => name);
    expect(new Set(explained)).toEqual(used);
  });

  it("comes with an example of tenants that a node takes", async () => {
    expect(await readTenants(join(root, "compose/tenants.example.json"))).toHaveLength(1);
  });

  it("has Redis and NATS write to disk before they acknowledge", () => {
    expect(block("redis")).toMatch(/--appendonly\n +- "yes"\n +- --appendfsync\n +- always\n/);
    expect(block("redis")).toMatch(/--maxmemory-policy\n +- noeviction\n/);
    expect(read("compose/nats.conf")).toMatch(/^ {2}sync_interval: always$/m);
  });

  it("is refused by Docker Compose without a secret, and taken with one", (context) => {
    if (spawnSync("docker", ["compose", "version"]).status !== 0)
      context.skip("there is no docker compose here");
    const config = (secret: string): string =>
      execFileSync(
        "docker",
        ["compose", "--env-file", "/dev/null", "-f", "compose/docker-compose.yml", "config"],
        {
          cwd: root,
          env: { ...process.env, USHER_SECRET: secret },
          encoding: "utf8",
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
    expect(() => config("")).toThrow(/USHER_SECRET/);
    expect(config("s".repeat(32))).toContain("node-3");
  });
});

describe("Dockerfile", () => {
  it("copies every folder that the server is made of", () => {
    const copied = new Set([...dockerfile.matchAll(/^COPY (\w+) \1$/gm)].map(([, folder]) => folder));
    const byPath = new Map(readTree().map((source) => [source.path, source]));
    const needed = new Set<string>();
    const visit = (path: string): void => {
      if (needed.has(path)) return;
      needed.add(path);
      for (const { file } of byPath.get(path)?.imports ?? []) if (file !== undefined) visit(file);
    };
    visit("server/main.ts");
    expect(needed.size).toBeGreaterThan(50);
    const folders = new Set([...needed].map((path) => path.split("/")[0]));
    expect([...folders].filter((folder) => !copied.has(folder))).toEqual([]);
    for (const folder of copied) {
      expect(existsSync(join(root, folder ?? ""))).toBe(true);
      expect(read("compose/Dockerfile.dockerignore")).toContain(`\n!${folder}\n`);
    }
  });

  it("runs without privileges and stops by draining", () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^STOPSIGNAL SIGTERM$/m);
    expect(dockerfile).toMatch(/^CMD \["node", .*"server\/main\.ts"\]$/m);
  });
});
