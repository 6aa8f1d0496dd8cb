import { describe, expect, it } from "vitest";
import type { Message } from "../../actors/messages.ts";
import type { AgentState } from "../../actors/session-agent-state.ts";
import type { ConversationId, DeskId } from "../../protocol/ids.ts";
import { amy, available, bo, onTheWay, usualWorld, vic, type Person } from "./cast.ts";
import type { World } from "./world.ts";

const conv = "s.vic.1" as ConversationId;

function offer(assignment: string, takeover = false, of: ConversationId = conv): Message {
  return { kind: "offer", assignment, ticket: 1, conv: of, desk: "support" as DeskId, takeover };
}

function accepted(assignment: string): Message {
  return { kind: "accepted", assignment, conv };
}

function freed(assignment: string): Message {
  return { kind: "freed", assignment, conv };
}

function stateOf(world: World, who: Person): AgentState {
  return world.actor(who.session).live as AgentState;
}

/** A world where bo (one slot, desk support) takes chats; what was told so far is forgotten. */
function ready(who: Person = bo): World {
  const world = usualWorld();
  available(world, who);
  world.tells = [];
  return world;
}

describe("agent session", () => {
  it("tells its desks of its room under rising versions", () => {
    const world = usualWorld();
    world.attach(amy.session, 1);
    world.command(amy.session, amy, { t: "status", status: "available" });
    expect(world.tells.map(({ to }) => to.id)).toEqual(["support", "sales"]);
    world.step(amy.session, offer("A"));
    world.step(amy.session, freed("A"));
    world.command(amy.session, amy, { t: "status", status: "away" });
    const told = onTheWay(world, "capacity").filter((_, index) => index % 2 === 0);
    expect(told.map(({ free, version }) => [free, version])).toEqual([
      [2, 1],
      [1, 2],
      [2, 3],
      [0, 4],
    ]);
  });

  it("is changed by its person only", () => {
    const world = usualWorld();
    const status = { t: "status", status: "available" };
    expect(world.command(bo.session, amy, status)).toEqual({ kind: "nack", code: "FORBIDDEN" });
    expect(world.command(bo.session, { ...vic, user: bo.user }, status)).toEqual({
      kind: "nack",
      code: "FORBIDDEN",
    });
    expect(world.command(bo.session, bo, { t: "open", channel: "web" })).toEqual({
      kind: "nack",
      code: "INVALID",
    });
  });

  it("reserves one slot for an offer, however often it is offered, and declines beyond its capacity", () => {
    const world = ready();
    world.step(bo.session, offer("A"));
    world.step(bo.session, accepted("A"));
    world.step(bo.session, offer("A"));
    world.step(bo.session, offer("B"));
    expect(onTheWay(world, "assign").map(({ assignment }) => assignment)).toEqual(["A", "A"]);
    expect(onTheWay(world, "declined")).toMatchObject([{ assignment: "B", version: 2 }]);
    expect(stateOf(world, bo).slots).toMatchObject({ A: { accepted: true } });
  });

  it("declines while it is away, and has its desks told when a device is back that was missing at an offer", () => {
    const world = usualWorld();
    world.step(bo.session, offer("A"));
    available(world, bo);
    world.attach(bo.session, 0);
    world.attach(bo.session, 1);
    world.tells = [];
    world.attach(bo.session, 0);
    expect(world.tells).toEqual([]);
    world.step(bo.session, offer("B"));
    expect(onTheWay(world, "declined")).toMatchObject([{ assignment: "B" }]);
    world.attach(bo.session, 2);
    expect(onTheWay(world, "capacity")).toMatchObject([{ free: 1, version: 2 }]);
    world.attach(bo.session, 1);
    expect(onTheWay(world, "capacity")).toHaveLength(1);
  });

  it("follows what was accepted until it is freed, and shows its load", () => {
    const world = ready();
    world.step(bo.session, offer("A"));
    expect(world.actor(bo.session).follows.size).toBe(0);
    world.step(bo.session, accepted("A"));
    expect(world.actor(bo.session).follows).toEqual(new Set([conv]));
    expect(world.ask(bo.session, { kind: "describe" })).toMatchObject({
      follows: [{ conv, kind: "support", open: true }],
      status: { status: "available", load: 1, capacity: 1 },
    });
    world.step(bo.session, freed("A"));
    world.step(bo.session, freed("A"));
    expect(world.actor(bo.session).follows.size).toBe(0);
    const loads = world.actor(bo.session).pushed.map((frame) => (frame as { load: number }).load);
    expect(loads).toEqual([0, 1, 0]);
  });

  it("keeps following when one of two assignments of the same conversation is refused", () => {
    const world = ready(amy);
    world.step(amy.session, offer("A"));
    world.step(amy.session, accepted("A"));
    world.step(amy.session, offer("B"));
    world.step(amy.session, freed("B"));
    expect(world.actor(amy.session).follows).toEqual(new Set([conv]));
  });

  it("does not end the following of a conversation that was only offered", () => {
    const world = ready();
    world.step(bo.session, offer("A"));
    expect(world.step(bo.session, freed("A")).map((effect) => effect.do)).not.toContain("unfollow");
  });

  it("gives back what it never reserved", () => {
    const world = ready();
    world.step(bo.session, accepted("ghost"));
    expect(onTheWay(world, "return")).toMatchObject([{ assignment: "ghost" }]);
  });
});

describe("presence", () => {
  it("ends a full period after the last device, and gives the chats back", () => {
    const world = ready();
    world.step(bo.session, offer("A"));
    world.step(bo.session, accepted("A"));
    world.attach(bo.session, 0);
    expect(world.actor(bo.session).timers.get("presence")).toBe(30_000);
    world.tells = [];
    world.fire(bo.session, "presence");
    expect(stateOf(world, bo).presence).toMatchObject({ status: "away", gone: true });
    expect(onTheWay(world, "return")).toMatchObject([{ assignment: "A", agent: "bo" }]);
    expect(onTheWay(world, "capacity")).toMatchObject([{ free: 0 }]);
  });

  it("survives a gap, and a change of owner that forgets the devices", () => {
    const world = ready();
    world.attach(bo.session, 0);
    world.attach(bo.session, 1);
    world.fire(bo.session, "presence");
    world.fire(bo.session, "presence");
    expect(stateOf(world, bo).presence.status).toBe("available");
    world.devices.clear();
    world.fire(bo.session, "presence");
    expect(stateOf(world, bo).presence.status).toBe("available");
    world.attach(bo.session, 1);
    world.fire(bo.session, "presence");
    expect(stateOf(world, bo).presence.status).toBe("available");
    world.devices.clear();
    world.fire(bo.session, "presence");
    world.fire(bo.session, "presence");
    expect(stateOf(world, bo).presence.status).toBe("away");
  });

  it("gives back a chat that is accepted after its agent has gone", () => {
    const world = ready();
    world.step(bo.session, offer("A"));
    world.attach(bo.session, 0);
    world.fire(bo.session, "presence");
    expect(onTheWay(world, "return")).toEqual([]);
    world.step(bo.session, accepted("A"));
    expect(onTheWay(world, "return")).toMatchObject([{ assignment: "A" }]);
  });

  it("is watched for an agent who is away with chats, too", () => {
    const world = ready();
    world.step(bo.session, offer("A"));
    world.step(bo.session, accepted("A"));
    world.command(bo.session, bo, { t: "status", status: "away" });
    world.attach(bo.session, 0);
    world.fire(bo.session, "presence");
    expect(onTheWay(world, "return")).toHaveLength(1);
  });
});
