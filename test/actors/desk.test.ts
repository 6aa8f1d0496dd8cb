import { describe, expect, it } from "vitest";
import { estimateSec } from "../../actors/desk-estimate.ts";
import { queueMax, type DeskState } from "../../actors/desk-queue.ts";
import type { Message } from "../../actors/messages.ts";
import type { ConversationId, UserId } from "../../protocol/ids.ts";
import { at, onTheWay, usualWorld } from "./cast.ts";
import type { World } from "./world.ts";

const desk = at.desk("support");

function enqueue(
  conv: string,
  part: { ticket?: number; priority?: number; returned?: boolean } = {},
): Message {
  const standard = { ticket: 1, priority: 0, returned: false };
  return { kind: "enqueue", conv: conv as ConversationId, ...standard, ...part };
}

function dequeue(conv: string, agent?: string, ticket = 1): Message {
  const who = agent === undefined ? undefined : { agent: agent as UserId };
  return { kind: "dequeue", conv: conv as ConversationId, ticket, ...who };
}

function capacity(agent: string, free: number, version: number): Message {
  return { kind: "capacity", agent: agent as UserId, free, version };
}

function tell(world: World, ...messages: readonly Message[]): void {
  for (const message of messages) world.step(desk, message);
}

/** `conversation -> agent` of each offer so far. */
function offers(world: World): readonly string[] {
  return world.tells.flatMap(({ to, message }) =>
    message.kind === "offer" ? [`${message.conv} -> ${to.id.slice(2)}`] : [],
  );
}

function lastAssignment(world: World): string {
  return onTheWay(world, "offer").at(-1)?.assignment ?? "";
}

function queue(world: World): readonly string[] {
  return (world.actor(desk).live as DeskState).queue.map(({ conv }) => conv);
}

function declined(world: World, agent: string, version: number): Message {
  const last = onTheWay(world, "offer").at(-1);
  const conv = last?.conv ?? ("" as ConversationId);
  return { kind: "declined", assignment: last?.assignment ?? "", agent: agent as UserId, conv, version };
}

describe("desk", () => {
  it("offers the oldest first, to the agent with the most room, then to who has waited longest", () => {
    const world = usualWorld();
    tell(world, enqueue("s.a.1"), enqueue("s.b.1"), enqueue("s.c.1"), enqueue("s.d.1"));
    expect(offers(world)).toEqual([]);
    tell(world, capacity("bo", 1, 1), capacity("amy", 2, 1));
    expect(offers(world)).toEqual(["s.a.1 -> bo", "s.b.1 -> amy", "s.c.1 -> amy"]);
    tell(world, dequeue("s.a.1", "bo"), dequeue("s.b.1", "amy"), dequeue("s.c.1", "amy"));
    tell(world, capacity("amy", 0, 2), capacity("bo", 0, 2), dequeue("s.d.1"));
    tell(world, capacity("amy", 1, 3), capacity("bo", 1, 3), enqueue("s.e.1"), enqueue("s.f.1"));
    expect(offers(world).slice(3)).toEqual(["s.e.1 -> bo", "s.f.1 -> amy"]);
  });

  it("serves a higher priority first, and order within it", () => {
    const world = usualWorld();
    tell(world, enqueue("s.a.1"), enqueue("s.b.1", { priority: 1 }), enqueue("s.c.1", { priority: 1 }));
    expect(queue(world)).toEqual(["s.b.1", "s.c.1", "s.a.1"]);
  });

  it("offers what was declined to the next, and nothing more to who declined, until room is told anew", () => {
    const world = usualWorld();
    tell(world, capacity("amy", 2, 1), capacity("bo", 1, 1), enqueue("s.a.1"));
    tell(world, declined(world, "amy", 1));
    tell(world, declined(world, "bo", 1));
    expect(offers(world)).toEqual(["s.a.1 -> amy", "s.a.1 -> bo"]);
    tell(world, capacity("amy", 2, 1));
    expect(offers(world)).toHaveLength(2);
    tell(world, capacity("amy", 2, 2));
    expect(offers(world)).toHaveLength(3);
  });

  it("believes a later word of room over an earlier refusal that comes after it", () => {
    const world = usualWorld();
    tell(world, capacity("bo", 1, 1), enqueue("s.a.1"));
    const late = declined(world, "bo", 1);
    tell(world, capacity("bo", 1, 2), late);
    expect(offers(world)).toEqual(["s.a.1 -> bo", "s.a.1 -> bo"]);
  });

  it("offers anew what nobody settled in time, to somebody else, until the silent agent's session has spoken", () => {
    const world = usualWorld();
    tell(world, capacity("amy", 2, 1), capacity("bo", 1, 1), enqueue("s.a.1"));
    const assignment = lastAssignment(world);
    expect(world.actor(desk).timers.get(`o:${assignment}`)).toBe(10_000);
    world.fire(desk, `o:${assignment}`);
    expect(offers(world)).toEqual(["s.a.1 -> amy", "s.a.1 -> bo"]);
    expect(lastAssignment(world)).not.toBe(assignment);
    tell(world, enqueue("s.b.1"));
    expect(offers(world)).toHaveLength(2);
    tell(world, dequeue("s.a.1", "bo"), capacity("bo", 0, 2));
    expect(offers(world)).toHaveLength(2);
    tell(world, { kind: "void", assignment, conv: "s.a.1" as ConversationId, ticket: 1 });
    expect(offers(world)).toEqual(["s.a.1 -> amy", "s.a.1 -> bo", "s.b.1 -> amy"]);
  });

  it.each([
    [
      "its refusal",
      (a: string): Message => ({
        kind: "declined",
        assignment: a,
        agent: "x" as UserId,
        conv: "s.a.1" as ConversationId,
        version: 0,
      }),
    ],
    ["a newer word of room", (): Message => capacity("amy", 2, 2)],
    ["its success after all", (): Message => dequeue("s.a.1", "amy")],
  ])("counts an agent with an overdue offer again after %s", (_, settles) => {
    const world = usualWorld();
    tell(world, capacity("amy", 2, 1), enqueue("s.a.1"));
    const assignment = lastAssignment(world);
    world.fire(desk, `o:${assignment}`);
    tell(world, enqueue("s.b.1"));
    expect(offers(world)).toHaveLength(1);
    tell(world, settles(assignment));
    expect(offers(world).length).toBeGreaterThan(1);
    expect(world.actor(desk).timers.has(`o:${assignment}`)).toBe(false);
  });

  it("takes a slot off an agent's room at its success, unless the agent has told of it already", () => {
    const world = usualWorld();
    tell(world, capacity("amy", 2, 1), enqueue("s.a.1"), dequeue("s.a.1", "amy"));
    expect(world.actor(desk).timers.size).toBe(0);
    tell(world, enqueue("s.b.1"), enqueue("s.c.1"));
    expect(offers(world)).toEqual(["s.a.1 -> amy", "s.b.1 -> amy"]);
    tell(world, capacity("amy", 0, 2), dequeue("s.b.1", "amy"), capacity("bo", 2, 1));
    tell(world, capacity("bo", 1, 2));
    world.fire(desk, `o:${lastAssignment(world)}`);
    tell(world, dequeue("s.c.1", "bo"), enqueue("s.d.1"));
    expect(offers(world).at(-1)).toBe("s.d.1 -> bo");
  });

  it("knows late and repeated words of a wait by its ticket", () => {
    const world = usualWorld();
    tell(world, dequeue("s.a.1"), enqueue("s.a.1"));
    expect(queue(world)).toEqual([]);
    tell(world, enqueue("s.a.1", { ticket: 2 }), enqueue("s.a.1", { ticket: 2 }), dequeue("s.a.1", "amy", 1));
    expect(queue(world)).toEqual(["s.a.1"]);
    tell(world, { kind: "void", assignment: "old", conv: "s.a.1" as ConversationId, ticket: 1 });
    expect(queue(world)).toEqual(["s.a.1"]);
    tell(world, { kind: "void", assignment: "new", conv: "s.a.1" as ConversationId, ticket: 2 });
    expect(queue(world)).toEqual([]);
  });

  it("keeps the live offer of a new wait when the end of the old one is told late", () => {
    const world = usualWorld();
    tell(world, enqueue("s.a.1", { ticket: 2 }), capacity("amy", 1, 1));
    const assignment = lastAssignment(world);
    tell(world, dequeue("s.a.1", "amy", 1));
    expect((world.actor(desk).live as DeskState).offers).toHaveProperty(assignment);
  });

  it("gives a returned chat its old place, also when the word of its leaving is late", () => {
    const world = usualWorld();
    tell(world, enqueue("s.a.1"), enqueue("s.b.1"), enqueue("s.c.1"));
    tell(world, dequeue("s.b.1", "amy"), enqueue("s.b.1", { ticket: 2, returned: true }));
    expect(queue(world)).toEqual(["s.a.1", "s.b.1", "s.c.1"]);
    tell(world, enqueue("s.b.1", { ticket: 3, returned: true }), dequeue("s.b.1", "amy", 2));
    expect(queue(world)).toEqual(["s.a.1", "s.b.1", "s.c.1"]);
    tell(world, enqueue("s.z.1", { ticket: 5, returned: true }));
    expect(queue(world)[0]).toBe("s.z.1");
  });

  it("refuses explicitly when it is full, but lets in what returns", () => {
    const world = usualWorld();
    for (let n = 1; n <= queueMax; n++) tell(world, enqueue(`s.v${n}.1`));
    tell(world, enqueue("s.late.1"));
    expect(onTheWay(world, "full")).toEqual([{ kind: "full", ticket: 1 }]);
    tell(world, enqueue("s.back.1", { ticket: 2, returned: true }));
    expect(queue(world)[0]).toBe("s.back.1");
    tell(world, dequeue("s.v1.1"), dequeue("s.v2.1"), enqueue("s.late.1"));
    expect(queue(world).at(-1)).toBe("s.late.1");
  });

  it("shows their new positions to the heads of the queue, and a newcomer its own", () => {
    const world = usualWorld();
    for (let n = 1; n <= 25; n++) tell(world, enqueue(`s.v${n}.1`));
    expect(world.hints.at(-1)?.message).toEqual({
      kind: "show",
      frame: { t: "queue", conv: "s.v25.1", position: 25, etaSec: null },
    });
    world.hints = [];
    tell(world, dequeue("s.v2.1"));
    expect(world.hints).toHaveLength(19);
    expect(world.hints[0]).toMatchObject({ to: { id: "v.v3" }, message: { frame: { position: 2 } } });
  });
});

describe("waiting-time estimate", () => {
  const waits = [
    { waitedMs: 90_000, place: 1 },
    { waitedMs: 120_000, place: 4 },
  ];

  it("is unknown without data", () => {
    expect(estimateSec([], { place: 1, position: 1, waitedMs: 0 })).toBeNull();
  });

  it("moves with the place, the position and the time waited, and weighs the latest most", () => {
    const of = (place: number, position: number, waitedMs: number): number | null =>
      estimateSec(waits, { place, position, waitedMs });
    expect(of(1, 1, 0)).toBeLessThan(60);
    expect(of(4, 4, 0)).toBe(230);
    expect(of(4, 4, 10_000)).toBe(220);
    expect(of(4, 1, 300_000)).toBe(0);
    expect(of(4, 3, 300_000)).toBe(115);
  });
});
