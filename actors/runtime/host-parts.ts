import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Counter } from "../../base/metrics.ts";
import type { Random } from "../../base/random.ts";
import type { NodeRun, Routing } from "../../placement/hosting.ts";
import type { LogQuery, LogSlice } from "../../store/store.ts";
import type { Address, EntityKind } from "../address.ts";
import type { Behavior } from "../behavior.ts";
import type { Directory } from "../directory.ts";
import type { Committer } from "./commits.ts";
import type { EntityHost, HostedEntity } from "./entity-host.ts";
import type { NodeEnvelope, ShardEnvelope } from "./envelope.ts";
import type { Batch } from "./lane.ts";
import type { ActorSystem } from "./nact.ts";
import type { ShardHost } from "./shard-host.ts";

/** The store's reads, each gathered with the others of its turn into one call. All reject when the store is away. */
export interface Loads {
  entity(query: { shard: number; entity: string }): Promise<Readonly<Record<string, string>>>;
  log(query: LogQuery): Promise<LogSlice>;
  tail(query: { shard: number; log: string }): Promise<string | undefined>;
  kept(query: { shard: number; key: string }): Promise<string | undefined>;
  member(query: { shard: number; set: string; member: string }): Promise<boolean>;
}

/** The behaviours by kind. Their states are their own affair. */
// oxlint-disable-next-line typescript/no-explicit-any -- each kind has another state; only its own behaviour sees it
export type Behaviors = Readonly<Record<EntityKind, Behavior<any>>>;

/** What every shard host of a node shares. */
export interface HostParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly routing: Routing;
  readonly directory: Directory;
  readonly behaviors: Behaviors;
  readonly committer: Committer;
  readonly system: ActorSystem;
  readonly loads: Loads;
  readonly deadLetters: Counter;
  /** Sends to whoever owns the envelope's shard; may be lost. */
  send(envelope: ShardEnvelope): void;
  /** Sends to one run of one node; may be lost. */
  sendTo(run: NodeRun, envelope: NodeEnvelope): void;
  /** The key of the record that says how far `who` has read the log. */
  readKey(log: string, who: string): string;
  /** Starts an activation. */
  newEntity(address: Address, host: EntityHost, after: number): HostedEntity;
  /** The store holds a higher fence: this host ends. */
  fencedOut(host: ShardHost, epoch: number, owner: string): void;
  /** The host ends and the shard begins anew under a higher epoch. */
  abandon(host: ShardHost, ring: readonly Batch[]): void;
  /** Waits a jittered while before another try. */
  pause(attempt: number): Promise<void>;
}
