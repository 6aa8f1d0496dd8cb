import { describe, expect, it } from "vitest";
import { Membership } from "../../placement/membership.ts";
import { encodeRecord, nodeKey, type NodeRecord } from "../../placement/node-record.ts";
import { defaultTimings } from "../../placement/timings.ts";
import { manualClock, type ManualClock } from "../support/manual-clock.ts";

interface Scene {
  readonly clock: ManualClock;
  readonly membership: Membership;
  readonly probed: string[];
  /** What probes answer. */
  answer: "answered" | "no-responders" | "silent";
  /** The own beat is sent and echoes at once. */
  echo(): void;
  /** A node's key changes. */
  beat(node: string, change?: Partial<NodeRecord>): void;
  /** Lets seconds pass in which self and the named nodes beat. */
  pass(seconds: number, ...beating: string[]): Promise<void>;
  /** Who is to be declared dead, as `node:reason`. */
  departing(...named: string[]): string[];
}

const a1 = { node: "a", incarnation: "a1" };
const a2 = { node: "a", incarnation: "a2" };
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function scene(): Scene {
  const clock = manualClock();
  const self = { node: "self", incarnation: "s1" };
  const beats = new Map<string, number>();
  const probed: string[] = [];
  const membership = new Membership(
    {
      clock,
      timings: defaultTimings,
      probe: async (node) => {
        probed.push(node);
        return here.answer;
      },
      onChange: () => {},
    },
    self,
  );
  const here: Scene = {
    clock,
    membership,
    probed,
    answer: "answered",
    echo() {
      membership.beatSent("s1", (beats.get("self") ?? 0) + 1);
      here.beat("self", { incarnation: "s1" });
    },
    beat(node, change = {}) {
      const beat = (beats.get(node) ?? 0) + 1;
      beats.set(node, beat);
      const rest = { version: "1", url: "", zone: "", lane: "", capacity: 1, life: 1 };
      const record: NodeRecord = { node, incarnation: `${node}1`, state: "up", beat, ...rest, ...change };
      membership.observe(nodeKey(node), encodeRecord(record));
    },
    async pass(seconds, ...beating) {
      for (let i = 0; i < seconds; i++) {
        clock.advance(1000);
        here.echo();
        for (const node of beating) here.beat(node);
        here.departing();
        await settle();
      }
    },
    departing: (...named) =>
      membership
        .departures(
          named.map((key) => ({ node: key.split("/")[0] ?? "", incarnation: key.split("/")[1] ?? "" })),
        )
        .map(({ run, reason }) => `${run.node}:${reason}`),
  };
  here.echo();
  return here;
}

describe("membership", () => {
  it("declares a node dead after seven seconds without a change of its key", async () => {
    const here = scene();
    here.beat("a");
    await here.pass(6);
    expect(here.departing()).toEqual([]);
    expect([...here.membership.members().keys()]).toEqual(["self", "a"]);
    await here.pass(1);
    expect(here.departing()).toEqual(["a:silent"]);
  });

  it("declares it dead after two seconds when nobody listens on its subject, and asks only once it is silent", async () => {
    const here = scene();
    here.answer = "no-responders";
    here.beat("a");
    await here.pass(1);
    expect(here.probed).toEqual([]);
    await here.pass(1);
    expect(here.probed).toEqual(["a"]);
    expect(here.departing()).toEqual(["a:crashed"]);
  });

  it("forgets an unanswered probe when a beat comes after all", async () => {
    const here = scene();
    here.answer = "no-responders";
    here.beat("a");
    await here.pass(2);
    here.beat("a");
    expect(here.departing()).toEqual([]);
    await here.pass(1);
    expect(here.departing()).toEqual([]);
  });

  it("concludes nothing while the own beat does not echo", async () => {
    const here = scene();
    here.beat("a");
    here.clock.advance(30_000);
    expect(here.membership.seeing()).toBe(false);
    expect(here.departing()).toEqual([]);
  });

  it("concludes nothing from an echo that comes late: the beat counts from when it was sent", async () => {
    const here = scene();
    here.beat("a");
    here.membership.beatSent("s1", 2);
    here.clock.advance(8000);
    here.beat("self", { incarnation: "s1", beat: 2 });
    expect(here.membership.seeing()).toBe(false);
    expect(here.departing()).toEqual([]);
  });

  it("starts all waiting anew after a gap of its own", async () => {
    const here = scene();
    here.beat("a");
    here.clock.advance(30_000);
    here.echo();
    expect(here.departing()).toEqual([]);
    await here.pass(6);
    expect(here.departing()).toEqual([]);
    await here.pass(1);
    expect(here.departing()).toEqual(["a:silent"]);
  });

  it("doubles the waiting when more than a third of four nodes is silent, and not for fewer", async () => {
    const here = scene();
    for (const node of ["a", "b", "c"]) here.beat(node);
    await here.pass(7, "c");
    expect(here.departing()).toEqual([]);
    await here.pass(7, "c");
    expect(here.departing()).toEqual(["a:silent", "b:silent"]);
    const few = scene();
    for (const node of ["a", "b", "c", "d"]) few.beat(node);
    await few.pass(7, "b", "c", "d");
    expect(few.departing()).toEqual(["a:silent"]);
  });

  it("says at once that an owner was replaced by its next run, or has left", () => {
    const here = scene();
    here.beat("a");
    here.beat("a", { incarnation: "a2" });
    expect(here.departing("a/a1")).toEqual(["a:replaced"]);
    expect([here.membership.over(a1), here.membership.over(a2)]).toEqual([true, false]);
    expect(here.departing("a/a2")).toEqual([]);
    here.beat("b", { state: "left" });
    expect(here.departing("b/b1")).toEqual(["b:left"]);
    expect(here.membership.members().has("b")).toBe(false);
  });

  it("says at once that this node's own run came after the one in the table", () => {
    expect(scene().departing("self/s0")).toEqual(["self:replaced"]);
  });

  it("waits for its watch when the table names a run that it does not know, and then no longer than for a crash", async () => {
    const here = scene();
    here.beat("a");
    await here.pass(1, "a");
    expect(here.departing("a/a2")).toEqual([]);
    here.clock.advance(defaultTimings.crashMs);
    here.beat("a");
    expect(here.departing("a/a2")).toEqual([]);
    here.echo();
    expect(here.departing("a/a2")).toEqual(["a:replaced"]);
    expect(here.membership.over(a2)).toBe(false);
    here.beat("a", { incarnation: "a2", life: 2 });
    expect(here.departing("a/a2")).toEqual([]);
  });

  it("keeps a living run when an older bucket lists the one before it", () => {
    const here = scene();
    here.beat("a", { incarnation: "a2", life: 2 });
    here.beat("a", { incarnation: "a1", life: 1 });
    expect(here.membership.members().get("a")?.incarnation).toBe("a2");
    expect(here.departing("a/a2")).toEqual([]);
    here.beat("a", { incarnation: "a2", life: 3 });
    expect(here.membership.members().get("a")?.incarnation).toBe("a2");
    expect([here.departing("a/a2"), here.membership.over(a2)]).toEqual([[], false]);
  });

  it("believes a run of an earlier life once it beats: the bucket was empty when it began", () => {
    const here = scene();
    here.beat("a", { incarnation: "a7", life: 7 });
    here.beat("a", { life: 1, beat: 1 });
    here.beat("a", { life: 1, beat: 1 });
    expect(here.membership.members().get("a")?.incarnation).toBe("a7");
    here.beat("a", { life: 1, beat: 2 });
    expect(here.membership.members().get("a")?.incarnation).toBe("a1");
    expect(here.departing("a/a7")).toEqual(["a:replaced"]);
    here.beat("a", { incarnation: "a7", life: 7, beat: 1 });
    expect(here.membership.members().get("a")?.incarnation).toBe("a1");
  });

  it("does not believe an older bucket that brings back a run that was replaced", () => {
    const here = scene();
    here.beat("a");
    here.beat("a", { incarnation: "a2" });
    here.beat("a", { incarnation: "a1" });
    expect(here.departing("a/a2")).toEqual([]);
    expect(here.membership.members().get("a")?.incarnation).toBe("a2");
  });

  it("waits seven seconds for an owner in the table that has no key", async () => {
    const here = scene();
    expect(here.departing("ghost/g1")).toEqual([]);
    for (let i = 0; i < 6; i++) {
      await here.pass(0);
      here.clock.advance(1000);
      here.echo();
      expect(here.departing("ghost/g1")).toEqual([]);
    }
    here.clock.advance(1000);
    here.echo();
    expect(here.departing("ghost/g1")).toEqual(["ghost:silent"]);
  });

  it("takes a deleted key for nothing but silence", async () => {
    const here = scene();
    here.beat("a");
    here.membership.observe(nodeKey("a"), undefined);
    expect(here.membership.members().has("a")).toBe(true);
    expect(here.departing("a/a1")).toEqual([]);
    await here.pass(7);
    expect(here.departing("a/a1")).toEqual(["a:silent"]);
  });

  it("ranks and feeds only those that are not silent", async () => {
    const here = scene();
    here.beat("a");
    here.beat("b");
    await here.pass(2, "b");
    expect(here.membership.living().map(({ node }) => node)).toEqual(["b", "self"]);
  });

  it("holds a run for dead once the table says so, whatever it still sends", async () => {
    const here = scene();
    here.beat("a");
    here.membership.bury(["a/a1"]);
    here.beat("a");
    expect(here.membership.members().has("a")).toBe(false);
    here.beat("a", { incarnation: "a2" });
    expect(here.membership.members().get("a")?.incarnation).toBe("a2");
  });

  it("ignores keys that are not nodes and values that it cannot read", () => {
    const here = scene();
    here.membership.observe("table", "{}");
    for (const value of ["", "{", "null", "{}", '{"incarnation":""}'])
      here.membership.observe(nodeKey("x"), value);
    expect([...here.membership.members().keys()]).toEqual(["self"]);
  });
});
