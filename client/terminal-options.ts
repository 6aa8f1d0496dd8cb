import { parseArgs } from "node:util";

/** What the command line asks for. */
export interface TerminalOptions {
  readonly as: "visitor" | "agent";
  /** Address of the socket: `ws://` or `wss://`. */
  readonly url: string;
  readonly token: string | undefined;
  /** User id to ask a token for; the server gives one by default. */
  readonly name: string | undefined;
  readonly channel: string;
  readonly desk: string | undefined;
  readonly json: boolean;
  /** JSON mode: time to go on listening after the last send was acknowledged. */
  readonly lingerMs: number;
}

/** The command line read: options, a wish for help, or what is wrong in one line. */
export type ParsedOptions =
  | { readonly kind: "run"; readonly options: TerminalOptions }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly why: string };

/** What `--help` prints. */
export const help = `usage: npm run chat -- [--as visitor|agent] [options]

  --as visitor|agent   who to be; visitor by default
  --url ADDRESS        the server's socket; ws://127.0.0.1:8080/ws by default
  --token TOKEN        a token; without one it is asked from POST /v1/tokens
  --name ID            user id to ask a token for
  --channel ID         visitor: the channel to write on; web by default
  --desk ID            visitor: the desk that shall answer
  --json               events as JSON, one per line, on stdout; one message per line from stdin
  --linger MS          with --json: listen so much longer after the last message was acknowledged; 0 by default
  --help               this text

In the chat, /help lists the commands. With --json a line that begins with / is a command too, and a text that begins
with / is written with two of them. Each line on stdout is one object {"event": NAME, ...}:
  ready      {conv}                      visitor: lines from stdin now go to this conversation
  message    {conv, seq, by, text}       somebody said something, oneself included ("by": {"role", "id"})
  note       {conv, seq, by, text}       staff: the same for a note
  <kind>     {conv, seq, by, ...}        the other events of a log: queued, assigned, closed, rated, ...
  sent       {conv, seq, line}           the message of that line of stdin is stored
  conversation, reset, left, queue, typing, read, presence, state, info, error
The exit status is 0 when everything was acknowledged, 1 when something was refused, 2 for a wrong command line.
`;

/** Reads the command line (without `node` and the script). */
export function parseOptions(args: readonly string[]): ParsedOptions {
  try {
    return check(
      parseArgs({ args: [...args], options: known, strict: true, allowPositionals: false }).values,
    );
  } catch (error) {
    return { kind: "wrong", why: error instanceof Error ? error.message : String(error) };
  }
}

const known = {
  as: { type: "string", default: "visitor" },
  url: { type: "string", default: "ws://127.0.0.1:8080/ws" },
  token: { type: "string" },
  name: { type: "string" },
  channel: { type: "string", default: "web" },
  desk: { type: "string" },
  json: { type: "boolean", default: false },
  linger: { type: "string", default: "0" },
  help: { type: "boolean", default: false },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof known }>>["values"];

function check({ as, url, token, name, channel, desk, json, linger, help }: Values): ParsedOptions {
  if (help) return { kind: "help" };
  if (as !== "visitor" && as !== "agent") return { kind: "wrong", why: "--as is visitor or agent" };
  if (!/^wss?:\/\/./.test(url)) return { kind: "wrong", why: "--url begins with ws:// or wss://" };
  const lingerMs = Number(linger);
  if (!(lingerMs >= 0)) return { kind: "wrong", why: "--linger is a number of milliseconds" };
  return { kind: "run", options: { as, url, token, name, channel, desk, json, lingerMs } };
}
