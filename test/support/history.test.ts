import { describe, expect, it } from "vitest";
import { History, type LogRecord, type SendRecord } from "./history.ts";

const message = (seq: number, text: string, epoch = 1): LogRecord => ({
  seq,
  prev: seq - 1,
  epoch,
  body: { kind: "message", body: { kind: "text", text } },
});
const send = (text: string, more: Partial<SendRecord> = {}): SendRecord => ({
  text,
  conv: "c",
  device: "a",
  startedAt: 0,
  seen: 0,
  ...more,
});

/** The guarantees that a history violates. */
function violated(
  log: readonly LogRecord[],
  sends: readonly SendRecord[],
  seen: readonly LogRecord[] = log,
): string[] {
  const history = new History();
  history.sends.push(...sends);
  for (const record of seen) history.see("a", "c", record);
  return history.check(new Map([["c", log]])).map(({ guarantee }) => guarantee);
}

describe("the history checker", () => {
  const log = [message(1, "one"), message(2, "two")];
  const sends = [send("one", { seq: 1, settledAt: 5 }), send("two", { seq: 2, startedAt: 6, settledAt: 9 })];

  it("finds nothing wrong with a good history", () => {
    expect(violated(log, sends)).toEqual([]);
  });

  it.each([
    ["SeqDense", [message(1, "one"), message(3, "two")], [send("one"), send("two")], []],
    ["FenceMonotone", [message(1, "one", 2), message(2, "two", 1)], [send("one"), send("two")], []],
    [
      "NoLostAck",
      [message(1, "one")],
      [send("one"), send("gone", { seq: 2, settledAt: 1 })],
      [message(1, "one")],
    ],
    ["NoPhantom", [message(1, "ghost")], [], [message(1, "ghost")]],
    ["NoDupEffect", [message(1, "one"), message(2, "one")], [send("one")], []],
    ["SenderFIFO", [message(1, "two"), message(2, "one")], [send("one"), send("two")], []],
    ["WritesFollowReads", [message(1, "one")], [send("one", { seen: 4 })], []],
    ["OffsetAgreement", [message(1, "one")], [send("one")], [message(1, "other")]],
    ["MonotonicDelivery", log, sends, [message(2, "two"), message(1, "one")]],
    ["NoSkip", [...log, message(3, "x")], [...sends, send("x")], [message(1, "one"), message(3, "x")]],
    ["Converges", log, sends, [message(1, "one")]],
  ] as const)("finds a violation of %s", (guarantee, log, sends, seen) => {
    expect(violated(log, sends, seen)).toContain(guarantee);
  });

  it("finds a send that stands before one acknowledged earlier, and an own send that was never seen", () => {
    const reversed = [message(1, "late"), message(2, "early")];
    const found = violated(
      reversed,
      [
        send("early", { device: "b", seq: 2, settledAt: 5 }),
        send("late", { device: "a", startedAt: 6, seq: 1, settledAt: 8 }),
      ],
      [],
    );
    expect(found).toContain("RealtimeAppend");
    expect(found).toContain("ReadYourWrites");
  });

  it("finds a fence that goes back, and one epoch with two owners", () => {
    const history = new History();
    history.seeFence(7, 3, "n1/x");
    history.seeFence(7, 3, "n1/x");
    expect(history.wire).toEqual([]);
    history.seeFence(7, 3, "n2/y");
    history.seeFence(7, 2, "n2/y");
    expect(history.wire.map(({ guarantee }) => guarantee)).toEqual(["EpochOwnerUnique", "FenceMonotone"]);
  });
});
