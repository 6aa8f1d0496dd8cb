import { describe, expect, it } from "vitest";
import type { EventBody, LogEvent } from "../../protocol/events.ts";
import { AssignmentBook } from "../../sim/checkers/assignments.ts";
import { checkDeliveries } from "../../sim/checkers/deliveries.ts";
import type { Checker } from "../../sim/checkers/evidence.ts";
import { FenceBook } from "../../sim/checkers/fences.ts";
import { checkLogs } from "../../sim/checkers/logs.ts";
import { checkSends } from "../../sim/checkers/sends.ts";
import { Tellings } from "../../sim/checkers/tellings.ts";
import { History, type SendRecord } from "../../sim/history.ts";
import type { Accepted } from "../../sim/world/store-server.ts";

function event(seq: number, body: EventBody, more: Partial<LogEvent> = {}): LogEvent {
  const by = { role: "visitor", id: "v" } as const;
  return {
    seq,
    epoch: 1,
    ts: 0,
    by,
    aud: "all",
    prevAll: seq - 1,
    countAll: 0,
    countStaff: 0,
    body,
    ...more,
  };
}

function said(seq: number, text: string, more: Partial<LogEvent> = {}): LogEvent {
  return event(seq, { kind: "message", body: { kind: "text", text } }, more);
}

function sent(text: string, more: Partial<SendRecord> = {}): SendRecord {
  return { text, conv: "c", device: "d", startedAt: 0, seen: 0, ...more };
}

/** What a checker finds in that log and those sends. */
function found(
  check: Checker,
  log: readonly LogEvent[],
  sends: readonly SendRecord[] = [],
  prepare: (history: History) => void = () => {},
): string[] {
  const history = new History();
  history.sends.push(...sends);
  prepare(history);
  check({ history, logs: new Map([["c", log]]) });
  return history.violations.map(({ guarantee }) => guarantee);
}

const commit = (
  epoch: number,
  owner: string,
  ...events: [log: string, seq: number, body: object][]
): Accepted => numbered(1, epoch, owner, ...events);

const numbered = (
  number: number,
  epoch: number,
  owner: string,
  ...events: [log: string, seq: number, body: object][]
): Accepted => ({
  kind: "commit",
  at: 0,
  owner,
  commit: {
    shard: 1,
    epoch,
    number,
    writes: events.map(([log, seq, body]) => ({
      op: "append",
      log,
      seq,
      event: JSON.stringify({ seq, body }),
    })),
  },
});

/** A replica takes over whose last commit of the shard is that one. */
const forgot = (last: number, epoch = 1, owner = "o"): Accepted => {
  return { kind: "forgot", at: 0, entries: 1, fences: new Map([[1, { epoch, owner, last }]]) };
};

describe("log checker", () => {
  it("accepts a dense log and finds holes, repeats and epochs that fall", () => {
    expect(found(checkLogs, [said(1, "d#1"), said(2, "d#2")])).toEqual([]);
    expect(found(checkLogs, [said(1, "d#1"), said(3, "d#2")])).toEqual(["SeqDense"]);
    expect(found(checkLogs, [said(1, "d#1"), said(2, "d#1")])).toEqual(["NoDupEffect"]);
    expect(found(checkLogs, [said(1, "d#1", { p: "p", n: 1 }), said(2, "d#2", { p: "p", n: 1 })])).toEqual([
      "NoDupEffect",
    ]);
    expect(found(checkLogs, [said(1, "d#1", { epoch: 2 }), said(2, "d#2")])).toEqual(["FenceMonotone"]);
  });
});

describe("send checker", () => {
  const log = [said(1, "d#1"), said(2, "d#2")];

  it("accepts sends that stand where they were acknowledged", () => {
    expect(found(checkSends, log, [sent("d#1", { seq: 1 }), sent("d#2", { seq: 2 })])).toEqual([]);
  });

  it("finds what was acknowledged and is lost, what nobody sent, and what was refused and stands", () => {
    expect(found(checkSends, [], [sent("d#1", { seq: 1 })])).toEqual(["NoLostAck"]);
    expect(found(checkSends, log, [sent("d#1", { seq: 1 })])).toEqual(["NoPhantom"]);
    expect(found(checkSends, log, [sent("d#1", { seq: 1 }), sent("d#2", { refused: "CLOSED" })])).toEqual([
      "NoPhantom",
    ]);
  });

  it("finds wrong orders", () => {
    expect(found(checkSends, log, [sent("d#2"), sent("d#1")])).toEqual(["SenderFIFO"]);
    expect(found(checkSends, log, [sent("d#1"), sent("d#2", { seen: 2 })])).toEqual(["WritesFollowReads"]);
    const late = sent("d#1", { device: "e", startedAt: 9 });
    expect(found(checkSends, log, [sent("d#2", { seq: 2, settledAt: 5 }), late])).toEqual(["RealtimeAppend"]);
  });
});

describe("send checker on messages of pages that closed", () => {
  const of = (log: readonly LogEvent[], ...sends: SendRecord[]) => found(checkSends, log, sends);
  const inherited = (what: { seq?: number; refused?: string }) =>
    ({ kept: true, inherited: { at: 5, ...what } }) as const;

  it("wants what was kept in the log, unless its conversation had ended; not what was not kept", () => {
    expect(of([said(1, "d#1")], sent("d#1", { kept: true }))).toEqual([]);
    expect(of([], sent("d#1", { kept: true }))).toEqual(["NoLostAck"]);
    expect(of([], sent("d#1"))).toEqual([]);
    expect(of([], sent("d#1", inherited({ refused: "CLOSED" })))).toEqual([]);
    expect(of([], sent("d#1", inherited({ refused: "PRODUCER_CONFLICT" })))).toEqual(["NoLostAck"]);
  });

  it("takes an answer to the next page for one to the page that was given it", () => {
    expect(of([said(1, "d#1")], sent("d#1", inherited({ seq: 1 })))).toEqual([]);
    expect(of([said(1, "d#1")], sent("d#1", inherited({ seq: 2 })))).toEqual(["NoLostAck"]);
    expect(of([said(1, "d#1")], sent("d#1", inherited({ refused: "CLOSED" })))).toEqual(["NoPhantom"]);
    const late = sent("e#1", { device: "e", startedAt: 6 });
    const log = [said(1, "e#1"), said(2, "d#1")];
    expect(of(log, sent("d#1", inherited({ seq: 2 })), late)).toEqual(["RealtimeAppend"]);
    expect(of(log, sent("d#1", inherited({ seq: 2 })), { ...late, startedAt: 4 })).toEqual([]);
  });
});

describe("delivery checker", () => {
  const log = [said(1, "d#1"), said(2, "d#2"), said(3, "d#3", { aud: "staff", prevAll: 2 })];
  const seen = (...numbers: [seq: number, prev: number, text?: string, epoch?: number][]) =>
    found(checkDeliveries, log, [sent("d#2", { seq: 2 })], (history) => {
      const records = numbers.map(([seq, prev, text = `d#${seq}`, epoch = 1]) => ({
        seq,
        prev,
        epoch,
        text,
      }));
      history.device("d", "all").seen.set("c", records);
    });

  it("accepts what the log holds, in order, and finds repeats, holes, strangers and what is not for it", () => {
    expect(seen([1, 0], [2, 1])).toEqual([]);
    expect(seen([1, 0], [2, 1], [2, 1])).toEqual(["MonotonicDelivery"]);
    expect(seen([2, 0], [2, 1])).toEqual(["MonotonicDelivery"]);
    expect(seen([1, 0], [2, 0])).toEqual(["NoSkip"]);
    expect(seen([1, 0], [2, 1, "other"])).toEqual(["OffsetAgreement"]);
    expect(seen([1, 0], [2, 1, "d#2", 7])).toEqual(["OffsetAgreement"]);
    expect(seen([1, 0], [2, 1], [3, 2])).toEqual(["NoPhantom"]);
    expect(seen([1, 0], [2, 1], [4, 2])).toEqual(["NoPhantom"]);
    expect(seen([1, 0])).toEqual(["ReadYourWrites"]);
  });

  it("does not expect of a page that has closed that it saw what was on its way", () => {
    const of = (closed: { closed?: true }, ...numbers: number[]) =>
      found(checkDeliveries, log, [sent("d#2", { seq: 2 })], (history) => {
        const records = numbers.map((seq, i) => ({
          seq,
          prev: numbers[i - 1] ?? 0,
          epoch: 1,
          text: `d#${seq}`,
        }));
        Object.assign(history.device("d", "all"), closed).seen.set("c", records);
      });
    expect(of({}, 1)).toEqual(["ReadYourWrites"]);
    expect(of({ closed: true }, 1)).toEqual([]);
    expect(of({ closed: true }, 2, 1)).toEqual(["MonotonicDelivery"]);
  });

  it("finds a hole that the device was not told of, and none where staff alone may look", () => {
    const records = [
      { seq: 1, prev: 0, epoch: 1, text: "d#1" },
      { seq: 3, prev: 1, epoch: 1, text: "d#3" },
    ];
    const hidden = (aud: "all" | "staff") =>
      found(checkDeliveries, [said(1, "d#1"), said(2, "d#2", { aud }), said(3, "d#3")], [], (history) => {
        history.device("d", "all").seen.set("c", records);
      });
    expect(hidden("all")).toEqual(["NoSkip"]);
    expect(hidden("staff")).toEqual([]);
  });
});

describe("fence checker", () => {
  const claim = (epoch: number, owner: string): Accepted => ({
    kind: "claim",
    at: 0,
    shard: 1,
    epoch,
    owner,
  });
  const of = (...accepted: Accepted[]) => {
    const history = new History();
    const book = new FenceBook(history);
    for (const entry of accepted) book.take(entry);
    return history.violations.map(({ guarantee }) => guarantee);
  };

  it("finds epochs that fall and two owners of one epoch, and lets a store be told again what it forgot", () => {
    expect(of(claim(1, "a"), commit(1, "a"), claim(2, "b"), commit(2, "b"))).toEqual([]);
    expect(of(claim(2, "b"), commit(1, "a"))).toEqual(["FenceMonotone"]);
    expect(of(claim(1, "a"), commit(1, "b"))).toEqual(["EpochOwnerUnique"]);
    expect(of(claim(1, "a"), claim(2, "b"), forgot(0, 1, "a"), commit(1, "a"))).toEqual([]);
    expect(of(claim(1, "a"), claim(2, "b"), forgot(0, 2, "b"), commit(1, "a"))).toEqual(["FenceMonotone"]);
  });
});

describe("assignment checker", () => {
  const assigned = (agent: string) => ({ kind: "assigned", agent, assignment: "x" });
  const of = (...accepted: Accepted[]) => {
    const history = new History();
    const book = new AssignmentBook(history, 1);
    const tellings = new Tellings(true);
    for (const entry of accepted) {
      const telling = tellings.take(entry);
      if (telling !== undefined) book.take(telling);
    }
    return history.violations.map(({ guarantee }) => guarantee);
  };
  const [a, b] = ["conversation/t/a", "conversation/t/b"];

  it("finds two assignees at once and chats above an agent's capacity", () => {
    const ended = commit(1, "o", [a, 2, { kind: "closed", why: "agent" }], [b, 1, assigned("amy")]);
    expect(of(commit(1, "o", [a, 1, assigned("amy")]), ended)).toEqual([]);
    expect(of(commit(1, "o", [a, 1, assigned("amy")], [a, 2, assigned("bo")]))).toEqual([
      "AssignmentExclusive",
    ]);
    expect(of(commit(1, "o", [a, 1, assigned("amy")], [b, 1, assigned("amy")]))).toEqual([
      "CapacityRespected",
    ]);
  });

  const closed = { kind: "closed", why: "agent" };
  const queued = { kind: "queued", desk: "d" };

  it("counts once what the store was told again", () => {
    const first = commit(1, "o", [a, 1, assigned("amy")]);
    expect(of(first, forgot(0), first)).toEqual([]);
    expect(of(first, forgot(0), commit(2, "o", [a, 1, assigned("amy")]), forgot(0), first)).toEqual([]);
  });

  it("counts what was forgotten until something else is told instead", () => {
    const [taken, ended] = [commit(1, "o", [a, 1, assigned("amy")]), numbered(2, 1, "o", [a, 2, closed])];
    const next = numbered(3, 1, "o", [b, 1, assigned("amy")]);
    // All of it is told again, in its order.
    expect(of(taken, ended, next, forgot(1), ended, next)).toEqual([]);
    // That the first chat ended is not known any more, and the agent gets another.
    expect(of(taken, ended, next, forgot(1), numbered(2, 2, "p", [b, 1, assigned("amy")]))).toEqual([
      "CapacityRespected",
    ]);
    // Nobody remembers that the agent had it.
    const other = commit(2, "p", [a, 1, queued]);
    expect(of(taken, forgot(0), other, numbered(2, 2, "p", [b, 1, assigned("amy")]))).toEqual([]);
  });

  it("judges what is told instead of what was forgotten, under the same numbers", () => {
    const taken = commit(1, "o", [a, 1, assigned("amy")]);
    const ended = numbered(2, 1, "o", [a, 2, closed]);
    expect(of(taken, ended, forgot(1), numbered(2, 2, "p", [a, 2, assigned("bo")]))).toEqual([
      "AssignmentExclusive",
    ]);
    const twice = commit(2, "p", [a, 1, assigned("bo")], [a, 2, assigned("amy")]);
    expect(of(taken, ended, forgot(0), twice)).toEqual(["AssignmentExclusive"]);
  });
});

describe("tellings", () => {
  const kinds = (...accepted: Accepted[]) => {
    const tellings = new Tellings(true);
    return accepted.map((entry) => {
      const telling = tellings.take(entry);
      if (telling?.kind === "forgotten")
        return `forgotten ${telling.commits.map((one) => one.commit.number).join()}`;
      if (telling?.kind === "first")
        return `first, lost ${telling.lost.map((one) => one.commit.number).join()}`;
      return telling?.kind;
    });
  };
  const [one, two, three] = [1, 2, 3].map((number) =>
    numbered(number, 1, "o", ["l", number, { number }]),
  ) as [Accepted, Accepted, Accepted];

  it("tells what is said again from what is new, also after another failover in between", () => {
    expect(kinds(one, two, three, forgot(1), two, forgot(1), two, three)).toEqual([
      ...["first, lost ", "first, lost ", "first, lost "],
      ...["forgotten 3,2", "again", "forgotten 2", "again", "again"],
    ]);
  });

  it("gives up what was forgotten, and all that followed it, where something else is told", () => {
    const other = numbered(2, 2, "p", ["l", 2, { number: 20 }]);
    expect(kinds(one, two, three, forgot(1), other, numbered(3, 2, "p")).slice(3)).toEqual([
      "forgotten 3,2",
      "first, lost 3,2",
      "first, lost ",
    ]);
  });
});
