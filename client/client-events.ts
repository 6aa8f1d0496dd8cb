import type { Followed, ServerFrame } from "../protocol/frames.ts";
import type { ConnectionState } from "./connector.ts";
import type { Identity } from "./feed.ts";
import type { ConversationEvent } from "./log-view.ts";

type Payload<T extends ServerFrame["t"]> = Omit<Extract<ServerFrame, { t: T }>, "t">;

/** The events of a client by name. */
export interface ClientEvents {
  /** The connection: connecting, online, waiting to come back, stopped for good. */
  state: ConnectionState;
  /** The server has welcomed a connection: at first and after every reconnect. */
  welcome: Identity & { readonly convs: readonly Followed[] };
  /** A conversation is followed from now on: it was open already, was announced, or `follow` was answered. */
  conversation: Followed;
  /** The next event of a followed conversation: each exactly once and in order until a `reset`. */
  event: ConversationEvent;
  /** The same for messages alone. */
  message: ConversationEvent;
  /** Older events were put in front of the view, after `backfill` or a `reset`. */
  history: { readonly conv: string; readonly events: readonly ConversationEvent[] };
  /** The log is not the one that was followed: forget its events, they come anew. */
  reset: { readonly conv: string };
  /** One no longer belongs to the conversation. */
  left: { readonly conv: string };
  /** Somebody, perhaps oneself on another device, has read up to `seq`. */
  read: Payload<"read">;
  /** Somebody is typing. */
  typing: Payload<"typing">;
  /** The visitor's place in the queue. */
  queue: Payload<"queue">;
  /** An agent's own state. */
  presence: Payload<"presence">;
  /** The server is about to restart or rebalance: the client comes back by itself. */
  drain: { readonly afterMs: number };
  /**
   * Something failed that no promise reports: a refusal without a command, a malformed argument of `read`, `typing` or
   * `unfollow`. What a listener throws is thrown again, outside of the SDK.
   */
  error: Error;
}
