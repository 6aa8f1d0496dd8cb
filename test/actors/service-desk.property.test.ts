import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeAddress } from "../../actors/address.ts";
import type { DeskState } from "../../actors/desk-queue.ts";
import type { AgentState } from "../../actors/session-agent-state.ts";
import { visitorOf, type ConversationId } from "../../protocol/ids.ts";
import {
  amy,
  available,
  bo,
  chronicle,
  config,
  sue,
  usualWorld,
  val,
  vic,
  person,
  type Person,
} from "./cast.ts";
import type { Fate, Hosted, World } from "./world.ts";

const agents = [amy, bo, sue];
const visitors = [vic, val, person("visitor", "vera")];
const channels = ["web", "app", "shop"];

/** One thing that happens; numbers choose among what is there. */
type Turn = readonly [deed: Deed, one: number, two: number];

const weights = {
  deliver: 24,
  open: 3,
  status: 2,
  devices: 5,
  timer: 6,
  crash: 2,
  send: 2,
  human: 2,
  takeover: 1,
  close: 2,
  transfer: 1,
  note: 1,
} as const;
type Deed = keyof typeof weights;

const deeds = fc.oneof(
  ...Object.entries(weights).map(([deed, weight]) => ({ weight, arbitrary: fc.constant(deed as Deed) })),
);
const turns = fc.array(fc.tuple(deeds, fc.nat(997), fc.nat(997)), { minLength: 60, maxLength: 240 });

function pick<T>(list: readonly T[], index: number): T | undefined {
  return list[index % Math.max(1, list.length)];
}

function play(world: World, [deed, one, two]: Turn): void {
  const fate: Fate = two % 7 === 0 ? "crash" : "commit";
  const agent = pick(agents, two) ?? amy;
  const visitor = pick(visitors, one) ?? vic;
  switch (deed) {
    case "deliver":
      return world.deliver(one % Math.max(1, world.tells.length), two % 4 === 0, fate);
    case "open":
      return void world.command(visitor.session, visitor, { t: "open", channel: pick(channels, two) });
    case "status": {
      const status = one % 4 === 0 ? "away" : "available";
      return void world.command(agent.session, agent, { t: "status", status });
    }
    case "devices":
      return world.attach(agent.session, one % 2);
    case "timer": {
      const timer = pick(world.timers(), one);
      return timer === undefined ? undefined : world.fire(timer.to, timer.id, fate);
    }
    case "crash": {
      const crashed = pick([...world.actors.values()], one);
      if (crashed !== undefined) crashed.live = world.reload(crashed);
      return;
    }
    case "send":
    case "human":
    case "takeover":
    case "close":
    case "transfer":
    case "note":
      return speak(world, deed, agent, one, two);
  }
}

function speak(world: World, t: Deed, agent: Person, one: number, two: number): void {
  const address = pick(world.kind("conversation"), one)?.address;
  if (address === undefined) return;
  const visitor = visitors.find(({ user }) => user === visitorOf(address.id as ConversationId)) ?? vic;
  const who = t === "human" || (two % 2 === 0 && t !== "note") ? visitor : agent;
  const body = { kind: "text", text: two % 3 === 0 ? "price?" : "hello" };
  const desk = t === "transfer" ? { desk: one % 2 === 0 ? "sales" : "support" } : undefined;
  world.command(address, who, { t, conv: address.id, body, ...desk });
}

function checkAlways(world: World): void {
  const chats = new Map<string, number>();
  const open = new Map<string, number>();
  for (const hosted of world.kind("conversation")) {
    checkLog(hosted);
    const { phase, assignee, channel } = chronicle(hosted);
    if (assignee !== null) chats.set(assignee.agent, (chats.get(assignee.agent) ?? 0) + 1);
    if (phase === "unborn" || phase === "closed") continue;
    const place = `${visitorOf(hosted.address.id as ConversationId)}/${channel}`;
    open.set(place, (open.get(place) ?? 0) + 1);
  }
  for (const { id, capacity } of config.agents)
    expect(chats.get(id) ?? 0, `CapacityRespected of ${id}`).toBeLessThanOrEqual(capacity);
  for (const [place, count] of open) expect(count, `open conversations of ${place}`).toBe(1);
  for (const hosted of world.actors.values())
    expect(world.reload(hosted), `replay of ${encodeAddress(hosted.address)}`).toEqual(hosted.live);
}

/** SeqDense and AssignmentExclusive, read from the log alone. */
function checkLog({ log }: Hosted): void {
  let assignment: string | undefined;
  const seen = new Set<string>();
  for (const [index, { seq, body }] of log.entries()) {
    expect(seq).toBe(index + 1);
    if (body.kind === "assigned") {
      expect(assignment, "AssignmentExclusive").toBeUndefined();
      expect(seen.has(body.assignment), "an assignment stands once").toBe(false);
      assignment = body.assignment;
      seen.add(assignment);
    }
    if (body.kind === "unassigned") {
      expect(assignment).toBe(body.assignment);
      assignment = undefined;
    }
    if (body.kind === "closed") assignment = undefined;
    if (body.kind === "message" && log[index]?.by.role === "robot") expect(assignment).toBeUndefined();
  }
}

/** When nothing is on its way, everybody agrees, and nobody waits while somebody has room. */
function checkSettled(world: World): void {
  const waiting = new Map<string, string[]>();
  const held = new Map<string, string[]>();
  for (const hosted of world.kind("conversation")) {
    const { phase, desk, assignee } = chronicle(hosted);
    if (phase === "waiting") waiting.set(desk, [...(waiting.get(desk) ?? []), hosted.address.id]);
    if (assignee !== null) held.set(assignee.agent, [...(held.get(assignee.agent) ?? []), hosted.address.id]);
  }
  for (const { live, address } of world.kind("desk")) {
    const queue = (live as DeskState).queue.map(({ conv }) => conv as string);
    expect(queue.toSorted(), `queue of ${address.id}`).toEqual((waiting.get(address.id) ?? []).toSorted());
  }
  for (const { id, capacity, desks } of config.agents) {
    const session = world.actor(agents.find(({ user }) => user === id)?.session ?? amy.session);
    const { slots, presence } = session.live as AgentState;
    const chats = Object.values(slots).map(({ conv }) => conv as string);
    expect(chats.toSorted(), `slots of ${id}`).toEqual((held.get(id) ?? []).toSorted());
    expect(Object.values(slots).every(({ accepted }) => accepted)).toBe(true);
    const there = (world.devices.get(encodeAddress(session.address)) ?? 0) > 0;
    const room = there && presence.status === "available" && chats.length < capacity;
    if (room) for (const desk of desks) expect(waiting.get(desk) ?? [], `forgotten by ${id}`).toEqual([]);
  }
}

/** Heals: everybody is there, everything arrives; then chats end one by one until nobody waits. */
function converge(world: World): void {
  // First without any new word from the agents: what was said before must be enough.
  world.settle();
  checkSettled(world);
  for (const agent of agents) available(world, agent);
  checkSettled(world);
  for (let left = 100; ; left--) {
    expect(left, "the queue drains").toBeGreaterThan(0);
    const chats = world.kind("conversation").map((hosted) => ({ hosted, log: chronicle(hosted) }));
    const busy = chats.find(({ log }) => log.assignee !== null);
    if (busy === undefined) return expect(chats.some(({ log }) => log.phase === "waiting")).toBe(false);
    world.command(busy.hosted.address, sue, { t: "close", conv: busy.hosted.address.id });
    world.settle();
    checkAlways(world);
    checkSettled(world);
  }
}

describe("service desk", () => {
  it("forgets nobody and never exceeds capacity, whatever is repeated, reordered or lost with a crash", () => {
    fc.assert(
      fc.property(turns, (happens) => {
        const world = usualWorld();
        for (const agent of agents) available(world, agent);
        for (const turn of happens) {
          play(world, turn);
          checkAlways(world);
        }
        converge(world);
      }),
      { numRuns: 120 },
    );
  });
});
