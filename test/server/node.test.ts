import { describe, expect, it } from "vitest";
import { encodeAddress, sessionAddress, shardOf } from "../../actors/address.ts";
import { directoryOf } from "../../actors/directory.ts";
import { sleep, type Clock } from "../../base/clock.ts";
import { Failure } from "../../base/errors.ts";
import { silentMetrics } from "../../base/metrics.ts";
import type { Load } from "../../edge/admission.ts";
import { frameParser } from "../../edge/frame-parser.ts";
import { memoryKv } from "../../placement/kv-memory.ts";
import type { TenantId, UserId } from "../../protocol/ids.ts";
import { startNode } from "../../server/node.ts";
import { loopbackNetwork } from "../../transport/loopback.ts";
import { faultyStore } from "../support/faulty-store.ts";
import { recordingLog } from "../support/recording-log.ts";
import { virtualTime } from "../support/virtual-clock.ts";

async function unanswered(clock: Clock): Promise<never> {
  await sleep(clock, 5000);
  throw new Failure("KV_UNAVAILABLE", "nobody answers");
}

describe("node", () => {
  it("tells its admission how the loop, the store, the bus and the heap are doing", async () => {
    const time = virtualTime();
    const clock = time.clock();
    const store = faultyStore(clock);
    const kv = memoryKv(clock);
    const loads: Load[] = [];
    let away = false;
    const node = await startNode({
      clock,
      random: { float: () => 0.5, id: () => "id" },
      log: recordingLog([]),
      metrics: silentMetrics(),
      transport: loopbackNetwork(clock).transport("a"),
      kv: {
        ...kv,
        update: (key, value, revision) => (away ? unanswered(clock) : kv.update(key, value, revision)),
      },
      store,
      directory: directoryOf([]),
      verify: () => Promise.resolve(undefined),
      admission: { admit: () => 0, breathe: (load) => void loads.push(load), pace: () => 1 },
      memory: () => 0.25,
      parse: frameParser(),
      self: { node: "a", version: "test", url: "", zone: "", lane: "main", capacity: 1 },
      shards: 4,
    });
    await time.until(() => node.ready(), 1000, "the node");
    await time.advance(3000);
    expect(loads.at(-1)).toEqual({ lagMs: 0, storeMs: 0, busMs: 0, memory: 0.25 });

    store.commit = () => new Promise<never>(() => {});
    const session = sessionAddress("t" as TenantId, "visitor", "ann" as UserId);
    const command = { p: "p", n: 1, after: 0, digest: 1 };
    const to = encodeAddress(session);
    void node.runtime.router.ask(
      { k: "refusal", shard: shardOf(session, 4), to, command, code: "BAD_FRAME" },
      5000,
    );
    away = true;
    await time.advance(2000);
    expect(loads.at(-1)?.storeMs).toBeGreaterThan(1500);
    expect(loads.at(-1)?.busMs).toBeGreaterThan(500);
    const stopped = node.stop();
    await time.advance(10_000);
    await stopped;
  });
});
