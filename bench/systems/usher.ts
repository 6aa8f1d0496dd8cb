import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNats } from "../../compose/local/nats.ts";
import { startLocalNode } from "../../compose/local/node.ts";
import { startRedis } from "../../compose/local/redis.ts";
import { calmOwners, nodeName } from "./placement.ts";
import { startTogether, type System } from "./system.ts";
import { benchTenants } from "./tenant.ts";

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
            name: nodeName(i),
            natsUrl: nats.url,
            redisUrl: redis.url,
            env: { USHER_TENANTS: tenants, ...settings, ...env },
          });
          onStop(() => node.process.stop());
          return node;
        }),
      );
      const ports = started.map(({ port }) => port);
      await calmOwners(ports, calmMs);
      return {
        ports,
        nodes: started.map((node) => node.process),
        brokers: [nats.process, redis.process],
      };
    }),
};
