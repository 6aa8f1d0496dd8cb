import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNats } from "../../compose/local/nats.ts";
import { developmentSecret, startLocalNode, type LocalNode } from "../../compose/local/node.ts";
import { startRedis } from "../../compose/local/redis.ts";
import { jwtTokens } from "../../edge/auth.ts";
import { startTogether, type System } from "./system.ts";
import { benchTenant, benchTenants } from "./tenant.ts";

interface Picture {
  readonly shards: readonly { readonly owner: string; readonly state: string }[];
}

/**
 * Settings that the load needs: one connection stands for the many that a real installation would have, so its rate is
 * raised and a storm is let in at once. The limiters themselves run.
 */
const settings = {
  USHER_RATE: "100000",
  USHER_BURST: "100000",
  USHER_ADMIT: "100000",
  USHER_DRAIN_MS: "200",
  USHER_LOG: "warn",
};
const calmMs = 90_000;
const tokenTtlMs = 3600_000;

/** Usher as it is installed: Redis that writes before it answers, NATS, and that many nodes. */
export const usher: System = {
  name: "usher",
  missing: () => undefined,
  start: ({ nodes, env }) =>
    startTogether(async (onStop) => {
      const dir = mkdtempSync(join(tmpdir(), "usher-bench-"));
      onStop(async () => rmSync(dir, { recursive: true, force: true }));
      const tenants = join(dir, "tenants.json");
      writeFileSync(tenants, JSON.stringify(benchTenants()));
      const nats = await startNats();
      onStop(() => nats.stop());
      const redis = await startRedis();
      onStop(() => redis.stop());
      const started = await Promise.all(
        Array.from({ length: nodes }, async (_, i) => {
          const node = await startLocalNode({
            name: `n${i + 1}`,
            natsUrl: nats.url,
            redisUrl: redis.url,
            env: { USHER_TENANTS: tenants, ...settings, ...env },
          });
          onStop(() => node.process.stop());
          return node;
        }),
      );
      await untilCalm(started);
      return {
        ports: started.map(({ port }) => port),
        nodes: started.map((node) => node.process),
        brokers: [nats.process, redis.process],
      };
    }),
};

/** Every node owns shards, nothing moves, and all agree. */
async function untilCalm(nodes: readonly LocalNode[]): Promise<void> {
  const tokens = jwtTokens(developmentSecret, () => Date.now());
  const claims = { tenant: benchTenant.id, role: "admin", user: "root" };
  const { token } = await tokens.issue(claims, tokenTtlMs);
  const late = Date.now() + calmMs;
  while (Date.now() < late) {
    const pictures = await Promise.all(nodes.map((node) => pictureOf(node, token)));
    const owners = pictures.map((picture) =>
      picture?.shards.every(({ state }) => state === "stable") === true
        ? picture.shards.map(({ owner }) => owner).join()
        : "",
    );
    const first = owners[0] ?? "";
    const all = new Set(first.split(",")).size === nodes.length;
    if (all && first !== "" && owners.every((one) => one === first)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the shards did not come to rest");
}

async function pictureOf({ url }: LocalNode, token: string): Promise<Picture | undefined> {
  const response = await fetch(`${url}/admin/placement`, { headers: { authorization: `Bearer ${token}` } });
  return response.ok ? ((await response.json()) as Picture) : undefined;
}
