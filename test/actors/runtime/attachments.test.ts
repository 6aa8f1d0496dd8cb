import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Attachments } from "../../../actors/runtime/attachments.ts";
import { Followers } from "../../../actors/runtime/followers.ts";

const a = { node: "a", incarnation: "1" };
const b = { node: "b", incarnation: "1" };

describe("attachments", () => {
  it("refuse a late older attempt", () => {
    const all = new Attachments(1);
    expect(all.attach("s", "d", 2, a, 1)).toMatchObject({
      kind: "attached",
      fresh: true,
      replaced: undefined,
    });
    expect(all.attach("s", "d", 1, b, 1)).toEqual({ kind: "superseded" });
    expect([...all.of("s")].map(({ run }) => run)).toEqual([a]);
  });

  it("replace an older connection by a later attempt, with a higher generation", () => {
    const all = new Attachments(1);
    const first = all.attach("s", "d", 1, a, 1);
    const second = all.attach("s", "d", 2, b, 1);
    expect(second).toMatchObject({ kind: "attached", replaced: { run: a, conn: 1 } });
    if (first.kind !== "attached" || second.kind !== "attached") throw new Error("both attach");
    expect(second.gen).toBeGreaterThan(first.gen);
    expect(all.count("s")).toBe(1);
  });

  it("ignore a late close of an older connection", () => {
    const all = new Attachments(1);
    all.attach("s", "d", 1, a, 1);
    all.attach("s", "d", 2, a, 2);
    expect(all.detach("s", "d", a, 1)).toBe(false);
    expect(all.detach("s", "d", b, 2)).toBe(false);
    expect(all.count("s")).toBe(1);
    expect([all.detach("s", "d", a, 2), all.count("s")]).toEqual([true, 0]);
  });

  it("change nothing when the same connection attaches again", () => {
    const all = new Attachments(1);
    const first = all.attach("s", "d", 1, a, 1);
    expect(all.attach("s", "d", 1, a, 1)).toEqual({ ...first, fresh: false });
  });

  it("count devices apart, and drop those of a run that is gone", () => {
    const all = new Attachments(1);
    all.attach("s", "d1", 1, a, 1);
    all.attach("s", "d2", 1, b, 1);
    all.attach("other", "d", 1, b, 2);
    expect(all.count("s")).toBe(2);
    expect(all.retain((run) => run.node === "b")).toEqual(["s"]);
    expect([all.count("s"), all.count("other")]).toEqual([1, 1]);
  });

  it("give generations that rise with the epoch", () => {
    const old = new Attachments(1).attach("s", "d", 1, a, 1);
    const next = new Attachments(2).attach("s", "d", 1, a, 1);
    expect(old.kind === "attached" && next.kind === "attached" && next.gen > old.gen).toBe(true);
  });

  it("end in time when their close may have been lost, unless they attach again", () => {
    const all = new Attachments(1);
    all.attach("s", "gone", 1, a, 1);
    all.attach("s", "here", 1, a, 2);
    all.attach("s", "elsewhere", 1, b, 3);
    all.doubt(a, 100);
    expect(all.dropDoubted(100)).toEqual([]);
    all.attach("s", "here", 1, a, 2);
    expect(all.dropDoubted(101)).toEqual(["s"]);
    expect(all.count("s")).toBe(2);
    expect(all.dropDoubted(1e9)).toEqual([]);
  });
});

const runs = [a, b, { node: "a", incarnation: "2" }];
const steps = fc.array(
  fc.record({
    kind: fc.constantFrom("come", "come", "go", "doubt"),
    who: fc.integer({ min: 0, max: 3 }),
    run: fc.integer({ min: 0, max: 2 }),
    conn: fc.integer({ min: 0, max: 1 }),
  }),
);

describe("when runs go", () => {
  it("those attached by them are dropped, all of them and no others, whatever came and went before", () => {
    fc.assert(
      fc.property(steps, fc.subarray(runs), (history, living) => {
        const all = new Attachments(1);
        for (const [attempt, { kind, who, run, conn }] of history.entries()) {
          const [session, device, on] = [`s${who % 2}`, `d${who >> 1}`, runs[run] ?? a];
          if (kind === "come") all.attach(session, device, attempt, on, conn);
          else if (kind === "go") all.detach(session, device, on, conn);
          else {
            all.doubt(on, attempt);
            all.dropDoubted(attempt - 2);
          }
        }
        const of = (session: string) => [...all.of(session)];
        const stay = ["s0", "s1"].map((session) => of(session).filter(({ run }) => living.includes(run)));
        const hit = ["s0", "s1"].filter((session, i) => of(session).length !== stay[i]?.length);
        expect(all.retain((run) => living.includes(run)).toSorted()).toEqual(hit);
        expect(["s0", "s1"].map(of)).toEqual(stay);
      }),
    );
  });

  it("they follow nothing any more, and the others what they followed", () => {
    fc.assert(
      fc.property(steps, fc.subarray(runs), (history, living) => {
        const all = new Followers();
        for (const { kind, who, run } of history) {
          if (kind === "come") all.add(`log${who}`, runs[run] ?? a);
          else all.remove(`log${who}`, runs[run] ?? a);
        }
        const of = (who: number) => [...all.of(`log${who}`)].map(([, run]) => run);
        const stay = [0, 1, 2, 3].map((who) => of(who).filter((run) => living.includes(run)));
        all.retain((run) => living.includes(run));
        expect([0, 1, 2, 3].map(of)).toEqual(stay);
      }),
    );
  });
});
