import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Address } from "../../actors/address.ts";
import { readState } from "../../actors/conversation-reads.ts";
import { readKey } from "../../actors/read-key.ts";
import type { ConversationState } from "../../actors/conversation-state.ts";
import { isContent, prevFor, visibleTo, type Audience, type LogEvent } from "../../protocol/events.ts";
import { amy, available, bo, chronicle, opened, say, sue, vic, whoIs, type Person } from "./cast.ts";
import type { World } from "./world.ts";

const people = [vic, amy, bo, sue];
const deeds = [
  "send",
  "send",
  "send",
  "note",
  "recall",
  "read",
  "read",
  "robot",
  "human",
  "transfer",
  "idle",
] as const;
type Turn = readonly [deed: (typeof deeds)[number], who: number, seq: number];

const turns = fc.array(fc.tuple(fc.constantFrom(...deeds), fc.nat(3), fc.nat(200)), {
  minLength: 10,
  maxLength: 200,
});

function readerOf({ role }: Person): Audience {
  return role === "visitor" ? "all" : "staff";
}

/** Content that stands up to a number, as the edge knows it from the event with that number. */
function countAt(log: readonly LogEvent[], reader: Audience, seq: number): number {
  const event = log[Math.min(seq, log.length) - 1];
  if (event === undefined) return 0;
  return reader === "staff" ? event.countStaff : event.countAll;
}

function play(world: World, conv: Address, [deed, one, two]: Turn): void {
  const who = people[one] ?? vic;
  const { log } = world.actor(conv);
  const seq = two % (log.length + 2);
  switch (deed) {
    case "send":
      return void say(world, conv, who, two % 5 === 0 ? "price?" : "hello");
    case "note":
      return void world.command(conv, who, {
        t: "note",
        conv: conv.id,
        body: { kind: "text", text: "psst" },
      });
    case "recall":
      return void world.command(conv, who, { t: "recall", conv: conv.id, seq: Math.max(1, seq) });
    case "read":
      return void world.step(conv, { kind: "read", by: who, seq, count: countAt(log, readerOf(who), seq) });
    case "robot":
      return world.settle();
    case "human":
      return void world.command(conv, vic, { t: "human", conv: conv.id });
    case "transfer":
      return void world.command(conv, who, { t: "transfer", conv: conv.id });
    case "idle":
      return two % 4 === 0 ? world.fire(conv, "idle") : undefined;
  }
}

/** A life of one conversation; `each` looks at it after every turn. */
function live(happens: readonly Turn[], each: (world: World, conv: Address) => void): void {
  const { world, conv } = opened("web");
  available(world, amy);
  for (const turn of happens) {
    play(world, conv, turn);
    each(world, conv);
  }
}

function check(each: (world: World, conv: Address) => void): void {
  fc.assert(
    fc.property(turns, (happens) => live(happens, each)),
    { numRuns: 60 },
  );
}

describe("conversation", () => {
  it("is the same after a reload from snapshot and tail, at any point", () => {
    check((world, conv) => {
      const hosted = world.actor(conv);
      expect(world.reload(hosted)).toEqual(hosted.live);
      const whole = world.reload({ ...hosted, fields: withoutSnapshot(hosted.fields) });
      expect((whole as ConversationState).log).toEqual(chronicle(hosted));
    });
  });

  it("writes a snapshot every 64 events", () => {
    const { world, conv } = opened("web");
    for (let n = 0; n < 150; n++) say(world, conv, vic, "hello");
    const snap = JSON.parse(world.actor(conv).fields.get("snap") ?? "{}") as { seq: number };
    expect(snap.seq).toBe(128);
  });

  it("numbers what each reader may see without telling of the rest", () => {
    check((world, conv) => {
      const { log } = world.actor(conv);
      for (const reader of ["all", "staff"] as const) checkNumbers(log, reader);
    });
  });

  it("tells the visitor no number of a staff event, in frames neither", () => {
    check((world, conv) => {
      const { log, broadcasts } = world.actor(conv);
      for (const { frame, to } of broadcasts)
        if (to === "all" && frame.t === "read") expect(log[frame.seq - 1]?.aud).toBe("all");
    });
  });

  it("counts as unread just what others said after the read mark", () => {
    check((world, conv) => {
      const hosted = world.actor(conv);
      const { countAll, countStaff } = chronicle(hosted);
      for (const who of people) {
        const record = hosted.kept.get(readKey(conv, whoIs(who)));
        const { read, unread } = readState(record, readerOf(who) === "all" ? countAll : countStaff);
        expect(unread).toBe(unreadByHand(hosted.log, who, read));
      }
    });
  });

  it("never moves a read mark back", () => {
    fc.assert(
      fc.property(turns, (happens) => {
        const marks = new Map<string, number>();
        live(happens, (world, conv) => {
          for (const who of people) {
            const { read } = readState(world.actor(conv).kept.get(readKey(conv, whoIs(who))), 0);
            expect(read).toBeGreaterThanOrEqual(marks.get(who.user) ?? 0);
            marks.set(who.user, read);
          }
        });
      }),
      { numRuns: 60 },
    );
  });
});

function withoutSnapshot(fields: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...fields].filter(([field]) => field !== "snap"));
}

/** Each visible event follows the visible one before it, and the counts are those of the visible content. */
function checkNumbers(log: readonly LogEvent[], reader: Audience): void {
  let prev = 0;
  let count = 0;
  for (const event of log.filter((one) => visibleTo(one, reader))) {
    expect(prevFor(event, reader)).toBe(prev);
    if (isContent(event.body.kind)) count++;
    expect(reader === "all" ? event.countAll : event.countStaff).toBe(count);
    prev = event.seq;
  }
}

function unreadByHand(log: readonly LogEvent[], who: Person, read: number): number {
  return log
    .slice(read)
    .filter((event) => visibleTo(event, readerOf(who)) && isContent(event.body.kind))
    .filter(({ by }) => by.id !== who.user).length;
}
