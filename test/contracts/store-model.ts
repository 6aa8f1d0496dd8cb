import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeOf } from "../../base/errors.ts";
import { memoryStore } from "../../store/memory.ts";
import type { ShardCommit, Store, Write } from "../../store/store.ts";
import { eventually } from "../support/eventually.ts";
import { manualClock } from "../support/manual-clock.ts";
import { alice, bob, type StoreHarness } from "./store-harness.ts";

const owners = [alice, "node-a/2", bob];
const shards = [1, 2, 17];
const names = ["x", "y", "ü:{1}"];
const longMs = 600_000;

/** A step relative to what stands: mostly right, sometimes off by one. */
type Step =
  | {
      readonly kind: "claim";
      readonly owner: string;
      readonly claims: readonly (readonly [number, number])[];
    }
  | { readonly kind: "commit"; readonly owner: string | undefined; readonly parts: readonly Part[] };

interface Part {
  readonly shard: number;
  readonly epochOff: number;
  readonly numberOff: number;
  readonly writes: readonly DraftWrite[];
}

/** A write whose `seq` is still relative to the end of its log. */
type DraftWrite =
  Exclude<Write, { op: "append" }> | { op: "append"; log: string; seqOff: number; event: string };

const name = fc.constantFrom(...names);
const value = fc.string({ unit: "grapheme", maxLength: 8 });
const mostlyZero = (off: readonly number[]): fc.Arbitrary<number> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(...off) });

const write: fc.Arbitrary<DraftWrite> = fc.oneof(
  fc.record({ op: fc.constant("append" as const), log: name, seqOff: mostlyZero([1, -1]), event: value }),
  fc.record({ op: fc.constant("set" as const), entity: name, field: name, value }),
  fc.record({ op: fc.constant("unset" as const), entity: name, field: name }),
  fc.record({ op: fc.constant("keep" as const), key: name, value, ttlMs: fc.constant(longMs) }),
  fc.record({ op: fc.constant("extend" as const), key: name, value }),
  fc.record({ op: fc.constant("owe" as const), id: name, value }),
  fc.record({ op: fc.constant("settle" as const), id: name }),
  fc.record({ op: fc.constant("arm" as const), id: name, value, delayMs: fc.constantFrom(0, longMs) }),
  fc.record({ op: fc.constant("disarm" as const), id: name }),
  fc.record({ op: fc.constant("join" as const), set: name, member: name }),
  fc.record({ op: fc.constant("leave" as const), set: name, member: name }),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("claim" as const),
      owner: fc.constantFrom(...owners),
      claims: fc.uniqueArray(fc.tuple(fc.constantFrom(...shards), fc.constantFrom(-1, 0, 1, 1, 3)), {
        selector: ([shard]) => shard,
        minLength: 1,
      }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      owner: fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, fc.constantFrom(...owners)),
      parts: fc.uniqueArray(
        fc.record({
          shard: fc.constantFrom(...shards),
          epochOff: mostlyZero([1, -1]),
          numberOff: mostlyZero([1, -1, -2]),
          writes: fc.array(write, { maxLength: 6 }),
        }),
        { selector: ({ shard }) => shard, minLength: 1 },
      ),
    }),
  },
);

/** Random histories of several owners: the store gives the answers that the store in memory gives. */
export function storeModel(title: string, makeHarness: () => Promise<StoreHarness>, numRuns: number): void {
  describe(`store model: ${title}`, () => {
    it("gives every verdict and every answer that the store in memory gives", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
          const clock = manualClock();
          const model = memoryStore(clock);
          const harness = await makeHarness();
          try {
            for (const each of steps) await perform(each, model, harness.store);
            clock.advance(5);
            await harness.pass(5);
            expect(await everything(harness.store)).toEqual(await everything(model));
            await eventually(async () => {
              expect(await dueTimers(harness.store)).toEqual(await dueTimers(model));
              return true;
            });
          } finally {
            await harness.close();
          }
        }),
        { numRuns },
      );
    });
  });
}

async function perform(each: Step, model: Store, store: Store): Promise<void> {
  const fences = new Map((await model.fences(32)).map((fence) => [fence.shard, fence]));
  if (each.kind === "claim") {
    const claims = each.claims.map(([shard, off]) => ({
      shard,
      epoch: Math.max(1, (fences.get(shard)?.epoch ?? 0) + off),
    }));
    const expected = await model.claim(each.owner, claims);
    expect(await store.claim(each.owner, claims)).toEqual(expected);
    return;
  }
  const owner = each.owner ?? fences.get(each.parts[0]?.shard ?? 0)?.owner ?? alice;
  const commits: ShardCommit[] = [];
  for (const { shard, epochOff, numberOff, writes } of each.parts) {
    const fence = fences.get(shard);
    commits.push({
      shard,
      epoch: (fence?.epoch ?? 1) + epochOff,
      number: (fence?.last ?? 0) + 1 + numberOff,
      writes: await settleNumbers(model, shard, writes),
    });
  }
  const expected = await outcome(model.commit(owner, commits));
  if (expected === "STORE_CORRUPT") return expectRefused(store, model, owner, commits);
  expect(await outcome(store.commit(owner, commits))).toEqual(expected);
}

/**
 * A call with a broken append rejects as a whole. Its sound commits may have been applied where one call becomes
 * several scripts, so only the broken ones are sent, each in a call of its own.
 */
async function expectRefused(
  store: Store,
  model: Store,
  owner: string,
  commits: readonly ShardCommit[],
): Promise<void> {
  for (const commit of commits) {
    const expected = await outcome(model.commit(owner, [commit]));
    expect(await outcome(store.commit(owner, [commit]))).toEqual(expected);
  }
}

async function settleNumbers(model: Store, shard: number, writes: readonly DraftWrite[]): Promise<Write[]> {
  const slices = await model.readLogs(names.map((log) => ({ shard, log, limit: 0 })));
  const ends = new Map(names.map((log, i) => [log, slices[i]?.end ?? 0]));
  return writes.map((draft): Write => {
    if (draft.op !== "append") return draft;
    const seq = Math.max(1, (ends.get(draft.log) ?? 0) + 1 + draft.seqOff);
    ends.set(draft.log, seq);
    return { op: "append", log: draft.log, seq, event: draft.event };
  });
}

async function outcome(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => codeOf(error));
}

async function everything(store: Store): Promise<unknown> {
  const pairs = shards.flatMap((shard) => names.map((name) => ({ shard, name })));
  const members = pairs.flatMap(({ shard, name: set }) => names.map((member) => ({ shard, set, member })));
  return {
    fences: await store.fences(32),
    up: await store.readLogs(pairs.map(({ shard, name: log }) => ({ shard, log, after: 1, limit: 4 }))),
    down: await store.readLogs(pairs.map(({ shard, name: log }) => ({ shard, log, before: 5, limit: 3 }))),
    few: await store.readLogs(
      pairs.flatMap(({ shard, name: log }) => [
        { shard, log, after: 0, limit: 9, bytes: 40 },
        { shard, log, before: 9, limit: 9, bytes: 40 },
      ]),
    ),
    tails: await store.tails(pairs.map(({ shard, name: log }) => ({ shard, log }))),
    fields: await store.load(pairs.map(({ shard, name: entity }) => ({ shard, entity }))),
    kept: await store.kept(pairs.map(({ shard, name: key }) => ({ shard, key }))),
    owed: await Promise.all(shards.map((shard) => store.obligations(shard, 100))),
    owedAfter: await Promise.all(shards.map((shard) => store.obligations(shard, 1, "x"))),
    members: await store.isMember(members),
  };
}

async function dueTimers(store: Store): Promise<unknown> {
  const due = await store.due(shards, 100);
  return due.map(({ shard, id, value }) => `${shard} ${id} ${value}`).sort();
}
