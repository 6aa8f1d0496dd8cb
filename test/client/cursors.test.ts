import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cursors } from "../../client/cursors.ts";

const conv = "s.v1.1";
const step = (seq: number, prev = seq - 1) => ({ seq, epoch: 1, prev });

function following(seq = 0): Cursors {
  const cursors = new Cursors();
  cursors.set(conv, [seq, 1]);
  return cursors;
}

describe("cursors", () => {
  it("accepts the event whose prev is the position", () => {
    const cursors = following(4);
    expect(cursors.take(conv, step(5), 10).kind).toBe("accepted");
    expect(cursors.get(conv)).toEqual([5, 1]);
  });

  it("accepts an event over numbers that this reader may not see", () => {
    expect(following(4).take(conv, step(9, 4), 10).kind).toBe("accepted");
  });

  it("drops what it has already", () => {
    const cursors = following(4);
    expect(cursors.take(conv, step(4), 10).kind).toBe("duplicate");
    expect(cursors.get(conv)).toEqual([4, 1]);
  });

  it("ignores conversations that it does not follow", () => {
    expect(new Cursors().take(conv, step(1), 10).kind).toBe("ignored");
  });

  it("asks for repair once, then waits for it", () => {
    const cursors = following();
    expect(cursors.take(conv, step(3), 10)).toEqual({ kind: "gap", repair: "follow" });
    expect(cursors.take(conv, step(4), 10)).toEqual({ kind: "ignored" });
  });

  it("escalates from follow to reading the log, to a restart, to a new connection", () => {
    const cursors = following();
    const repairs = [1, 2, 3, 4, 5].map(() => {
      const verdict = cursors.take(conv, step(9), 10);
      cursors.repaired(conv);
      return verdict.kind === "gap" ? verdict.repair : verdict.kind;
    });
    expect(repairs).toEqual(["follow", "sync", "restart", "reconnect", "reconnect"]);
  });

  it("does not take a new position for progress, so that a server which keeps skipping is left", () => {
    const cursors = following();
    cursors.take(conv, step(9), 10);
    cursors.set(conv, [20, 1]);
    expect(cursors.take(conv, step(30), 10)).toEqual({ kind: "gap", repair: "sync" });
  });

  it("begins again with follow after progress", () => {
    const cursors = following();
    cursors.take(conv, step(9), 10);
    cursors.repaired(conv);
    cursors.take(conv, step(1), 10);
    expect(cursors.take(conv, step(9), 10)).toEqual({ kind: "gap", repair: "follow" });
  });

  it("acknowledges alone after 64 events or 64 KB, cumulatively and only what moved", () => {
    const cursors = following();
    cursors.set("g.quiet", [7, 1]);
    for (let seq = 1; seq <= 63; seq += 1) cursors.take(conv, step(seq), 10);
    expect(cursors.ackIsDue()).toBe(false);
    cursors.take(conv, step(64), 10);
    expect(cursors.ackIsDue()).toBe(true);
    expect(cursors.takeAcks()).toEqual({ [conv]: 64 });
    expect(cursors.takeAcks()).toBeUndefined();
    cursors.take(conv, step(65), 64 * 1024);
    expect(cursors.ackIsDue()).toBe(true);
  });

  it("names quiet conversations in auth too", () => {
    const cursors = following(17);
    cursors.disconnected();
    expect(cursors.all()).toEqual({ [conv]: [17, 1] });
  });

  it("shows every event once and in order whatever is lost, repeated or reordered", () => {
    const arrival = fc.record({ seq: fc.integer({ min: 1, max: 12 }) });
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 120 }), (arrivals) => {
        const cursors = following();
        const view: number[] = [];
        const offer = (seq: number): void => {
          const verdict = cursors.take(conv, step(seq), 1);
          if (verdict.kind === "accepted") view.push(seq);
          if (verdict.kind !== "gap") return;
          cursors.repaired(conv);
          const [position] = cursors.get(conv) ?? [0];
          for (let next = position + 1; next <= seq; next += 1) offer(next);
        };
        for (const { seq } of arrivals) offer(seq);
        const highest = Math.max(0, ...arrivals.map(({ seq }) => seq));
        expect(view).toEqual(Array.from({ length: highest }, (_, index) => index + 1));
      }),
    );
  });
});
