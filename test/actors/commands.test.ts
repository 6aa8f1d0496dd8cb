import { describe, expect, it } from "vitest";
import { wireOf } from "../../actors/encoded-event.ts";
import type { AskReply } from "../../actors/runtime/envelope.ts";
import type { ConversationId } from "../../protocol/ids.ts";
import { edgeWorld, logOf, type EdgeWorld, type ScriptedClient } from "./edge-world.ts";

const conv = "s.ann.1" as ConversationId;
const send = (n: number): object => ({
  t: "send",
  conv,
  p: "p",
  n,
  after: n - 1,
  body: { kind: "text", text: "hello" },
});
const ack = (seq: number, prev: number): AskReply => ({
  kind: "answer",
  answer: { kind: "ack", seq, epoch: 1, prev, ts: 7 },
});

async function talking(events = 1): Promise<{ world: EdgeWorld; client: ScriptedClient }> {
  const world = edgeWorld();
  world.description = { follows: [{ conv, kind: "support", open: true, openedAt: 1 }] };
  for (let i = 0; i < events; i++) world.log(conv).append();
  return { world, client: await world.attached() };
}

function answering(world: EdgeWorld, reply: () => AskReply | undefined): void {
  world.answer = ({ k }) => (k === "actor" || k === "refusal" ? Promise.resolve(reply()) : undefined);
}

/** Lets promises go on, in the same turn of the event loop. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

describe("commands", () => {
  it("answers with ack, and counts an own send as delivered", async () => {
    const { world, client } = await talking();
    answering(world, () => {
      world.log(conv).append();
      return ack(2, 1);
    });
    await client.say(send(1));
    expect(client.of("ack")).toEqual([{ t: "ack", conv, p: "p", n: 1, seq: 2, epoch: 1, prev: 1, ts: 7 }]);
    const own = world.log(conv).end;
    if (own !== undefined) world.hub.onEvents([{ to: logOf(conv), event: wireOf(own) }]);
    await world.say(conv);
    expect(client.seqs(conv)).toEqual([1, 3]);
  });

  it("delivers an own send that does not follow what the device has", async () => {
    const { world, client } = await talking();
    answering(world, () => {
      world.log(conv).append();
      world.log(conv).append();
      return ack(3, 2);
    });
    await client.say(send(1));
    const own = world.log(conv).end;
    if (own !== undefined) world.hub.onEvents([{ to: logOf(conv), event: wireOf(own) }]);
    await world.settle();
    expect(client.seqs(conv)).toEqual([1, 2, 3]);
  });

  it("answers behind what others said before, when that comes in the same turn", async () => {
    const { world, client } = await talking();
    const answers: ((reply: AskReply) => void)[] = [];
    world.answer = ({ k }) => (k === "actor" ? new Promise((resolve) => answers.push(resolve)) : undefined);
    await client.say(send(1));
    await client.say(send(2));
    const events = [2, 3, 4].map(() => ({ to: logOf(conv), event: wireOf(world.log(conv).append()) }));
    answers[0]?.(ack(3, 2));
    answers[1]?.(ack(4, 3));
    await microtasks();
    expect(client.of("ack")).toEqual([]);
    world.hub.onEvents(events);
    expect(client.of("ack").map(({ seq }) => seq)).toEqual([3, 4]);
    await world.settle();
    expect(client.seqs(conv)).toEqual([1, 2]);
    await world.say(conv);
    expect(client.seqs(conv)).toEqual([1, 2, 5]);
  });

  it("lets no answer wait for longer than the turn", async () => {
    const { world, client } = await talking();
    const events = [2, 3].map(() => ({ to: logOf(conv), event: wireOf(world.log(conv).append()) }));
    answering(world, () => ack(3, 2));
    await client.say(send(1));
    expect(client.of("ack").map(({ seq }) => seq)).toEqual([3]);
    world.hub.onEvents(events);
    await world.settle();
    expect(client.seqs(conv)).toEqual([1, 2, 3]);
  });

  it("takes no answer along when the conversation is left", async () => {
    const world = edgeWorld();
    const group = "g.team" as ConversationId;
    world.description = { follows: [{ conv: group, kind: "group", open: true, openedAt: 1 }] };
    world.log(group).append();
    const client = await world.attached("agent.bob");
    let answer: (reply: AskReply) => void = () => {};
    world.answer = ({ k }) => (k === "actor" ? new Promise((resolve) => (answer = resolve)) : undefined);
    await client.say({ ...send(1), conv: group });
    answer(ack(3, 2));
    await microtasks();
    expect(client.of("ack")).toEqual([]);
    world.gateway.take({ k: "exit", conn: 1, conv: group });
    expect(client.of("ack").map(({ seq }) => seq)).toEqual([3]);
  });

  it("takes the answer to another command for no delivery", async () => {
    const { world, client } = await talking();
    answering(world, () => {
      world.log(conv).append();
      return ack(2, 1);
    });
    await client.say({ t: "close", conv, p: "p", n: 1, after: 0 });
    const closed = world.log(conv).end;
    if (closed !== undefined) world.hub.onEvents([{ to: logOf(conv), event: wireOf(closed) }]);
    await world.settle();
    expect(client.seqs(conv)).toEqual([1, 2]);
  });

  it("passes refusals on, with the last number where a gap is told", async () => {
    const { world, client } = await talking();
    answering(world, () => ({ kind: "answer", answer: { kind: "nack", code: "GAP" }, last: 4 }));
    await client.say(send(9));
    expect(client.of("nack")).toEqual([
      { t: "nack", conv, p: "p", n: 9, code: "GAP", retry: "from-last", last: 4 },
    ]);
  });

  it("says BUSY with a time and a cause when nobody answers", async () => {
    const { world, client } = await talking();
    answering(world, () => undefined);
    await client.say(send(1));
    expect(client.of("nack")).toMatchObject([{ code: "BUSY", retry: "same", waitMs: 250, why: "load" }]);
  });

  it("refuses what is too fast, and tells when", async () => {
    const { world, client } = await talking();
    answering(world, () => ack(0, 0));
    for (let n = 1; n <= 66; n++) await client.say(send(n));
    expect(client.of("nack").map(({ n, code, waitMs }) => [n, code, waitMs])).toEqual([
      [65, "RATE_LIMITED", 50],
      [66, "RATE_LIMITED", 50],
    ]);
  });

  it("answers for as long as the connection lives, not only the first few hundred", async () => {
    const { world, client } = await talking();
    answering(world, () => ack(0, 0));
    for (let n = 1; n <= 300; n++) {
      await world.time.advance(60);
      await client.say(send(n));
    }
    expect([client.of("ack").length, client.of("nack").length]).toEqual([300, 0]);
  });

  it("uses up the number of a command that is not valid", async () => {
    const { world, client } = await talking();
    answering(world, () => ({ kind: "answer", answer: { kind: "nack", code: "INVALID" } }));
    await client.say({ t: "rate", conv, p: "p", n: 1, after: 0, stars: 9 });
    expect(world.asked.at(-1)).toMatchObject({ k: "refusal", code: "INVALID", command: { p: "p", n: 1 } });
  });

  it("names the field that is not valid, but not where the number had another answer", async () => {
    const { world, client } = await talking();
    let code: "INVALID" | "PRODUCER_CONFLICT" = "INVALID";
    answering(world, () => ({ kind: "answer", answer: { kind: "nack", code } }));
    await client.say({ t: "rate", conv, p: "p", n: 1, after: 0, stars: 9 });
    code = "PRODUCER_CONFLICT";
    await client.say({ t: "rate", conv, p: "p", n: 1, after: 0, stars: 8 });
    expect(client.of("nack")).toEqual([
      {
        t: "nack",
        conv,
        p: "p",
        n: 1,
        code: "INVALID",
        retry: "never",
        msg: "stars: must be an integer from 1 to 5",
      },
      { t: "nack", conv, p: "p", n: 1, code: "PRODUCER_CONFLICT", retry: "never" },
    ]);
  });

  it("answers nothing after the connection is gone", async () => {
    const { world, client } = await talking();
    let answer: (reply: AskReply) => void = () => {};
    world.answer = ({ k }) => (k === "actor" ? new Promise((resolve) => void (answer = resolve)) : undefined);
    await client.say(send(1));
    client.input.closed();
    answer(ack(2, 1));
    await world.settle();
    expect(client.of("ack")).toEqual([]);
  });
});
