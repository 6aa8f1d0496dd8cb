import { isConversationId } from "../protocol/ids.ts";
import type { TerminalChat } from "./terminal-chat.ts";

const commandHelp = `/human [DESK]     visitor: ask for a person
/rate N [TEXT]    visitor: rate the closed conversation, 1 to 5
/open             visitor: open a conversation again after it was closed
/chats            agent: list the chats
/take N           agent: turn to chat number N
/takeover ID      agent: take a waiting or another agent's conversation over
/note TEXT        agent: a note that only staff sees
/transfer [DESK]  agent: hand the chat to another desk
/available, /away agent: whether chats may be offered
/close            end the conversation
/history [N]      show the last N events, 20 by default
/status           the connection and the conversation
/quit             leave; the conversation stays open`;

/** One readable line about a failure. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Runs a line that begins with a slash; true when it asks to quit. @throws Refusal, Error with a readable message */
export async function runCommand(chat: TerminalChat, line: string): Promise<boolean> {
  const [name = "", ...words] = line.slice(1).trim().split(/\s+/);
  const rest = line.slice(1 + name.length).trim();
  switch (name) {
    case "quit":
    case "exit":
      return true;
    case "help":
      chat.screen.show("info", { text: commandHelp }, commandHelp);
      return false;
    case "chats":
    case "status":
      showStatus(chat);
      return false;
    case "take":
      await chat.turnTo(chosen(chat, words[0]));
      return false;
    case "history":
      await chat.turnTo(current(chat), Number(words[0] ?? 20) || 20);
      return false;
    default:
      await change(chat, name, words, rest);
      return false;
  }
}

async function change(
  chat: TerminalChat,
  name: string,
  words: readonly string[],
  rest: string,
): Promise<void> {
  const { client } = chat;
  switch (name) {
    case "human":
      return void (await client.human(current(chat), words[0]));
    case "close":
      return void (await client.close(current(chat)));
    case "rate":
      return void (await client.rate(current(chat), Number(words[0]), words.slice(1).join(" ") || undefined));
    case "note":
      return void (await client.note(current(chat), rest));
    case "transfer":
      return void (await client.transfer(current(chat), words[0]));
    case "available":
    case "away":
      return void (await client.status(name));
    case "open":
      chat.current = await client.open(chat.options.channel);
      return;
    case "takeover":
      return takeOver(chat, words[0]);
    default:
      throw new Error(`There is no command /${name}; /help lists them.`);
  }
}

async function takeOver(chat: TerminalChat, name: string | undefined): Promise<void> {
  const conv = name !== undefined && isConversationId(name) ? name : chosen(chat, name);
  await chat.client.takeover(conv);
  chat.current = conv;
}

function showStatus(chat: TerminalChat): void {
  const { client, screen } = chat;
  const { identity, state } = client;
  const who = identity ? `${identity.user} (${identity.role})` : "nobody yet";
  screen.show("info", { state: state.state, user: identity?.user }, `* ${state.state} as ${who}`);
  for (const { conv, open, unread } of client.conversations) {
    const mark = conv === chat.current ? ">" : " ";
    const text = `${mark} ${chat.nameOf(conv)} ${open ? "open" : "closed"}${unread > 0 ? `, ${unread} unread` : ""}`;
    screen.show("info", { conv, open, unread }, text);
  }
}

function current(chat: TerminalChat): string {
  if (chat.current === undefined) throw new Error("There is no chat yet.");
  return chat.current;
}

function chosen(chat: TerminalChat, number: string | undefined): string {
  const conv = chat.chats[Number(number) - 1];
  if (conv === undefined) throw new Error("There is no chat of that number; /chats lists them.");
  return conv;
}
