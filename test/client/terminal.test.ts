import { describe, expect, it } from "vitest";
import { parseOptions, type TerminalOptions } from "../../client/terminal-options.ts";
import { jsonScreen, textScreen } from "../../client/terminal-screen.ts";
import { TerminalChat } from "../../client/terminal-chat.ts";
import { lineOf } from "../../client/terminal-text.ts";
import { conv, followed, message, script } from "./script.ts";
import type { EventBody } from "../../protocol/events.ts";

const own = { user: "v1", role: "visitor" };
const event = (body: EventBody, by = { role: "agent", id: "ada" } as const) => ({
  ...message(4),
  conv,
  ev: { ts: 0, by, body },
});

async function chatOf(options: Partial<TerminalOptions> = {}) {
  const scripted = await script();
  const lines: string[] = [];
  const parsed = parseOptions([]);
  if (parsed.kind !== "run") throw new Error("no defaults");
  const screen = textScreen((line) => void lines.push(line));
  const chat = new TerminalChat(scripted.client, { ...parsed.options, ...options }, screen);
  const answer = async (t: string, fields: object): Promise<void> => {
    await scripted.world.pass(0);
    const frame = scripted.frames(t).at(-1);
    const { p, n } = frame ?? {};
    scripted.world.socket.say({ t: "ack", conv, p, n, seq: 0, epoch: 0, prev: 0, ts: 0, ...fields });
    await scripted.world.pass(0);
  };
  return { ...scripted, chat, lines, answer };
}

describe("terminal options", () => {
  it("connect a visitor to the local server unless told otherwise", () => {
    expect(parseOptions([])).toMatchObject({
      kind: "run",
      options: { as: "visitor", url: "ws://127.0.0.1:8080/ws", channel: "web", json: false, lingerMs: 0 },
    });
  });

  it("say in one line what is wrong", () => {
    expect(parseOptions(["--as", "robot"])).toEqual({ kind: "wrong", why: "--as is visitor or agent" });
    expect(parseOptions(["--url", "http://x"]).kind).toBe("wrong");
    expect(parseOptions(["--linger", "soon"]).kind).toBe("wrong");
    expect(parseOptions(["--unknown"]).kind).toBe("wrong");
    expect(parseOptions(["--help"])).toEqual({ kind: "help" });
  });
});

describe("terminal lines", () => {
  it("name who speaks", () => {
    const said: EventBody = { kind: "message", body: { kind: "text", text: "你好" } };
    expect(lineOf(event(said), own)).toBe("ada (agent): 你好");
    expect(lineOf(event(said, { role: "visitor", id: "v1" } as never), own)).toBe("me: 你好");
    expect(lineOf(event({ kind: "closed", why: "idle" }), own)).toBe("* conversation closed (idle)");
  });

  it("are one JSON object each for programs, and keep an event's own number", () => {
    const lines: string[] = [];
    const screen = jsonScreen((line) => void lines.push(line));
    screen.event(event({ kind: "message", body: { kind: "text", text: "a\nb" } }), own, "");
    screen.event(event({ kind: "recalled", seq: 2 }), own, "");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { event: "message", conv, seq: 4, by: { role: "agent", id: "ada" }, text: "a\nb" },
      { event: "recalled", seq: 4, recalled: 2 },
    ]);
  });
});

describe("terminal chat", () => {
  it("opens the visitor's conversation and sends lines to it in order", async () => {
    const { chat, welcome, frames, answer, world } = await chatOf({ desk: "sales" });
    await welcome({ convs: [] });
    const taken = [chat.take("one"), chat.take("//two"), chat.take("  ")];
    await answer("open", { conv });
    await Promise.all(taken);
    expect(frames("open")).toMatchObject([{ channel: "web", desk: "sales" }]);
    expect(frames("send").map(({ body }) => (body as { text: string }).text)).toEqual(["one", "/two"]);
    const [first] = frames("send");
    for (const n of [1, 2])
      world.socket.say({ t: "ack", conv, p: first?.["p"], n, seq: n, epoch: 1, prev: n - 1, ts: 0 });
    await chat.settled();
    expect(chat.failed).toBe(false);
  });

  it("says why something was refused", async () => {
    const { chat, welcome, frames, answer, lines, world } = await chatOf();
    await welcome({ convs: [] });
    const taken = chat.take("/rate 9");
    await answer("open", { conv });
    await taken;
    const sent = chat.take("late");
    await world.pass(0);
    const { p, n } = frames("send")[0] ?? {};
    world.socket.say({ t: "nack", conv, p, n, code: "CLOSED", retry: "never" });
    await sent;
    await chat.settled();
    expect(chat.failed).toBe(true);
    expect(lines).toContain("! stars: must be an integer from 1 to 5");
    expect(lines).toContain("! The conversation is closed.");
  });

  it("lists an agent's chats by number and turns to the one that is named", async () => {
    const { chat, welcome, answer, lines, frames, world } = await chatOf({ as: "agent" });
    const ready = chat.start();
    await welcome({
      convs: [followed([0, 0], { visitor: "v1" }), followed([0, 0], { conv: "s.v2.1", visitor: "v2" })],
    });
    await answer("status", {});
    await ready;
    expect(chat.current).toBe(conv);
    await chat.take("/take 2");
    await chat.take("/chats");
    expect(chat.current).toBe("s.v2.1");
    expect(lines).toContain("> #2 v2 open");
    await chat.take("hello");
    await world.pass(0);
    expect(frames("send")).toMatchObject([{ conv: "s.v2.1" }]);
    await chat.take("/take 7");
    expect(lines).toContain("! There is no chat of that number; /chats lists them.");
  });

  it("quits when told to, also before it is connected", async () => {
    const { chat } = await chatOf();
    expect(await chat.take("/quit")).toBe(true);
  });
});
