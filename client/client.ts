/**
 * The SDK: one client of an Usher server, for browsers and Node.
 *
 * Role: commands in, typed events out, over connections that come and go. Boundary: an application's face of
 * `engine.ts`. It needs an Environment: `socket-browser.ts` or `socket-node.ts` make one.
 */
import { faultOfConversation, faultOfCount, isCount } from "./check.ts";
import { Engine } from "./engine.ts";
import { Refusal } from "./refusal.ts";
import { answerAs } from "./requests.ts";
import { isId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import type { MessageBody } from "../protocol/events.ts";
import type { ConversationSummary, Cursor, Followed, Item } from "../protocol/frames.ts";
import type { ClientEvents } from "./client-events.ts";
import type { ConnectionState } from "./connector.ts";
import type { Cancel, Environment } from "./environment.ts";
import type { Identity } from "./feed.ts";
import type { CommandBody } from "./lane.ts";
import type { ConversationEvent } from "./log-view.ts";
import type { Receipt } from "./outbox.ts";

/** Where to connect, as whom, and on what machine. */
export interface ClientOptions {
  /** `ws://` or `wss://` address of the server's socket, usually ending in `/ws`. */
  readonly url: string;
  /** A token, or a function that is called for a fresh one before each connection. */
  readonly token: string | (() => string | Promise<string>);
  /**
   * Names this running instance (a tab, an app): 1 to 64 of `A-Z a-z 0-9 _ -`; a fresh id by default. Two instances must
   * never share one.
   */
  readonly device?: string;
  readonly environment: Environment;
  /** Events kept in memory per conversation, also what `backfill` can reach; 500 by default. */
  readonly historySize?: number;
}

/** A page of a log. */
export interface LogPage {
  readonly items: readonly Item[];
  readonly more: boolean;
}

type SayBody = Extract<CommandBody, { t: "send" }>["body"];

const typingEveryMs = 2_000;

/**
 * Connects to a server; the client keeps itself connected until `stop`.
 * @throws Refusal `INVALID` for a malformed `device` or `historySize`
 */
export function connect(options: ClientOptions): Client {
  return new Client(options);
}

/** One client. Its commands resolve when their effect is durable and reject with a Refusal. */
export class Client {
  readonly #environment: Environment;
  readonly #engine: Engine;
  readonly #token: () => string | Promise<string>;
  readonly #device: string;
  readonly #typedAt = new Map<string, number>();

  constructor({ url, token, device, environment, historySize }: ClientOptions) {
    if (device !== undefined && !isId(device)) throw new Refusal("INVALID", "device has to be an id");
    if (historySize !== undefined && !isCount(historySize))
      throw new Refusal("INVALID", "historySize has to be a number of events");
    this.#environment = environment;
    this.#device = device ?? environment.id();
    this.#token = typeof token === "function" ? token : () => token;
    const endpoint = {
      url,
      device: this.#device,
      getToken: this.#token,
      renewable: typeof token === "function",
    };
    this.#engine = new Engine(environment, endpoint, historySize ?? 500);
  }

  /** Calls `listener` at each event of that name; returns a function that ends this. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (payload: ClientEvents[Name]) => void): Cancel {
    return this.#engine.events.on(name, listener);
  }

  /** The connection's state now. */
  get state(): ConnectionState {
    return this.#engine.state;
  }

  /** Who the server says this is; undefined before the first welcome. */
  get identity(): Identity | undefined {
    return this.#engine.feed.identity;
  }

  /** This instance's device id. */
  get device(): string {
    return this.#device;
  }

  /** The followed conversations, with unread counts kept current. */
  get conversations(): readonly Followed[] {
    return this.#engine.feed.conversations;
  }

  /** Commands without an answer yet. */
  get unanswered(): number {
    return this.#engine.outbox.size;
  }

  /** The events held of a conversation, oldest first. */
  history(conv: string): readonly ConversationEvent[] {
    return this.#engine.feed.history(conv);
  }

  /** The position up to which this client holds a conversation; undefined if it is not followed. */
  cursor(conv: string): Cursor | undefined {
    return this.#engine.feed.cursors.get(conv);
  }

  /** Visitor: opens the one support conversation of a channel, or finds the one that is open; resolves to its id. */
  async open(channel: string, options: { desk?: string; meta?: unknown } = {}): Promise<string> {
    return conversationOf(await this.#engine.command({ t: "open", channel, ...options }));
  }

  /** Staff: creates a group of staff; resolves to its id. */
  async create(title: string, members: readonly string[]): Promise<string> {
    const conv = `g.${this.#environment.id()}`;
    await this.#engine.command({ t: "create", conv, title, members: [...members] });
    return conv;
  }

  /** Staff: whether chats may be offered. */
  status(status: "available" | "away"): Promise<Receipt> {
    return this.#engine.command({ t: "status", status });
  }

  /** Says something: a text, or any other body. */
  async send(conv: string, body: string | MessageBody): Promise<Receipt> {
    return this.#engine.command({ t: "send", conv, body: bodyOf(body) });
  }

  /** Staff: says something that only staff sees. */
  async note(conv: string, body: string | MessageBody): Promise<Receipt> {
    return this.#engine.command({ t: "note", conv, body: bodyOf(body) });
  }

  /** Takes back an own message. */
  recall(conv: string, seq: number): Promise<Receipt> {
    return this.#engine.command({ t: "recall", conv, seq });
  }

  /** Visitor: asks for a person. */
  human(conv: string, desk?: string): Promise<Receipt> {
    return this.#engine.command({ t: "human", conv, ...(desk === undefined ? {} : { desk }) });
  }

  /** Visitor: rates a closed conversation, once. */
  rate(conv: string, stars: number, comment?: string): Promise<Receipt> {
    return this.#engine.command({ t: "rate", conv, stars, ...(comment === undefined ? {} : { comment }) });
  }

  /** Ends a support conversation. To end the client itself: `stop`. */
  close(conv: string): Promise<Receipt> {
    return this.#engine.command({ t: "close", conv });
  }

  /** Staff: hands a conversation to another desk, or back to its own. */
  transfer(conv: string, desk?: string): Promise<Receipt> {
    return this.#engine.command({ t: "transfer", conv, ...(desk === undefined ? {} : { desk }) });
  }

  /** Staff: takes a waiting or assigned conversation over. */
  takeover(conv: string): Promise<Receipt> {
    return this.#engine.command({ t: "takeover", conv });
  }

  /** Staff: enters a group. */
  join(conv: string): Promise<Receipt> {
    return this.#engine.command({ t: "join", conv });
  }

  /** Leaves a group. */
  leave(conv: string): Promise<Receipt> {
    return this.#engine.command({ t: "leave", conv });
  }

  /**
   * Reads a page of a log: events after a number going up, or before one going down; from the beginning by default.
   * At most 300 events come at once.
   */
  async sync(
    conv: string,
    range: { after?: number; before?: number; limit?: number } = {},
  ): Promise<LogPage> {
    const start = range.after === undefined && range.before === undefined ? { after: 0 } : {};
    const limit = Math.min(range.limit ?? limits.maxPageEvents, limits.maxPageEvents);
    const question = { t: "sync", conv, ...start, ...range, limit } as const;
    const page = answerAs(await this.#engine.ask(question, true), "page");
    return { items: page.items, more: page.more };
  }

  /**
   * Fetches up to `limit` events older than those held and puts them in front; also emitted as `history`. Nothing comes
   * at the log's beginning, and none that `historySize` leaves no room for: `sync` reads any page.
   */
  async backfill(conv: string, limit = 50): Promise<readonly ConversationEvent[]> {
    return this.#engine.feed.backfill(conv, limit);
  }

  /** Staff: a visitor's conversations, newest first. */
  async list(visitor: string): Promise<readonly ConversationSummary[]> {
    return answerAs(await this.#engine.ask({ t: "list", visitor }, true), "list").convs;
  }

  /**
   * Starts deliveries of a conversation after `cursor` ([0, 0]: all of it), or from its present end. One that is followed
   * already goes on from where it is.
   */
  async follow(conv: string, cursor?: Cursor): Promise<Followed> {
    const from = this.#engine.feed.cursors.get(conv) ?? cursor;
    const range = from === undefined ? {} : { cursor: [from[0], from[1]] as [number, number] };
    const {
      t: _t,
      id: _id,
      recovered: _r,
      ...followed
    } = answerAs(await this.#engine.ask({ t: "follow", conv, ...range }, true), "conv");
    return followed;
  }

  /** Ends deliveries of a conversation and forgets it, until the server names it again: with a welcome, say. */
  unfollow(conv: string): void {
    this.#typedAt.delete(conv);
    if (this.#checked(faultOfConversation(conv))) this.#engine.unfollow(conv);
  }

  /** Marks everything up to `seq` as read; sent at most twice a second, and again after a reconnect if it was lost. */
  read(conv: string, seq: number): void {
    const fault = faultOfConversation(conv) ?? faultOfCount("seq", seq);
    if (this.#checked(fault)) this.#engine.read({ conv, seq });
  }

  /** Shows the others that one is typing; sent at most every two seconds. */
  typing(conv: string): void {
    if (!this.#checked(faultOfConversation(conv))) return;
    const now = this.#environment.now();
    if (now - (this.#typedAt.get(conv) ?? Number.NEGATIVE_INFINITY) < typingEveryMs) return;
    if (this.#engine.tell({ t: "typing", conv })) this.#typedAt.set(conv, now);
  }

  /** Gives the server a fresh token on the present connection, before the old one expires. */
  async renewToken(): Promise<void> {
    const token = await this.#token();
    answerAs(await this.#engine.ask({ t: "reauth", token }, false), "ok");
  }

  /** A malformed argument of what no promise answers is told as an `error`. */
  #checked(fault: string | undefined): boolean {
    if (fault !== undefined) this.#engine.events.emit("error", new Refusal("INVALID", fault));
    return fault === undefined;
  }

  /** Ends the client: closes the connection and rejects what is unanswered with `STOPPED`. */
  stop(): void {
    this.#engine.stop("stopped by the application");
  }
}

/**
 * A copy that is the frame's own, so that a caller who changes the body later does not change a resend.
 * @throws Refusal for what cannot be copied
 */
function bodyOf(body: string | MessageBody): SayBody {
  if (typeof body === "string") return { kind: "text", text: body };
  try {
    return structuredClone(body) as SayBody;
  } catch {
    throw new Refusal("INVALID", "The body holds what no message can hold.");
  }
}

function conversationOf(receipt: Receipt): string {
  if (receipt.conv === undefined) throw new Refusal("INTERNAL", "The server did not name the conversation.");
  return receipt.conv;
}
