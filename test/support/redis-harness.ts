import { systemClock, sleep } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { silentMetrics } from "../../base/metrics.ts";
import { redisStore, type RedisStoreOptions } from "../../store/redis.ts";
import type { Store } from "../../store/store.ts";
import { eventually } from "./eventually.ts";
import type { TcpProxy } from "./tcp-proxy.ts";

let stores = 0;

/** Options for a store of its own on a server that several tests share. */
export function freshRedisOptions(url: string): RedisStoreOptions {
  const prefix = `test-${process.pid}-${++stores}`;
  return { url, prefix, clock: systemClock(), log: silentLog(), metrics: silentMetrics() };
}

/** An empty store behind proxies, in the shape of the store contract's harness. */
export async function redisHarness(
  url: string,
  proxies: readonly TcpProxy[],
): Promise<{
  store: Store;
  pass(ms: number): Promise<void>;
  loseReply<T>(run: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}> {
  const store = await redisStore(freshRedisOptions(url));
  const swallow = (on: boolean): void => proxies.forEach((proxy) => proxy.swallowReplies(on));
  return {
    store,
    pass: (ms) => sleep(systemClock(), ms + 2),
    async loseReply(run) {
      swallow(true);
      try {
        return await run();
      } finally {
        swallow(false);
        await eventually(() => store.connected());
      }
    },
    close: () => store.close(),
  };
}
