import { describe, expect, it } from "vitest";
import { readState } from "../../actors/conversation-reads.ts";
import { readKey } from "../../actors/read-key.ts";
import { applyEvent, restoreConversation } from "../../actors/conversation-state.ts";
import {
  amy,
  at,
  available,
  bo,
  chronicle,
  kinds,
  onTheWay,
  opened,
  person,
  say,
  sue,
  usualWorld,
  val,
  vic,
  whoIs,
} from "./cast.ts";
import type { World } from "./world.ts";
import type { Address } from "../../actors/address.ts";

const ack = { kind: "ack", seq: expect.any(Number) };
const nack = (code: string): object => ({ kind: "nack", code });

function read(world: World, conv: Address, by: typeof vic, seq: number, count: number): void {
  expect(world.ask(conv, { kind: "read", by, seq, count })).toBeNull();
}

function unread(world: World, conv: Address, by: typeof vic): { read: number; unread: number } {
  const hosted = world.actor(conv);
  const { countAll, countStaff } = chronicle(hosted);
  return readState(hosted.kept.get(readKey(conv, whoIs(by))), by.role === "visitor" ? countAll : countStaff);
}

/** A conversation that waits at the desk and one that amy serves. */
function assigned(): { world: World; conv: Address } {
  const { world, conv } = opened("app");
  available(world, amy);
  return { world, conv };
}

describe("conversation", () => {
  it("goes on from a snapshot of before, which had one list of what was said", () => {
    const { world, conv } = assigned();
    const { latest: _latest, ...before } = chronicle(world.actor(conv));
    const { log } = restoreConversation(conv, { snap: JSON.stringify(before) });
    const head = {
      seq: log.seq + 1,
      epoch: 1,
      aud: "all",
      prevAll: log.seq,
      countAll: 1,
      countStaff: 1,
    } as const;
    const body = { kind: "message", body: { kind: "text", text: "hello" } } as const;
    const next = applyEvent(log, { ...head, ts: 0, by: { role: "agent", id: "amy" }, body });
    expect(next.latest.map(({ seq }) => seq)).toEqual([head.seq]);
  });

  it("begins with the robot's greeting, and only once", () => {
    const { world, conv } = opened("web");
    const start = {
      kind: "start",
      channel: "web",
      desk: "support",
      robot: "rob",
      meta: null,
      visitor: vic.user,
    };
    world.step(conv, start as never);
    expect(kinds(world, conv)).toEqual(["opened", "message"]);
    expect(world.actor(conv).log[1]?.by).toEqual({ role: "robot", id: "rob" });
  });

  it("names the command that began it, for a client that has to look for its effect", () => {
    const { world, conv } = opened("web");
    const [first, greeting] = world.actor(conv).log;
    expect(first).toMatchObject({ body: { kind: "opened" }, p: expect.any(String), n: 1 });
    expect(greeting?.p).toBeUndefined();
  });

  it("waits at the desk from the beginning where the channel has no robot", () => {
    const { world, conv } = opened("app");
    expect(kinds(world, conv)).toEqual(["opened", "queued"]);
  });

  it("is not there before it was started", () => {
    const world = usualWorld();
    expect(say(world, at.conv("s.vic.7"), vic, "hello")).toEqual(nack("NOT_FOUND"));
  });

  it("lets in its visitor, and no other person of the outside", () => {
    const { world, conv } = opened("web");
    expect(say(world, conv, vic, "hello")).toMatchObject(ack);
    expect(say(world, conv, val, "hello")).toEqual(nack("FORBIDDEN"));
    expect(say(world, conv, { ...vic, tenant: "other" as never }, "hello")).toEqual(nack("FORBIDDEN"));
    expect(say(world, at.conv("s.val.1"), vic, "hello")).toEqual(nack("FORBIDDEN"));
  });

  it("lets the assigned agent and supervisors speak; other agents only note", () => {
    const { world, conv } = assigned();
    expect(say(world, conv, amy, "hello")).toMatchObject(ack);
    expect(say(world, conv, sue, "hello")).toMatchObject(ack);
    expect(say(world, conv, bo, "hello")).toEqual(nack("FORBIDDEN"));
    const note = { t: "note", conv: conv.id, body: { kind: "text", text: "psst" } };
    expect(world.command(conv, bo, note)).toMatchObject(ack);
    expect(world.command(conv, vic, note)).toEqual(nack("FORBIDDEN"));
  });

  it("answers with the event's number as its author sees the log", () => {
    const { world, conv } = assigned();
    const { seq } = say(world, conv, vic, "one") as { seq: number };
    world.command(conv, amy, { t: "note", conv: conv.id, body: { kind: "text", text: "psst" } });
    expect(say(world, conv, vic, "two")).toMatchObject({ seq: seq + 2, prev: seq });
    expect(say(world, conv, amy, "three")).toMatchObject({ seq: seq + 3, prev: seq + 2 });
  });

  it("takes back one's own message once, and nobody else's", () => {
    const { world, conv } = assigned();
    const { seq } = say(world, conv, vic, "oops") as { seq: number };
    const recall = { t: "recall", conv: conv.id, seq };
    expect(world.command(conv, amy, recall)).toEqual(nack("FORBIDDEN"));
    expect(world.command(conv, vic, recall)).toMatchObject({ seq: seq + 1 });
    expect(world.command(conv, vic, recall)).toEqual(nack("NOT_FOUND"));
    expect(world.command(conv, vic, { ...recall, seq: 1 })).toEqual(nack("NOT_FOUND"));
  });

  it("hides a note's recall from the visitor, and that the note ever was", () => {
    const { world, conv } = assigned();
    const note = { t: "note", conv: conv.id, body: { kind: "text", text: "psst" } };
    const { seq } = world.command(conv, amy, note) as { seq: number };
    const recall = { t: "recall", conv: conv.id, seq };
    expect(world.command(conv, vic, recall)).toEqual(nack("NOT_FOUND"));
    world.command(conv, amy, recall);
    expect(world.actor(conv).log.at(-1)).toMatchObject({ aud: "staff", body: { kind: "recalled" } });
  });

  it("is closed by the visitor or who is in charge, once, and says so to everybody bound by it", () => {
    const { world, conv } = assigned();
    const close = { t: "close", conv: conv.id };
    expect(world.command(conv, bo, close)).toEqual(nack("FORBIDDEN"));
    expect(world.command(conv, amy, close)).toMatchObject(ack);
    expect(onTheWay(world, "freed")).toHaveLength(1);
    expect(onTheWay(world, "closed")).toHaveLength(1);
    expect(world.command(conv, amy, close)).toEqual({ kind: "ack", seq: 0, epoch: 0, prev: 0, ts: 0 });
    expect(kinds(world, conv).filter((kind) => kind === "closed")).toHaveLength(1);
    expect(say(world, conv, vic, "still there?")).toEqual(nack("CLOSED"));
    expect(world.command(conv, vic, { t: "human", conv: conv.id })).toEqual(nack("CLOSED"));
    expect(world.command(conv, sue, { t: "transfer", conv: conv.id })).toEqual(nack("CLOSED"));
    expect(world.command(conv, sue, { t: "takeover", conv: conv.id })).toEqual(nack("CLOSED"));
    expect(world.actor(conv).timers.size).toBe(0);
  });

  it("is rated by its visitor, once, after the close", () => {
    const { world, conv } = assigned();
    const rate = { t: "rate", conv: conv.id, stars: 5 };
    expect(world.command(conv, vic, rate)).toEqual(nack("WRONG_STATE"));
    world.command(conv, vic, { t: "close", conv: conv.id });
    expect(world.command(conv, amy, rate)).toEqual(nack("FORBIDDEN"));
    expect(world.command(conv, vic, rate)).toMatchObject(ack);
    expect(world.command(conv, vic, rate)).toEqual(nack("WRONG_STATE"));
  });

  it("notices silence a full period after the last activity, then closes; a word in between starts it anew", () => {
    const { world, conv } = opened("web");
    const tick = (times: number): void => {
      for (let left = times; left > 0; left--) world.fire(conv, "idle");
    };
    tick(3);
    say(world, conv, vic, "hello");
    tick(4);
    expect(kinds(world, conv)).not.toContain("idle");
    tick(1);
    expect(kinds(world, conv).at(-1)).toBe("idle");
    expect(world.actor(conv).timers.get("idle")).toBe(5_000);
    say(world, conv, vic, "I am here");
    tick(5);
    expect(kinds(world, conv).at(-1)).toBe("idle");
    tick(1);
    expect(world.actor(conv).log.at(-1)?.body).toEqual({ kind: "closed", why: "idle" });
    tick(1);
    expect(kinds(world, conv).at(-1)).toBe("closed");
  });

  it("never ends by silence while it waits at a desk", () => {
    const { world, conv } = opened("app");
    for (let times = 0; times < 20; times++) world.fire(conv, "idle");
    expect(kinds(world, conv)).toEqual(["opened", "queued"]);
  });
});

describe("read marks", () => {
  it("move forward only and are shown to who follows", () => {
    const { world, conv } = assigned();
    say(world, conv, amy, "one");
    say(world, conv, amy, "two");
    expect(unread(world, conv, vic)).toEqual({ read: 0, unread: 2 });
    const { seq } = chronicle(world.actor(conv));
    read(world, conv, vic, seq - 1, 1);
    read(world, conv, vic, seq - 2, 0);
    expect(unread(world, conv, vic)).toEqual({ read: seq - 1, unread: 1 });
    read(world, conv, vic, seq + 5, 9);
    read(world, conv, val, seq, 2);
    expect(unread(world, conv, vic)).toEqual({ read: seq - 1, unread: 1 });
    expect(world.actor(conv).broadcasts).toEqual([
      { to: "all", frame: { t: "read", conv: conv.id, user: vic.user, role: "visitor", seq: seq - 1 } },
    ]);
  });

  it("move with one's own message if nothing unread stands before it; else it just does not count", () => {
    const { world, conv } = assigned();
    say(world, conv, vic, "one");
    expect(unread(world, conv, vic).unread).toBe(0);
    say(world, conv, amy, "two");
    say(world, conv, vic, "three");
    expect(unread(world, conv, vic).unread).toBe(1);
    expect(unread(world, conv, amy).unread).toBe(2);
    const { seq } = chronicle(world.actor(conv));
    read(world, conv, vic, seq - 1, 2);
    expect(unread(world, conv, vic).unread).toBe(0);
  });

  it("pass one's own messages that follow what was read, and count on from there", () => {
    const { world, conv } = assigned();
    say(world, conv, amy, "one");
    const first = chronicle(world.actor(conv)).seq;
    say(world, conv, vic, "two");
    say(world, conv, vic, "three");
    expect(unread(world, conv, vic)).toMatchObject({ unread: 1 });
    read(world, conv, vic, first, 1);
    expect(unread(world, conv, vic)).toEqual({ read: first + 2, unread: 0 });
    say(world, conv, vic, "four");
    expect(unread(world, conv, vic)).toEqual({ read: first + 3, unread: 0 });
    say(world, conv, amy, "five");
    say(world, conv, vic, "six");
    expect(unread(world, conv, vic)).toEqual({ read: first + 3, unread: 1 });
  });

  it("stay short however much one says without reading", () => {
    const { world, conv } = assigned();
    say(world, conv, amy, "one");
    for (let i = 0; i < 600; i++) say(world, conv, vic, `${i}`);
    const record = world.actor(conv).kept.get(readKey(conv, whoIs(vic))) ?? "";
    expect(record.length).toBeLessThan(1100);
    read(world, conv, vic, chronicle(world.actor(conv)).seq - 1, 600);
    expect(unread(world, conv, vic).unread).toBe(0);
  });

  it("are not taken from strangers", () => {
    const { world, conv } = opened("web");
    read(world, conv, val, 2, 1);
    read(world, at.conv("g.club"), amy, 1, 1);
    expect(world.actor(conv).kept.size + world.actor(at.conv("g.club")).kept.size).toBe(0);
  });

  it("of the visitor rest on what the visitor may see", () => {
    const { world, conv } = assigned();
    const { seq } = say(world, conv, amy, "hello") as { seq: number };
    world.command(conv, bo, { t: "note", conv: conv.id, body: { kind: "text", text: "psst" } });
    read(world, conv, vic, seq + 1, 1);
    expect(unread(world, conv, vic)).toEqual({ read: 0, unread: 1 });
    say(world, conv, amy, "hello?");
    read(world, conv, vic, seq + 1, 1);
    expect(unread(world, conv, vic)).toEqual({ read: seq, unread: 1 });
  });

  it("of staff on a note reach the visitor as the number before it", () => {
    const { world, conv } = assigned();
    const { seq } = say(world, conv, vic, "hello") as { seq: number };
    const note = { t: "note", conv: conv.id, body: { kind: "text", text: "psst" } };
    world.command(conv, bo, note);
    read(world, conv, sue, seq + 1, 2);
    const shown = world.actor(conv).broadcasts.map(({ frame, to }) => [to, (frame as { seq: number }).seq]);
    expect(shown).toEqual([
      ["staff", seq + 1],
      ["all", seq],
    ]);
  });
});

describe("group", () => {
  const club = at.conv("g.club");
  const create = { t: "create", conv: "g.club", title: "Club", members: ["bo"] };
  const noor = person("agent", "noor");

  it("is founded once; its members are told", () => {
    const world = usualWorld();
    expect(world.command(club, vic, create)).toEqual(nack("FORBIDDEN"));
    expect(world.command(at.conv("s.vic.9"), amy, { ...create, conv: "s.vic.9" })).toEqual(nack("INVALID"));
    expect(world.command(club, amy, create)).toMatchObject({ kind: "ack", seq: 1 });
    expect(world.command(club, amy, create)).toMatchObject({ kind: "ack", seq: 0 });
    expect(world.command(club, bo, create)).toEqual(nack("WRONG_STATE"));
    world.settle();
    expect(world.actor(bo.session).follows).toEqual(new Set(["g.club"]));
    expect(world.actor(amy.session).follows).toEqual(new Set(["g.club"]));
  });

  it("is heard and spoken to by members only", () => {
    const world = usualWorld();
    expect(world.command(club, noor, { t: "join", conv: "g.club" })).toEqual(nack("NOT_FOUND"));
    world.command(club, amy, create);
    expect(say(world, club, noor, "hello")).toEqual(nack("FORBIDDEN"));
    expect(world.command(club, vic, { t: "join", conv: "g.club" })).toEqual(nack("FORBIDDEN"));
    say(world, club, bo, "before noor came");
    expect(world.command(club, noor, { t: "join", conv: "g.club" })).toMatchObject(ack);
    expect(unread(world, club, noor).unread).toBe(0);
    expect(say(world, club, noor, "hello")).toMatchObject(ack);
    expect(world.command(club, noor, { t: "close", conv: "g.club" })).toEqual(nack("WRONG_STATE"));
    world.command(club, noor, { t: "leave", conv: "g.club" });
    expect(say(world, club, noor, "and one more thing")).toEqual(nack("FORBIDDEN"));
  });

  it("is left for good though the word of the joining comes late and again", () => {
    const world = usualWorld();
    world.command(club, amy, create);
    world.command(club, noor, { t: "join", conv: "g.club" });
    world.command(club, noor, { t: "leave", conv: "g.club" });
    const [joined, left] = world.tells.filter(({ to }) => to.id === "a.noor");
    for (const tell of [left, joined]) if (tell !== undefined) world.step(tell.to, tell.message);
    expect(world.actor(noor.session).follows).toEqual(new Set());
    expect(world.ask(noor.session, { kind: "describe" })).toMatchObject({ follows: [] });
  });
});
