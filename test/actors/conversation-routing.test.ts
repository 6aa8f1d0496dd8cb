import { describe, expect, it } from "vitest";
import type { Address } from "../../actors/address.ts";
import type { Message } from "../../actors/messages.ts";
import type { DeskId, UserId } from "../../protocol/ids.ts";
import { amy, available, bo, chronicle, kinds, onTheWay, opened, say, sue, vic } from "./cast.ts";
import type { World } from "./world.ts";

const nack = (code: string): object => ({ kind: "nack", code });

function assign(assignment: string, agent: string, ticket = 1, takeover = false): Message {
  return { kind: "assign", assignment, ticket, agent: agent as UserId, desk: "support" as DeskId, takeover };
}

/** A conversation at the desk with nobody there; what was told so far is forgotten. */
function waiting(): { world: World; conv: Address } {
  const { world, conv } = opened("app");
  world.tells = [];
  return { world, conv };
}

function bodies(world: World, conv: Address, from: number): readonly object[] {
  return world
    .actor(conv)
    .log.slice(from)
    .map(({ body }) => body);
}

describe("robot and conversation", () => {
  it("answers what it knows, and asks for a person after so many unknowns in a row", () => {
    const { world, conv } = opened("web");
    for (const text of ["hm?", "price?", "hm?"]) {
      say(world, conv, vic, text);
      world.settle();
    }
    expect(kinds(world, conv)).not.toContain("queued");
    say(world, conv, vic, "hm?");
    world.settle();
    expect(bodies(world, conv, 8)).toEqual([
      { kind: "message", body: { kind: "text", text: "hm?" } },
      { kind: "message", body: { kind: "text", text: "I do not know." } },
      { kind: "queued", desk: "support", why: "robot" },
    ]);
  });

  it("says an answer once, and nothing after a person was asked for", () => {
    const { world, conv } = opened("web");
    const { seq } = say(world, conv, vic, "price?") as { seq: number };
    const answered: Message = { kind: "answered", question: seq, text: "It costs 5." };
    world.step(conv, answered);
    world.step(conv, answered);
    expect(kinds(world, conv)).toHaveLength(4);
    const { seq: second } = say(world, conv, vic, "price?") as { seq: number };
    expect(world.command(conv, vic, { t: "human", conv: conv.id })).toMatchObject({ kind: "ack" });
    world.step(conv, { ...answered, question: second });
    expect(kinds(world, conv).at(-1)).toBe("queued");
  });

  it("does not let a supervisor speak beside the robot", () => {
    const { world, conv } = opened("web");
    expect(say(world, conv, sue, "hello")).toEqual(nack("WRONG_STATE"));
  });

  it("asks for a person at a desk that exists, once", () => {
    const { world, conv } = opened("web");
    expect(world.command(conv, vic, { t: "human", conv: conv.id, desk: "nowhere" })).toEqual(
      nack("NOT_FOUND"),
    );
    world.command(conv, vic, { t: "human", conv: conv.id, desk: "sales" });
    expect(world.command(conv, vic, { t: "human", conv: conv.id })).toMatchObject({ kind: "ack", seq: 0 });
    expect(onTheWay(world, "enqueue")).toEqual([
      { kind: "enqueue", conv: conv.id, ticket: 1, priority: 0, returned: false },
    ]);
  });
});

describe("assignment", () => {
  it("stands once, however often it is asked for", () => {
    const { world, conv } = waiting();
    world.step(conv, assign("A", "amy"));
    world.step(conv, assign("A", "amy"));
    expect(kinds(world, conv)).toEqual(["opened", "queued", "assigned"]);
    expect(onTheWay(world, "accepted")).toHaveLength(2);
    expect(onTheWay(world, "dequeue")).toEqual([{ kind: "dequeue", conv: conv.id, ticket: 1, agent: "amy" }]);
  });

  it("refuses the second of one wait, and one of an earlier wait", () => {
    const { world, conv } = waiting();
    world.step(conv, assign("A", "amy"));
    world.step(conv, assign("B", "bo"));
    expect(onTheWay(world, "freed")).toEqual([{ kind: "freed", assignment: "B", conv: conv.id }]);
    expect(onTheWay(world, "void")).toEqual([{ kind: "void", assignment: "B", conv: conv.id, ticket: 1 }]);
    world.step(conv, { kind: "return", assignment: "A", agent: amy.user });
    world.step(conv, assign("A", "amy"));
    expect(chronicle(world.actor(conv))).toMatchObject({ phase: "waiting", ticket: 2, assignee: null });
  });

  it("returns to its desk when its agent is gone, and only the current one returns", () => {
    const { world, conv } = waiting();
    world.step(conv, assign("A", "amy"));
    world.step(conv, { kind: "return", assignment: "old", agent: amy.user });
    expect(chronicle(world.actor(conv)).phase).toBe("assigned");
    world.tells = [];
    world.step(conv, { kind: "return", assignment: "A", agent: amy.user });
    expect(bodies(world, conv, 3)).toEqual([
      { kind: "unassigned", agent: "amy", assignment: "A", why: "offline" },
      { kind: "queued", desk: "support", why: "returned" },
    ]);
    expect(onTheWay(world, "enqueue")).toMatchObject([{ ticket: 2, returned: true }]);
    expect(onTheWay(world, "freed")).toHaveLength(1);
  });

  it("is handed over by who is in charge, to a desk that exists", () => {
    const { world, conv } = waiting();
    world.step(conv, assign("A", "amy"));
    const transfer = { t: "transfer", conv: conv.id, desk: "sales" };
    expect(world.command(conv, vic, transfer)).toEqual(nack("FORBIDDEN"));
    expect(world.command(conv, bo, transfer)).toEqual(nack("FORBIDDEN"));
    expect(world.command(conv, amy, { ...transfer, desk: "nowhere" })).toEqual(nack("NOT_FOUND"));
    expect(world.command(conv, amy, transfer)).toMatchObject({ kind: "ack" });
    expect(kinds(world, conv).slice(3)).toEqual(["unassigned", "queued"]);
    expect(world.tells.map(({ to, message }) => `${message.kind} ${to.id}`).slice(-2)).toEqual([
      "freed a.amy",
      "enqueue sales",
    ]);
    expect(world.command(conv, sue, { ...transfer, desk: "support" })).toMatchObject({ kind: "ack" });
    expect(onTheWay(world, "dequeue").at(-1)).toEqual({ kind: "dequeue", conv: conv.id, ticket: 2 });
  });

  it("asks a full desk again for as long as it waits under that ticket", () => {
    const { world, conv } = waiting();
    world.step(conv, { kind: "full", ticket: 0 });
    expect(world.actor(conv).timers.has("requeue")).toBe(false);
    world.step(conv, { kind: "full", ticket: 1 });
    world.fire(conv, "requeue");
    expect(onTheWay(world, "enqueue")).toMatchObject([{ ticket: 1 }]);
    world.step(conv, assign("A", "amy"));
    world.fire(conv, "requeue");
    expect(onTheWay(world, "enqueue")).toHaveLength(1);
  });
});

describe("takeover", () => {
  it("goes through a slot of the one who takes over, and frees the other", () => {
    const { world, conv } = opened("app");
    available(world, amy);
    expect(world.command(conv, sue, { t: "takeover", conv: conv.id })).toMatchObject({ kind: "ack" });
    world.settle();
    expect(chronicle(world.actor(conv)).assignee?.agent).toBe("sue");
    expect(kinds(world, conv).slice(-2)).toEqual(["unassigned", "assigned"]);
    expect(world.actor(amy.session).follows).toEqual(new Set());
    expect(world.actor(sue.session).follows).toEqual(new Set([conv.id]));
  });

  it("needs a free slot", () => {
    const { world, conv } = opened("app");
    expect(world.command(conv, vic, { t: "takeover", conv: conv.id })).toEqual(nack("FORBIDDEN"));
    const nobody = { ...sue, user: "max" as UserId };
    expect(world.command(conv, nobody, { t: "takeover", conv: conv.id })).toEqual(nack("FORBIDDEN"));
    world.command(vic.session, vic, { t: "open", channel: "shop" });
    world.settle();
    for (const id of ["s.vic.1", "s.vic.2"]) world.command({ ...conv, id }, sue, { t: "takeover", conv: id });
    world.settle();
    expect(chronicle(world.actor({ ...conv, id: "s.vic.2" })).phase).toBe("waiting");
    expect(world.actor(sue.session).pushed.at(-1)).toMatchObject({ t: "err", code: "WRONG_STATE" });
  });

  it("that was decided is refused when it comes again after its end", () => {
    const { world, conv } = waiting();
    world.step(conv, assign("A", "amy"));
    world.step(conv, assign("T", "sue", 1, true));
    world.command(conv, sue, { t: "transfer", conv: conv.id });
    world.step(conv, assign("T", "sue", 1, true));
    expect(chronicle(world.actor(conv)).phase).toBe("waiting");
    expect(onTheWay(world, "freed").at(-1)).toMatchObject({ assignment: "T" });
  });

  it("of who has it already changes nothing, also when it comes again after the end", () => {
    const { world, conv } = waiting();
    world.step(conv, assign("A", "amy"));
    world.step(conv, assign("T", "amy", 1, true));
    expect(kinds(world, conv).filter((kind) => kind === "assigned")).toHaveLength(1);
    world.step(conv, { kind: "return", assignment: "A", agent: amy.user });
    world.step(conv, assign("T", "amy", 1, true));
    expect(chronicle(world.actor(conv)).phase).toBe("waiting");
  });
});
