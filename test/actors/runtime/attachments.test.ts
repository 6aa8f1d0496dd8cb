import { describe, expect, it } from "vitest";
import { Attachments } from "../../../actors/runtime/attachments.ts";

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
