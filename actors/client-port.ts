import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { BusyCause, ServerFrame } from "../protocol/frames.ts";
import type { ConversationId } from "../protocol/ids.ts";
import type { ConnectionLog } from "./connection-log.ts";
import type { Hub } from "./hub.ts";
import type { AskReply, ShardEnvelope } from "./runtime/envelope.ts";
import type { OnReply } from "./runtime/router.ts";
import type { VerifyToken } from "./socket.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** What every connection of a node shares. */
export interface ConnectionParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly node: string;
  readonly shards: number;
  readonly hub: Hub;
  readonly verify: VerifyToken;
  ask(envelope: ShardEnvelope, boundMs: number): Promise<AskReply | undefined>;
  /** The same without a promise; `onReply` is called once, perhaps before this returns. */
  askThen(envelope: ShardEnvelope, boundMs: number, onReply: OnReply): void;
  send(envelope: ShardEnvelope): void;
  /** Milliseconds to wait before attaching; 0 admits. `resume`: the client holds cursors. */
  admit(resume: boolean): number;
  /** Whether that person is a member of the group; undefined when that cannot be found out now. */
  isMember(tenant: string, conv: ConversationId, who: string): Promise<boolean | undefined>;
  /** Commands and requests that one connection may give: in the long run, and at once. */
  readonly rate: { readonly perSecond: number; readonly burst: number };
  /** Whether the store is too full for new conversations. */
  storeFull(): boolean;
  /** Why things are slow now, for the `why` of BUSY. */
  trouble(): BusyCause;
  /** Where the owner of a shard takes connections; undefined when that is here, or not known. */
  urlOf(shard: number): string | undefined;
  /** Another node's address, for clients that have to move; undefined when none is known. */
  urlElsewhere(): string | undefined;
  /** The connection is to be attached as soon as its turn comes, and again whenever its session moves. */
  onAttaching(conn: number): void;
  /** Something goes on: the connection is looked at every second until it rests. */
  onStirred(conn: number): void;
  /** The connection takes no more deliveries until its client has read on. */
  onBlocked(conn: number): void;
  onClosed(conn: number): void;
  /** Told of every device that is served from now on, or no more; undefined: nobody wants to know. */
  readonly connectionLog?: ConnectionLog;
}

/** A connection as those see it who answer its requests. */
export interface ClientPort {
  readonly parts: ConnectionParts;
  /** The shard of its session. */
  readonly sessionShard: number;
  /** What it follows. */
  readonly subscriptions: Subscriptions;
  /** Writes a frame. */
  frame(frame: ServerFrame): void;
  /** Notes the highest number that was read. */
  noteRead(conv: ConversationId, seq: number): void;
  /** Whether somebody's typing there may be told now: rarely, however often the client says it. */
  mayType(conv: ConversationId): boolean;
}
