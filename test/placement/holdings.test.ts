import { describe, expect, it } from "vitest";
import { silentLog } from "../../base/log.ts";
import { Holdings } from "../../placement/holdings.ts";
import type { GainOutcome } from "../../placement/hosting.ts";
import { Lease } from "../../placement/lease.ts";
import type { ShardEntry } from "../../placement/shard-table.ts";
import { defaultTimings } from "../../placement/timings.ts";
import { manualClock, type ManualClock } from "../support/manual-clock.ts";

interface Scene {
  readonly clock: ManualClock;
  readonly lease: Lease;
  readonly holdings: Holdings;
  readonly calls: string[];
  mayClaim: boolean;
  confirmed: number;
  /** Answers the oldest claim or release that is under way. */
  answer(outcome?: GainOutcome | Error): Promise<void>;
  take(...entries: ShardEntry[]): void;
}

const self = { node: "a", incarnation: "1" };
const other = { node: "b", incarnation: "1" };
const mine = (epoch: number): ShardEntry => ({ kind: "stable", owner: self, epoch });
const theirs = (epoch: number): ShardEntry => ({ kind: "stable", owner: other, epoch });
const leaving = (epoch: number): ShardEntry => ({ kind: "moving", owner: self, epoch, to: other });
const serving: GainOutcome = { kind: "serving" };
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function scene(): Scene {
  const clock = manualClock();
  const lease = new Lease(clock, 4000);
  const calls: string[] = [];
  const open: ((outcome: GainOutcome | Error) => void)[] = [];
  const asked = (): Promise<GainOutcome> =>
    new Promise((resolve, reject) => {
      open.push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
    });
  const holdings = new Holdings({
    clock,
    random: { float: () => 0.5, id: () => "x" },
    log: silentLog(),
    timings: defaultTimings,
    lease,
    hosting: {
      gain(shard, epoch) {
        calls.push(`gain ${shard} ${epoch}`);
        return asked();
      },
      async release(shard) {
        calls.push(`release ${shard}`);
        await asked();
      },
      lose: (shard) => void calls.push(`lose ${shard}`),
    },
    mayClaim: () => here.mayClaim,
    onProgress() {},
    onConfirmed: () => void here.confirmed++,
  });
  const here: Scene = {
    clock,
    lease,
    holdings,
    calls,
    mayClaim: true,
    confirmed: 0,
    async answer(outcome = serving) {
      open.shift()?.(outcome);
      await settle();
    },
    take(...shards) {
      holdings.take({ generation: 1, writer: "w", dead: [], shards }, self);
      holdings.advance();
    },
  };
  lease.renewed(clock.now());
  lease.thaw(lease.term);
  return here;
}

describe("holdings", () => {
  it("claims what the table gives and serves it", async () => {
    const here = scene();
    here.take(mine(5), theirs(3));
    expect(here.calls).toEqual(["gain 0 5"]);
    expect(here.holdings.claimed()).toBe(false);
    await here.answer();
    expect(here.holdings.claimed()).toBe(true);
    expect(here.holdings.count()).toMatchObject({ held: 1, serving: 1 });
  });

  it("claims nothing before the table was read in this term, nor with a lease that has run out", () => {
    const here = scene();
    here.mayClaim = false;
    here.take(mine(5));
    expect(here.calls).toEqual([]);
    here.mayClaim = true;
    here.clock.advance(5000);
    here.holdings.advance();
    expect(here.calls).toEqual([]);
    here.lease.renewed(here.clock.now());
    here.holdings.advance();
    expect(here.calls).toEqual(["gain 0 5"]);
  });

  it("repeats every claim in a new term, and does not count an answer to an older one", async () => {
    const here = scene();
    here.take(mine(5), mine(6));
    await here.answer();
    here.clock.advance(5000);
    here.lease.renewed(here.clock.now());
    here.holdings.advance();
    expect(here.calls).toEqual(["gain 0 5", "gain 1 6", "gain 0 5"]);
    await here.answer();
    expect(here.holdings.count().serving).toBe(0);
    expect(here.calls.at(-1)).toBe("gain 1 6");
    await here.answer();
    await here.answer();
    expect(here.holdings.count().serving).toBe(2);
    expect(here.holdings.claimed()).toBe(true);
  });

  it("waits for nothing more when some claims were answered and the others failed, which stay frozen alone", async () => {
    const here = scene();
    here.take(mine(5), mine(6), mine(7));
    for (let i = 0; i < 3; i++) await here.answer();
    here.clock.advance(5000);
    here.lease.renewed(here.clock.now());
    here.holdings.advance();
    await here.answer(new Error("away"));
    expect(here.holdings.settled()).toBe(false);
    await here.answer();
    expect(here.holdings.settled()).toBe(false);
    await here.answer(new Error("away"));
    expect([here.holdings.settled(), here.holdings.claimed()]).toEqual([true, false]);
    expect([0, 1, 2].map((shard) => here.holdings.frozen(shard))).toEqual([true, false, true]);
    here.lease.thaw(here.lease.term);
    here.clock.advance(100);
    here.confirmed = 0;
    await here.answer();
    expect([0, 1, 2].map((shard) => here.holdings.frozen(shard))).toEqual([false, false, true]);
    expect(here.confirmed).toBe(1);
    here.take(theirs(8), mine(6), theirs(8));
    expect([0, 1, 2].map((shard) => here.holdings.frozen(shard))).toEqual([false, false, false]);
  });

  it("waits while no claim of this term was answered", async () => {
    const here = scene();
    here.take(mine(5), mine(6));
    for (let i = 0; i < 2; i++) await here.answer();
    here.clock.advance(5000);
    here.lease.renewed(here.clock.now());
    here.holdings.advance();
    for (let i = 0; i < 2; i++) await here.answer(new Error("away"));
    expect(here.holdings.settled()).toBe(false);
  });

  it("keeps a shard frozen whose claim was answered in an older term only", async () => {
    const here = scene();
    here.take(mine(5), mine(6));
    for (let i = 0; i < 2; i++) await here.answer();
    for (let freeze = 0; freeze < 2; freeze++) {
      here.clock.advance(5000);
      here.lease.renewed(here.clock.now());
      here.holdings.advance();
    }
    for (let i = 0; i < 2; i++) await here.answer();
    expect([0, 1].map((shard) => here.holdings.frozen(shard))).toEqual([true, true]);
    for (let i = 0; i < 2; i++) await here.answer();
    expect([0, 1].map((shard) => here.holdings.frozen(shard))).toEqual([false, false]);
  });

  it("loses at once what the table gives to somebody else, and an answer that comes later changes nothing", async () => {
    const here = scene();
    here.take(mine(5));
    here.take(theirs(6));
    expect(here.calls).toEqual(["gain 0 5", "lose 0"]);
    await here.answer();
    expect(here.holdings.count()).toMatchObject({ held: 0, serving: 0 });
  });

  it("begins a newer claim only when the older one is answered", async () => {
    const here = scene();
    here.take(mine(5));
    here.take(mine(7));
    expect(here.calls).toEqual(["gain 0 5", "lose 0"]);
    await here.answer();
    expect(here.calls.at(-1)).toBe("gain 0 7");
    expect(here.holdings.count().serving).toBe(0);
  });

  it("lets go, loses, and says so until the next owner has it", async () => {
    const here = scene();
    here.take(mine(5));
    await here.answer();
    here.take(leaving(5));
    expect(here.calls).toEqual(["gain 0 5", "release 0"]);
    expect(here.holdings.released().size).toBe(0);
    await here.answer();
    expect([...here.holdings.released()]).toEqual([0]);
    expect(here.calls.at(-1)).toBe("lose 0");
    here.take(theirs(6));
    expect(here.holdings.released().size).toBe(0);
  });

  it("lets nothing go while it is frozen", async () => {
    const here = scene();
    here.take(mine(5));
    await here.answer();
    here.clock.advance(5000);
    here.lease.renewed(here.clock.now());
    here.take(leaving(5));
    expect(here.calls).toEqual(["gain 0 5"]);
    expect(here.holdings.claimed()).toBe(true);
    here.lease.thaw(here.lease.term);
    here.holdings.advance();
    expect(here.calls.at(-1)).toBe("release 0");
  });

  it("repeats a failed claim after a pause that grows", async () => {
    const here = scene();
    here.take(mine(5));
    await here.answer(new Error("away"));
    here.clock.advance(49);
    expect(here.calls).toHaveLength(1);
    here.clock.advance(1);
    expect(here.calls).toHaveLength(2);
    await here.answer(new Error("away"));
    here.clock.advance(99);
    expect(here.calls).toHaveLength(2);
    here.clock.advance(1);
    expect(here.calls).toHaveLength(3);
  });

  it("waits for a table above the fence that it met", async () => {
    const here = scene();
    here.take(mine(5));
    await here.answer({ kind: "fenced", epoch: 9 });
    expect([...here.holdings.fenced()]).toEqual([[0, 9]]);
    expect(here.holdings.claimed()).toBe(true);
    here.take(mine(10));
    expect(here.holdings.fenced().size).toBe(0);
    expect(here.calls.at(-1)).toBe("gain 0 10");
  });

  it("takes a shard that the host abandoned for fenced, once and only under that epoch", async () => {
    const here = scene();
    here.take(mine(5));
    await here.answer();
    here.holdings.abandon(0, 4);
    here.holdings.abandon(1, 5);
    expect(here.holdings.fenced().size).toBe(0);
    here.holdings.abandon(0, 5);
    expect([...here.holdings.fenced()]).toEqual([[0, 5]]);
  });

  it("claims again what somebody else seems to own", async () => {
    const here = scene();
    here.take(mine(5));
    await here.answer();
    here.holdings.doubt(0);
    here.holdings.doubt(1);
    expect(here.calls).toEqual(["gain 0 5", "gain 0 5"]);
  });

  it("loses everything at once when it is told to", async () => {
    const here = scene();
    here.take(mine(5), mine(6));
    await here.answer();
    here.holdings.dropAll();
    expect(here.calls.slice(-2)).toEqual(["lose 0", "lose 1"]);
    expect(here.holdings.count().held).toBe(0);
  });
});
