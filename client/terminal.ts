/** `npm run chat`: a chat in the terminal, for people, and with `--json` for programs. */
import { createInterface, type Interface } from "node:readline";
import { connect, type Client } from "./client.ts";
import { nodeEnvironment } from "./socket-node.ts";
import { TerminalChat } from "./terminal-chat.ts";
import { messageOf } from "./terminal-commands.ts";
import { help, parseOptions, type TerminalOptions } from "./terminal-options.ts";
import { jsonScreen, textScreen, type Screen } from "./terminal-screen.ts";
import { fetchToken } from "./terminal-token.ts";

/** Lines that may wait for their acknowledgement before stdin is read on. */
const maxUnanswered = 500;

const parsed = parseOptions(process.argv.slice(2));
if (parsed.kind === "help") process.stdout.write(help);
else if (parsed.kind === "wrong") {
  process.stderr.write(`chat: ${parsed.why}; --help explains\n`);
  process.exitCode = 2;
} else {
  run(parsed.options).catch((error: unknown) => {
    process.stderr.write(`chat: ${messageOf(error)}\n`);
    process.exitCode = 1;
  });
}

async function run(options: TerminalOptions): Promise<void> {
  const token = await tokenSource(options);
  const client = connect({ url: options.url, token, environment: nodeEnvironment() });
  if (options.json) await runPiped(client, options);
  else await runInteractive(client, options);
}

/** A given token, or a source of fresh ones for the same user; the first is fetched now, so that errors show at once. */
async function tokenSource(options: TerminalOptions): Promise<string | (() => Promise<string>)> {
  const { token, url, as, name } = options;
  if (token !== undefined) return token;
  const first = await fetchToken(url, as, name);
  let next: string | undefined = first.token;
  return async () => {
    const given = next ?? (await fetchToken(url, as, first.user)).token;
    next = undefined;
    return given;
  };
}

async function runPiped(client: Client, options: TerminalOptions): Promise<void> {
  const chat = new TerminalChat(client, options, jsonScreen(printLine));
  const stopped = untilStopped(client, chat.screen);
  const lines = createInterface({ input: process.stdin });
  const started = chat.start().catch((error: unknown) => chat.refuse(error));
  await Promise.race([stopped, readAll(lines, chat)]);
  await Promise.race([stopped, started.then(() => chat.settled())]);
  await Promise.race([stopped, pause(options.lingerMs)]);
  lines.close();
  process.stdin.destroy();
  if (chat.failed || client.state.state === "stopped") process.exitCode = 1;
  client.stop();
}

async function readAll(lines: Interface, chat: TerminalChat): Promise<void> {
  for await (const line of lines) {
    if (await chat.take(line)) return;
    if (chat.client.unanswered > maxUnanswered) await chat.settled();
  }
}

async function runInteractive(client: Client, options: TerminalOptions): Promise<void> {
  const lines = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: process.stdout.isTTY ? "> " : "",
  });
  const chat = new TerminalChat(client, options, textScreen(printAbove(lines)));
  const stopped = untilStopped(client, chat.screen);
  const ended = new Promise<void>((resolve) => void lines.once("close", resolve));
  chat.start().then(
    () => lines.prompt(),
    (error: unknown) => chat.refuse(error),
  );
  lines.on("line", (line) => {
    chat.take(line).then(
      (quit) => (quit ? lines.close() : lines.prompt()),
      (error: unknown) => chat.refuse(error),
    );
  });
  await Promise.race([stopped, ended]);
  lines.close();
  await Promise.race([stopped, chat.settled(), pause(5_000)]);
  if (client.state.state === "stopped") process.exitCode = 1;
  client.stop();
}

function untilStopped(client: Client, screen: Screen): Promise<void> {
  return new Promise((resolve) => {
    client.on("state", (state) => {
      if (state.state !== "stopped" || state.code === 1000) return;
      const why = `The server said goodbye: ${state.reason || `code ${state.code}`}`;
      screen.show("error", { code: state.code, message: why }, `! ${why}`);
      resolve();
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms).unref());
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints above the line that is being typed. */
function printAbove(lines: Interface): (line: string) => void {
  if (!process.stdout.isTTY) return printLine;
  return (line) => {
    process.stdout.write(`\r\u001B[K${line}\n`);
    lines.prompt(true);
  };
}
