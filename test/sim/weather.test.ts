import { describe, expect, it } from "vitest";
import { Tellings } from "../../sim/checkers/tellings.ts";
import { freeCosts } from "../../sim/world/costs.ts";
import { simulatedKv } from "../../sim/world/kv.ts";
import { simulatedStore } from "../../sim/world/store.ts";
import { World } from "../../sim/world/world.ts";
import { collectGarbage } from "../support/garbage.ts";
import { flowingWorld } from "./flowing-world.ts";

const settleMs = 50;

describe("simulated transport", () => {
  it("loses, doubles and delays by the weather of a way, in order", async () => {
    const { world, pass, stop } = flowingWorld();
    const [a, b] = ["a", "b"].map((name) => world.network.transport(world.process(name)));
    const seen: string[] = [];
    await b?.subscribe("b", (payload) => seen.push(payload));
    const send = (tag: string, count: number): void => {
      for (let i = 0; i < count; i++) a?.send("b", `${tag}${i}`);
    };
    const lossy = world.sky.add({ from: "a", to: "b", loss: 0.5 });
    send("lossy", 200);
    lossy();
    await pass(settleMs);
    expect(seen.length).toBeGreaterThan(70);
    expect(seen.length).toBeLessThan(130);
    seen.length = 0;
    const doubling = world.sky.add({ from: "*", to: "b", duplicate: 1 });
    send("twice", 3);
    doubling();
    await pass(settleMs);
    expect(seen.toSorted()).toEqual(["twice0", "twice0", "twice1", "twice1", "twice2", "twice2"]);
    seen.length = 0;
    const slow = world.sky.add({ from: "a", to: "b", delayMs: 500 });
    send("slow", 1);
    slow();
    send("fast", 1);
    await pass(400);
    expect(seen).toEqual([]);
    await pass(200);
    expect(seen).toEqual(["slow0", "fast0"]);
    await stop();
  });

  it("cuts one direction or the way to the bus, and finds the second out after a while", async () => {
    const { world, pass, stop } = flowingWorld();
    const a = world.network.transport(world.process("a"));
    const b = world.network.transport(world.process("b"));
    const seen: string[] = [];
    await a.subscribe("a", (payload) => seen.push(payload));
    await b.subscribe("b", (payload) => seen.push(payload));
    const mend = world.sky.add({ from: "a", to: "b", blocked: true });
    expect([a.send("b", "one way"), b.send("a", "other way")]).toEqual([true, true]);
    await pass(settleMs);
    expect(seen).toEqual(["other way"]);
    expect(await a.probe("b", 100)).toBe("silent");
    mend();
    expect(await a.probe("b", 100)).toBe("answered");
    const isolated = world.sky.add({ from: "a", to: "bus", blocked: true });
    expect([a.send("b", "lost"), a.connected()]).toEqual([true, true]);
    await pass(4000);
    expect([a.send("b", "refused"), a.connected()]).toEqual([false, false]);
    isolated();
    await pass(500);
    expect(a.connected()).toBe(true);
    expect(seen).toEqual(["other way"]);
    await stop();
  });

  it("has no responders for a crashed process and silence for a paused one", async () => {
    const { world, stop } = flowingWorld();
    const a = world.network.transport(world.process("a"));
    const process = world.process("b");
    await world.network.transport(process).subscribe("b", () => {});
    process.pause();
    expect(await a.probe("b", 100)).toBe("silent");
    process.kill();
    expect(await a.probe("b", 100)).toBe("no-responders");
    await stop();
  });
});

describe("simulated bucket", () => {
  it("applies a write whose answer is lost, deafens watches, and comes back as it was", async () => {
    const { world, pass, stop } = flowingWorld();
    const kv = simulatedKv(world.kvParts, world.process("a"), world.kv);
    const seen: string[] = [];
    await kv.watch(({ value }) => seen.push(String(value)));
    world.kv.remember();
    const mend = world.sky.add({ from: "bus", to: "a", blocked: true });
    await expect(kv.create("k", "1")).rejects.toMatchObject({ code: "KV_UNKNOWN_OUTCOME" });
    mend();
    expect((await kv.get("k"))?.value).toBe("1");
    world.kv.deafen("a");
    await kv.update("k", "2", 1);
    await pass(settleMs);
    expect(seen).toEqual([]);
    world.kv.falseWinners = 1;
    expect((await kv.update("k", "3", 1)).kind).toBe("written");
    expect((await kv.get("k"))?.value).toBe("2");
    world.kv.restore("old");
    expect(await kv.get("k")).toBeUndefined();
    await stop();
  });
});

describe("simulated store", () => {
  it("keeps commits only where it may forget them again, and refuses to forget else", async () => {
    for (const forgetful of [false, true]) {
      const world = new World({ seed: 1, costs: freeCosts, forgetful, onError: () => {} });
      const tellings = new Tellings(world.store.forgetful);
      world.store.onAccepted((entry) => tellings.take(entry));
      const [first] = [1, 2].map((number) => {
        const commit = { shard: 1, epoch: 1, number, writes: [] };
        world.store.note({ kind: "commit", at: 0, owner: "a/1", commit });
        return new WeakRef(commit);
      });
      await collectGarbage();
      expect(first?.deref() !== undefined).toBe(forgetful);
      const failover = world.store.failOver(world.store.masters, 0, () => true);
      if (forgetful) await failover;
      else await expect(failover).rejects.toThrow("only a forgetful store fails over");
    }
  });

  it("forgets its last writes in a failover, under another run id, but not what nobody remembers", async () => {
    const { world, pass, stop } = flowingWorld();
    const store = simulatedStore(world.storeParts, freeCosts, world.process("a"), world.store);
    const accepted: string[] = [];
    world.store.onAccepted(({ kind }) => accepted.push(kind));
    const write = (shard: number, number: number): Promise<unknown> =>
      store.commit("a/1", [
        { shard, epoch: 1, number, writes: [{ op: "append", log: "l", seq: number, event: `e${number}` }] },
      ]);
    const ends = async (): Promise<number[]> =>
      (await store.readLogs([1, 2].map((shard) => ({ shard, log: "l", limit: 9 })))).map(({ end }) => end);
    await store.claim("a/1", [
      { shard: 1, epoch: 1 },
      { shard: 2, epoch: 1 },
    ]);
    for (const shard of [1, 2]) await write(shard, 1);
    await pass(1000);
    for (const shard of [1, 2]) await write(shard, 2);
    const runId = await store.runId();
    await world.store.failOver(world.store.masters, 500, (shard) => shard === 1);
    expect(await ends()).toEqual([1, 2]);
    expect(await store.runId()).not.toBe(runId);
    await write(1, 2);
    expect(await ends()).toEqual([2, 2]);
    expect(accepted).toEqual(["claim", "claim", ...Array(4).fill("commit"), "forgot", "commit"]);
    await stop();
  });
});
