/**
 * A chat in a terminal: lines in, lines out.
 *
 * Role: what a typed line means, for a visitor and for an agent with several chats. Boundary: it neither reads stdin
 * nor knows how its screen looks; `terminal.ts` does.
 */
import { messageOf, runCommand } from "./terminal-commands.ts";
import type { Client } from "./client.ts";
import type { TerminalOptions } from "./terminal-options.ts";
import type { Screen } from "./terminal-screen.ts";

/** One chat program. */
export class TerminalChat {
  readonly client: Client;
  readonly options: TerminalOptions;
  readonly screen: Screen;
  /** Conversations in the order in which they came; people name them by their place, from 1. */
  readonly chats: string[] = [];
  current: string | undefined;
  /** Whether something was refused. */
  failed = false;
  #line = 0;
  #ready: Promise<void> | undefined;
  #queue: Promise<void> = Promise.resolve();
  readonly #sending = new Set<Promise<void>>();

  constructor(client: Client, options: TerminalOptions, screen: Screen) {
    this.client = client;
    this.options = options;
    this.screen = screen;
    this.#listen();
  }

  /** Takes one line; resolves to true when it asks to quit. Lines are handled one after the other. */
  async take(line: string): Promise<boolean> {
    this.#line += 1;
    const number = this.#line;
    const before = this.#queue;
    let done = (): void => {};
    this.#queue = new Promise((resolve) => (done = resolve));
    await before;
    try {
      return await this.#handle(line, number);
    } catch (error) {
      this.refuse(error);
      return false;
    } finally {
      done();
    }
  }

  /** Resolves when everything that was taken is acknowledged or refused. */
  async settled(): Promise<void> {
    await this.#queue;
    await Promise.all(this.#sending);
  }

  /** Visitor: opens the conversation of the channel; others wait for their first connection. */
  start(): Promise<void> {
    this.#ready ??= this.#begin();
    return this.#ready;
  }

  /** Makes a conversation the current one and shows its last events. */
  async turnTo(conv: string, events = 20): Promise<void> {
    this.current = conv;
    const { client, screen } = this;
    const missing = events - client.history(conv).length;
    if (missing > 0) await client.backfill(conv, missing);
    screen.show("info", { conv }, `--- ${this.nameOf(conv)}`);
    for (const event of client.history(conv).slice(-events)) screen.event(event, this.#own(), "");
  }

  /** How people call a conversation. */
  nameOf(conv: string): string {
    const known = this.client.conversations.find((followed) => followed.conv === conv);
    const number = this.chats.indexOf(conv) + 1;
    return `${number > 0 ? `#${number} ` : ""}${known?.title ?? known?.visitor ?? conv}`;
  }

  /** Shows why something did not work. */
  refuse(error: unknown): void {
    this.failed = true;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    this.screen.show("error", { code, message: messageOf(error) }, `! ${messageOf(error)}`);
  }

  /** Says something in the current conversation without waiting for its acknowledgement. */
  say(text: string, line: number): void {
    const conv = this.current;
    if (conv === undefined) throw new Error("There is no chat to write to yet.");
    const sending = this.client.send(conv, text).then(
      ({ seq }) => this.screen.show("sent", { conv, seq, line }),
      (error: unknown) => this.refuse(error),
    );
    const tracked = sending.finally(() => void this.#sending.delete(tracked));
    this.#sending.add(tracked);
  }

  async #handle(line: string, number: number): Promise<boolean> {
    const command = line.startsWith("/") && !line.startsWith("//");
    if (command && /^\/(quit|exit|help)\b/.test(line)) return runCommand(this, line);
    await this.start();
    if (command) return runCommand(this, line);
    const text = line.startsWith("//") ? line.slice(1) : line;
    if (text.trim() !== "") this.say(text, number);
    return false;
  }

  async #begin(): Promise<void> {
    const { client, options } = this;
    if (options.as === "agent") {
      await client.status("available");
      return;
    }
    const desk = options.desk === undefined ? {} : { desk: options.desk };
    const conv = await client.open(options.channel, desk);
    this.current = conv;
    if (client.history(conv).length === 0) {
      for (const event of await client.backfill(conv, 20)) this.screen.event(event, this.#own(), "");
    }
    this.screen.show(
      "ready",
      { conv },
      `connected as ${client.identity?.user ?? "visitor"}; /help lists commands`,
    );
  }

  #own(): { user: string; role: string } {
    return this.client.identity ?? { user: "", role: "" };
  }

  #listen(): void {
    const { client, screen } = this;
    client.on("event", (event) => {
      const label = this.options.as === "agent" ? `[${this.nameOf(event.conv)}] ` : "";
      screen.event(event, this.#own(), label);
      if (event.conv === this.current) client.read(event.conv, event.seq);
    });
    client.on("conversation", (followed) => {
      if (!this.chats.includes(followed.conv)) this.chats.push(followed.conv);
      const isNews = this.options.as === "agent" && followed.open;
      if (isNews) this.current ??= followed.conv;
      screen.show("conversation", followed, isNews ? `* chat ${this.nameOf(followed.conv)}` : undefined);
    });
    client.on("reset", ({ conv }) => screen.show("reset", { conv }, "* the conversation is read anew"));
    client.on("left", ({ conv }) => {
      if (this.current === conv) this.current = undefined;
      screen.show("left", { conv }, `* no longer in ${this.nameOf(conv)}`);
    });
    client.on("queue", (queue) => screen.show("queue", queue, queueLine(queue.position, queue.etaSec)));
    client.on("typing", (typing) => screen.show("typing", typing));
    client.on("read", (read) => screen.show("read", read));
    client.on("presence", (presence) => {
      const { status, load, capacity } = presence;
      screen.show("presence", presence, `* you are ${status}, ${load} of ${capacity} chats`);
    });
    client.on("state", (state) => {
      const text =
        state.state === "waiting"
          ? `* not connected (${state.reason || state.code}); next try in ${(state.retryInMs / 1000).toFixed(1)} s`
          : undefined;
      screen.show("state", state, text);
    });
    client.on("error", (error) =>
      screen.show("error", { message: messageOf(error) }, `! ${messageOf(error)}`),
    );
  }
}

function queueLine(position: number, etaSec: number | null): string {
  const wait = etaSec === null ? "" : `, about ${Math.max(1, Math.round(etaSec / 60))} min`;
  return `* you are number ${position} in the queue${wait}`;
}
