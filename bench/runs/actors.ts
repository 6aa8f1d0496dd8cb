/** What an actor costs by itself, with nact alone beside it. */
import { fileURLToPath } from "node:url";
import { startProcess } from "../../compose/local/process.ts";
import { startRedis } from "../../compose/local/redis.ts";
import { startTogether, type System } from "../systems/system.ts";
import type { Bench, Round, RoundContext } from "./bench.ts";

const defaultSize = 100_000;
const readyMs = 600_000;
const program = fileURLToPath(new URL("../actors/program.ts", import.meta.url));

/** No node and no client: the runtime in a process of its own, its store in memory and then in Redis. */
const usherRuntime: System = {
  name: "usher",
  missing: () => undefined,
  start: () =>
    startTogether(async (onStop) => {
      const redis = await startRedis();
      onStop(() => redis.stop());
      return { ports: [redis.port], nodes: [], brokers: [redis.process] };
    }),
};

/** nact with nothing around it: no addresses, no bounds, nothing kept. */
const nactAlone: System = {
  name: "nact",
  missing: () => undefined,
  start: () => startTogether(() => Promise.resolve({ ports: [], nodes: [], brokers: [] })),
};

/** Actors that count. */
export const actors: Bench = {
  name: "actors",
  about:
    "local tell, ask, spawn, activation from the store, bytes per idle actor (--size, 100,000); nact beside it",
  systems: [usherRuntime, nactAlone],
  spec: () => ({ nodes: 0 }),
  ratios: {
    tells: "tellsPerSecond",
    asks: "asksPerSecond",
    spawns: "spawnsPerSecond",
    bytesPerIdleActor: "bytesPerIdleActor",
  },
  async round(system, context) {
    const figures = await measure(context, "");
    const [port] = system.ports;
    if (port !== undefined) {
      const inRedis = await measure(context, `redis://127.0.0.1:${port}`);
      for (const [key, value] of Object.entries(inRedis)) figures[`redis.${key}`] = value;
    }
    return { figures, integrity: { lost: 0, duplicated: 0, disordered: 0, troubles: {} } } satisfies Round;
  },
};

async function measure(
  { system, options, onStop }: RoundContext,
  redisUrl: string,
): Promise<Record<string, number>> {
  const size = options.size || defaultSize;
  const flags = ["--disable-warning=ExperimentalWarning", "--expose-gc"];
  const started = await startProcess({
    name: `actors of ${system.name}`,
    command: process.execPath,
    args: [...flags, program, system.name, String(size), String(options.seconds || 4), redisUrl],
    ready: /^\{.*\}$/m,
    readyMs,
  });
  onStop(() => started.stop());
  await started.stop();
  const line = /^\{.*\}$/m.exec(started.output())?.[0] ?? "{}";
  return JSON.parse(line) as Record<string, number>;
}
