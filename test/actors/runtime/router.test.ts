import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NodeEnvelope, ShardEnvelope } from "../../../actors/runtime/envelope.ts";
import { Router } from "../../../actors/runtime/router.ts";
import { silentMetrics } from "../../../base/metrics.ts";
import type { NodeRun, Route, Routing } from "../../../placement/hosting.ts";
import { virtualTime } from "../../support/virtual-clock.ts";
import { watch } from "./rig.ts";

const self: NodeRun = { node: "a", incarnation: "1" };
const other: NodeRun = { node: "b", incarnation: "1" };
const third: NodeRun = { node: "c", incarnation: "1" };
const envelope: ShardEnvelope = { k: "settled", shard: 0, id: "x" };

function rig() {
  const time = virtualTime();
  const handlers: ((shards: readonly number[]) => void)[] = [];
  const here: (number | undefined)[] = [];
  const sent: { readonly to: string; readonly envelope: NodeEnvelope }[] = [];
  let full = false;
  const routes = new Map<number, Route>();
  const go = (shard: number, owner: NodeRun, epoch: number, state: Route["state"] = "stable"): void => {
    routes.set(shard, { owner, epoch, state });
    for (const handler of handlers) handler([shard]);
  };
  const routing = {
    self,
    shards: 4,
    route: (shard: number) => routes.get(shard),
    correct(shard: number, owner: NodeRun, epoch: number) {
      if (epoch > (routes.get(shard)?.epoch ?? 0)) go(shard, owner, epoch);
    },
    onRoutes: (handler: (shards: readonly number[]) => void) => void handlers.push(handler),
  } as unknown as Routing;
  const router = new Router({
    clock: time.clock(),
    random: { float: () => 0.5, id: () => "id" },
    metrics: silentMetrics(),
    routing,
    acceptHere: (_envelope, ask) => void here.push(ask),
    sendTo: (run, out) => !full && sent.push({ to: run.node, envelope: out }) > 0,
  });
  const asksTo = (node: string): number[] =>
    sent.flatMap(({ to, envelope: out }) => (to === node && out.k === "ask" ? [out.ask] : []));
  return { time, router, here, sent, go, asksTo, fill: (on: boolean) => void (full = on) };
}

describe("router", () => {
  it("asks the owner, here or elsewhere, and gives its answer", async () => {
    const { time, router, here, go, asksTo } = rig();
    go(0, self, 1);
    const mine = watch(router.ask(envelope, 1000));
    go(1, other, 1);
    const theirs = watch(router.ask({ ...envelope, shard: 1 }, 1000));
    expect([here, asksTo("b")]).toEqual([[1], [2]]);
    router.onReply(1, { kind: "busy" });
    router.onReply(2, { kind: "value", value: 7 });
    await time.advance(1);
    expect([mine.value, theirs.value]).toEqual([{ kind: "busy" }, { kind: "value", value: 7 }]);
  });

  it("gives up all that is due, whatever those who asked do with it", async () => {
    const { time, router } = rig();
    const broken = (): never => {
      throw new Error("a broken asker");
    };
    router.askThen(envelope, 100, broken);
    const seen = watch(router.ask(envelope, 100));
    await expect(time.advance(1000)).rejects.toThrow("a broken asker");
    await time.advance(1);
    expect([seen.done, router.waiting]).toEqual([true, 0]);
    router.askThen(envelope, 100, broken);
    const last = watch(router.ask(envelope, 100));
    expect(() => router.stop()).toThrow("a broken asker");
    await time.advance(1);
    expect(last.done).toBe(true);
  });

  it("gives up within the bound", async () => {
    const { time, router } = rig();
    const seen = watch(router.ask(envelope, 1000));
    await time.advance(1300);
    expect([seen.done, seen.value, router.waiting]).toEqual([true, undefined, 0]);
  });

  it("keeps asks while the shard is moving and sends them in order to the next owner", () => {
    const { router, go, asksTo } = rig();
    go(0, other, 1, "moving");
    for (let i = 0; i < 3; i++) void router.ask(envelope, 1000);
    expect(asksTo("b")).toEqual([]);
    go(0, third, 2);
    expect(asksTo("c")).toEqual([1, 2, 3]);
  });

  it("sends asks again in their order when the shard has changed hands", () => {
    const { router, go, asksTo } = rig();
    go(0, other, 1);
    for (let i = 0; i < 3; i++) void router.ask(envelope, 1000);
    router.onReply(2, { kind: "busy" });
    go(0, third, 2);
    expect(asksTo("c")).toEqual([1, 3]);
  });

  it("follows a bounce that names the owner, and asks there once", async () => {
    const { time, router, go, asksTo } = rig();
    go(0, other, 1);
    for (let i = 0; i < 3; i++) void router.ask(envelope, 2000);
    for (let ask = 1; ask <= 3; ask++) router.onBounce(other, ask, 0, third, 2);
    await time.advance(1000);
    expect(asksTo("c")).toEqual([1, 2, 3]);
  });

  it("asks the same node again after a while when a bounce names nobody", async () => {
    const { time, router, go, asksTo } = rig();
    go(0, other, 1);
    void router.ask(envelope, 2000);
    router.onBounce(other, 1, 0, undefined, undefined);
    expect(asksTo("b")).toEqual([1]);
    await time.advance(300);
    expect(asksTo("b")).toEqual([1, 1]);
  });

  it("asks again soon at first, then more seldom, and soon again once the shard has moved", async () => {
    const { time, router, go, asksTo } = rig();
    go(0, other, 1);
    void router.ask(envelope, 100_000);
    const pauseOf = async (run: NodeRun): Promise<number> => {
      const asked = asksTo(run.node).length;
      router.onBounce(run, 1, 0, undefined, undefined);
      let waited = 0;
      for (; asksTo(run.node).length === asked; waited++) await time.advance(1);
      return waited;
    };
    const pauses = [];
    for (let i = 0; i < 7; i++) pauses.push(await pauseOf(other));
    expect(pauses).toEqual([10, 15, 25, 45, 85, 105, 105]);
    go(0, third, 2);
    expect(await pauseOf(third)).toBe(10);
  });

  it("answers BUSY at once when a link is full", async () => {
    const { time, router, go, fill } = rig();
    go(0, other, 1);
    fill(true);
    const seen = watch(router.ask(envelope, 2000));
    await time.advance(1);
    expect(seen.value).toEqual({ kind: "busy" });
  });

  it("answers BUSY above its cap", async () => {
    const { time, router } = rig();
    for (let i = 0; i < 50_000; i++) void router.ask(envelope, 100_000);
    const seen = watch(router.ask(envelope, 1000));
    await time.advance(1);
    expect(seen.value).toEqual({ kind: "busy" });
    router.stop();
  });

  it("asks again what was sent to a run of which something was lost, and everything as another run", () => {
    const { router, go, asksTo } = rig();
    go(0, other, 1);
    go(1, third, 1);
    void router.ask(envelope, 1000);
    void router.ask({ ...envelope, shard: 1 }, 1000);
    router.renew(other);
    expect([asksTo("b"), asksTo("c")]).toEqual([[1, 1], [2]]);
    router.reborn();
    expect([asksTo("b"), asksTo("c")]).toEqual([
      [1, 1, 1],
      [2, 2],
    ]);
  });

  it("gives up everything when it stops, and what is asked afterwards", async () => {
    const { time, router } = rig();
    const before = watch(router.ask(envelope, 10_000));
    router.stop();
    const after = watch(router.ask(envelope, 10_000));
    await time.advance(1);
    expect([before.done, after.done, router.waiting]).toEqual([true, true, 0]);
  });

  it("answers or gives up every ask within its bound, whatever routes and nodes do", async () => {
    const run = fc.constantFrom(self, other, third);
    const step = fc.oneof(
      fc.record({
        do: fc.constant("ask" as const),
        shard: fc.nat(2),
        boundMs: fc.integer({ min: 1, max: 3000 }),
      }),
      fc.record({ do: fc.constant("route" as const), shard: fc.nat(2), run, moving: fc.boolean() }),
      fc.record({
        do: fc.constant("bounce" as const),
        ask: fc.integer({ min: 1, max: 12 }),
        from: run,
        owner: fc.option(run),
      }),
      fc.record({ do: fc.constant("reply" as const), ask: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ do: fc.constant("renew" as const), run }),
      fc.record({ do: fc.constant("wait" as const), ms: fc.nat(1000) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        const { time, router, go } = rig();
        let epoch = 0;
        const asked: { shard: number; due: number; seen: { done: boolean } }[] = [];
        for (const next of steps) {
          if (next.do === "ask")
            asked.push({
              shard: next.shard,
              due: time.now() + next.boundMs,
              seen: watch(router.ask({ ...envelope, shard: next.shard }, next.boundMs)),
            });
          else if (next.do === "route") go(next.shard, next.run, ++epoch, next.moving ? "moving" : "stable");
          else if (next.do === "bounce")
            router.onBounce(
              next.from,
              next.ask,
              asked[next.ask - 1]?.shard ?? 0,
              next.owner ?? undefined,
              ++epoch,
            );
          else if (next.do === "reply") router.onReply(next.ask, { kind: "busy" });
          else if (next.do === "renew") router.renew(next.run);
          else await time.advance(next.ms);
          for (const { due, seen } of asked) if (time.now() > due + 300) expect(seen.done).toBe(true);
        }
        await time.advance(4000);
        expect(asked.every(({ seen }) => seen.done)).toBe(true);
        expect(router.waiting).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
