import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { BusyCause, ServerFrame } from "../protocol/frames.ts";
import type { ConversationId } from "../protocol/ids.ts";
import type { Hub } from "./hub.ts";
import type { AskReply, ShardEnvelope } from "./runtime/envelope.ts";
import type { VerifyToken } from "./socket.ts";
import type { Subscription } from "./subscription.ts";

/** What every connection of a node shares. */
export interface ConnectionParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly node: string;
  readonly shards: number;
  readonly hub: Hub;
  readonly verify: VerifyToken;
  ask(envelope: ShardEnvelope, boundMs: number): Promise<AskReply | undefined>;
  send(envelope: ShardEnvelope): void;
  /** Milliseconds to wait before attaching; 0 admits. `resume`: the client holds cursors. */
  admit(resume: boolean): number;
  isMember(tenant: string, conv: ConversationId, who: string): Promise<boolean>;
  /** Commands and requests that one connection may give: in the long run, and at once. */
  readonly rate: { readonly perSecond: number; readonly burst: number };
  /** Whether the store is too full for new conversations. */
  storeFull(): boolean;
  /** Why things are slow now, for the `why` of BUSY. */
  trouble(): BusyCause;
  /** Where the owner of a shard takes connections; undefined when that is here, or not known. */
  urlOf(shard: number): string | undefined;
  /** The connection is served. */
  onAttached(conn: number): void;
  onClosed(conn: number): void;
}

/** A connection as those see it who answer its requests. */
export interface ClientPort {
  readonly parts: ConnectionParts;
  /** The shard of its session. */
  readonly sessionShard: number;
  /** How many conversations it follows. */
  readonly followed: number;
  /** Writes a frame. */
  frame(frame: ServerFrame): void;
  /** Whether this connection follows a conversation. */
  follows(conv: string): boolean;
  /** Begins to follow a conversation; deliveries begin later. */
  subscribe(conv: ConversationId): Subscription;
  /** Follows a conversation no more; false when it was not followed. */
  unsubscribe(conv: string): boolean;
  /** Notes the highest number that was read. */
  noteRead(conv: ConversationId, seq: number): void;
}
