import { describe, expect, it } from "vitest";
import { closeCodes } from "../../protocol/codes.ts";
import type { ConversationId } from "../../protocol/ids.ts";
import { limits } from "../../protocol/limits.ts";
import { edgeWorld, logOf, type EdgeWorld } from "./edge-world.ts";

const conv = "s.ann.1" as ConversationId;
const described = { conv, kind: "support", open: true, openedAt: 5, channel: "web" } as const;

/** Sessions do not answer an attach before the returned function is called. */
function holdAttach(world: EdgeWorld): () => void {
  let attach = (): void => {};
  const session = new Promise<void>((resolve) => (attach = resolve));
  world.answer = (envelope) =>
    envelope.k === "attach"
      ? session.then(() => ({ kind: "attached", gen: 1, description: world.description }))
      : undefined;
  return () => attach();
}

describe("welcome", () => {
  it("tells of each conversation where it ends, where deliveries begin, and what is unread", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    for (let i = 0; i < 4; i++) world.log(conv).append();
    world.log(conv).append("staff");
    const client = await world.attached("visitor.ann", "d", { [conv]: [2, 1] });
    const [welcome] = client.of("welcome");
    expect(welcome).toMatchObject({ session: "v.ann", gen: 1, more: false, recovered: { [conv]: true } });
    expect(welcome?.convs).toEqual([
      {
        conv,
        kind: "support",
        open: true,
        openedAt: 5,
        channel: "web",
        visitor: "ann",
        ...{ tail: [4, 1], base: [2, 1], read: 0, unread: 4 },
      },
    ]);
    expect(client.seqs(conv)).toEqual([3, 4]);
  });

  it("delivers short logs whole and long ones from their end to who holds nothing", async () => {
    const world = edgeWorld();
    const long = "s.ann.2" as ConversationId;
    world.description = { follows: [described, { ...described, conv: long }] };
    for (let i = 0; i < 500; i++) world.log(conv).append();
    for (let i = 0; i < 501; i++) world.log(long).append();
    const client = await world.attached();
    expect(client.of("welcome")[0]?.convs.map(({ base }) => base)).toEqual([
      [0, 0],
      [501, 1],
    ]);
    await world.time.advance(0);
    expect(client.seqs(conv)).toHaveLength(limits.maxUnackedEvents);
    await client.say({ t: "dack", acks: { [conv]: 256, [long]: 7, "s.bob.1": 3 } });
    await world.time.advance(0);
    expect(client.seqs(conv)).toHaveLength(500);
    expect(client.seqs(long)).toEqual([]);
  });

  it("takes back a cursor of another epoch, or beyond the end", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    for (let i = 0; i < 3; i++) world.log(conv).append();
    for (const cursor of [
      [3, 9],
      [8, 1],
    ]) {
      const client = await world.attached("visitor.ann", `d${cursor.join("")}`, { [conv]: cursor });
      expect(client.of("welcome")[0]?.recovered).toEqual({ [conv]: "reset" });
      expect(client.seqs(conv)).toEqual([1, 2, 3]);
    }
  });

  it("honours as many cursors as may be followed, those of its session first", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    world.log(conv).append();
    const cursors: Record<string, [number, number]> = {};
    for (let i = 0; i < 700; i++) cursors[`s.v${i}.1`] = [0, 0];
    const client = await world.attached("agent.amy", "d", cursors);
    const convs = client.of("welcome").flatMap((welcome) => welcome.convs.map((one) => one.conv));
    expect(convs).toHaveLength(limits.maxFollowed);
    expect(convs).toContain(conv);
    expect(world.hub.sizes.followed).toBe(limits.maxFollowed);
    client.input.closed();
    expect(world.hub.sizes.followed).toBe(0);
  });

  it("follows what the token alone opens while the session is still asked, and nothing of others", async () => {
    const world = edgeWorld();
    world.log(conv).append();
    const attach = holdAttach(world);
    const cursors = { [conv]: [0, 0], "s.bob.1": [0, 0], "g.team": [0, 0], "not a name": [0, 0] };
    const client = await world.attached("visitor.ann", "d", cursors);
    expect(client.of("welcome")).toHaveLength(0);
    expect([...world.followed]).toEqual([logOf(conv)]);
    attach();
    await world.time.advance(0);
    expect(client.of("welcome")[0]?.recovered).toEqual({ [conv]: true, "s.bob.1": "left", "g.team": "left" });
    expect([client.seqs(conv), world.hub.sizes.followed]).toEqual([[1], 1]);
  });

  it("delivers what was missed with the welcome, without a read of its own", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    for (let i = 0; i < 6; i++) world.log(conv).append();
    const reads: unknown[] = [];
    world.gate = async (query) => void reads.push(query);
    const client = await world.attached("visitor.ann", "d", { [conv]: [2, 1] });
    expect([client.seqs(conv), reads]).toEqual([[3, 4, 5, 6], []]);
    await world.say(conv);
    expect([client.seqs(conv), reads]).toEqual([[3, 4, 5, 6, 7], []]);
  });

  it("reads for itself what was said between the answer and the first delivery", async () => {
    const world = edgeWorld();
    world.description = { follows: [described] };
    for (let i = 0; i < 4; i++) world.log(conv).append();
    const attach = holdAttach(world);
    const client = await world.attached("visitor.ann", "d", { [conv]: [2, 1] });
    await world.say(conv);
    attach();
    await world.time.advance(0);
    await world.time.advance(0);
    expect(client.seqs(conv)).toEqual([3, 4, 5]);
  });

  it("asks for no page of a group, whose followers share their reads", async () => {
    const world = edgeWorld();
    world.members.add("g.team a.amy");
    for (const name of [conv, "g.team"]) world.log(name).append();
    await world.attached("agent.amy", "d", { "g.team": [0, 0], [conv]: [0, 0] });
    const items = world.asked.flatMap((envelope) => (envelope.k === "follow" ? envelope.items : []));
    expect(items.map(({ to, after }) => [to, after])).toEqual([
      [logOf(conv), 0],
      [logOf("g.team"), undefined],
    ]);
  });

  it("leaves nothing followed behind an attach that is refused", async () => {
    const world = edgeWorld();
    world.log(conv).append();
    world.answer = (envelope) => (envelope.k === "attach" ? Promise.resolve({ kind: "busy" }) : undefined);
    const client = await world.attached("visitor.ann", "d", { [conv]: [0, 0] });
    expect(client.closes).toEqual([closeCodes.unavailable]);
    expect([world.hub.sizes.followed, world.followed.size]).toEqual([0, 0]);
  });

  it("tells staff their own presence after it", async () => {
    const world = edgeWorld();
    world.description = { follows: [], status: { status: "available", load: 1, capacity: 3 } };
    const client = await world.attached("agent.amy");
    expect(client.frames.map(({ t }) => t)).toEqual(["hello", "welcome", "presence"]);
  });
});
