import { describe, expect, it } from "vitest";
import { silentLog } from "../../base/log.ts";
import { watchIsolation } from "../../server/isolation.ts";
import type { Store } from "../../store/store.ts";
import { virtualTime } from "../support/virtual-clock.ts";

/** Two nodes and the stamps that they leave in one store. */
function world(): {
  readonly time: ReturnType<typeof virtualTime>;
  readonly frozen: Set<string>;
  readonly heard: string[];
  readonly end: Map<string, () => void>;
  away: boolean;
} {
  const time = virtualTime();
  const stamps = new Map<string, number>();
  const made = {
    time,
    frozen: new Set<string>(),
    heard: [] as string[],
    end: new Map<string, () => void>(),
    away: false,
  };
  const store = {
    async stamp(node: string, ttlMs: number) {
      if (made.away) throw new Error("away");
      stamps.set(node, time.now() + ttlMs);
    },
    async stamped() {
      if (made.away) throw new Error("away");
      return [...stamps].filter(([, until]) => until > time.now()).map(([node]) => node);
    },
  } as unknown as Store;
  for (const node of ["a", "b"])
    made.end.set(
      node,
      watchIsolation({
        clock: time.clock(),
        log: silentLog(),
        store,
        node,
        frozen: () => made.frozen.has(node),
        onChange: (alone) => void made.heard.push(`${node} ${alone ? "alone" : "joined"}`),
      }),
    );
  return made;
}

describe("isolation", () => {
  it("finds the node that alone lacks NATS, and hears when it has it again", async () => {
    const { time, frozen, heard } = world();
    await time.advance(3000);
    frozen.add("a");
    await time.advance(5000);
    expect(heard).toEqual([]);
    await time.advance(4000);
    expect(heard).toEqual(["a alone"]);
    frozen.clear();
    await time.advance(2000);
    expect(heard).toEqual(["a alone", "a joined"]);
  });

  it("finds nobody alone when NATS is away for all, also when they notice at different times", async () => {
    const { time, frozen, heard } = world();
    await time.advance(3000);
    frozen.add("a");
    await time.advance(2900);
    frozen.add("b");
    await time.advance(60_000);
    expect(heard).toEqual([]);
  });

  it("takes it back when all others lose NATS as well", async () => {
    const { time, frozen, heard } = world();
    frozen.add("a");
    await time.advance(9000);
    frozen.add("b");
    await time.advance(6000);
    expect(heard).toEqual(["a alone", "a joined"]);
  });

  it("decides nothing while the store is away", async () => {
    const made = world();
    await made.time.advance(3000);
    made.frozen.add("a");
    made.away = true;
    await made.time.advance(30_000);
    expect(made.heard).toEqual([]);
  });

  it("says nothing after its end", async () => {
    const { time, frozen, heard, end } = world();
    frozen.add("a");
    await time.advance(5900);
    end.get("a")?.();
    await time.advance(10_000);
    expect(heard).toEqual([]);
  });
});
