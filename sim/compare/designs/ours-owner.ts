/**
 * Our design, the owner's side: one node's shards, claimed in the store, with logs that grow by fenced commits and with
 * production's own attachments. Role: takes messages, commits, then acknowledges and publishes. Invariants: what is
 * acknowledged or published is committed (NoLostAck, NoPhantom); a message is committed once (NoDupEffect).
 */
import { Attachments, type AttachOutcome } from "../../../actors/runtime/attachments.ts";
import { sleep } from "../../../base/clock.ts";
import type { GainOutcome, NodeRun, Routing as Routes } from "../../../placement/hosting.ts";
import { runKey } from "../../../placement/shard-table.ts";
import type { Store } from "../../../store/store.ts";
import type { Message } from "../design.ts";
import type { GroundNode } from "../ground.ts";

/** A committed message of a user's log. */
export interface Logged {
  readonly seq: number;
  readonly message: Message;
}

/** `wrong`: this node does not hold the shard. `later`: it does, and cannot take anything now. */
export type Refusal = "wrong" | "later";

/** What an owner stands on. */
export interface OwnerPorts {
  readonly node: GroundNode;
  readonly store: Store;
  /** This node's placement. */
  readonly routes: () => Routes;
  readonly shardOf: (user: number) => number;
  /** Brings a committed message to the node that holds an attached connection. */
  readonly publish: (to: NodeRun, connection: number, logged: Logged) => void;
}

interface UserLog {
  end: number;
  readonly committed: Set<number>;
  readonly pending: Map<number, Waiting>;
}

interface Waiting {
  readonly message: Message;
  readonly log: UserLog;
  readonly replies: ((refusal: Refusal | undefined) => void)[];
}

interface Owned {
  readonly shard: number;
  readonly epoch: number;
  last: number;
  readonly attachments: Attachments;
  readonly logs: Map<number, Promise<UserLog>>;
  batch: Waiting[];
  committing: boolean;
  taking: boolean;
}

const pauseMs = 100;
const wholeLog = 1_000_000;

/** The name of a user's log in the store. */
export function logOf(user: number): string {
  return `u${user}`;
}

/** What an event of a log says. */
export function messageIn(event: string): Message {
  return JSON.parse(event) as Message;
}

/** The shards of one run of one node. */
export class Owner {
  readonly #ports: OwnerPorts;
  readonly #owned = new Map<number, Owned>();

  constructor(ports: OwnerPorts) {
    this.#ports = ports;
  }

  /** Claims a shard under that epoch; again after a thaw. */
  async gain(shard: number, epoch: number): Promise<GainOutcome> {
    const [result] = await this.#ports.store.claim(this.#self, [{ shard, epoch }]);
    if (result?.kind !== "claimed") return { kind: "fenced", epoch: result?.epoch ?? epoch };
    if (this.#owned.get(shard)?.epoch !== epoch) {
      const attachments = new Attachments(epoch);
      const rest = { attachments, logs: new Map(), batch: [], committing: false, taking: true };
      this.#owned.set(shard, { shard, epoch, last: result.last, ...rest });
    }
    return { kind: "serving" };
  }

  /** Takes nothing more and lets go when what is in flight is committed. */
  async release(shard: number): Promise<void> {
    const owned = this.#owned.get(shard);
    if (owned === undefined) return;
    owned.taking = false;
    while (this.#holds(owned) && (owned.committing || owned.batch.length > 0))
      await sleep(this.#ports.node.process.clock, 5);
    if (this.#holds(owned)) this.#owned.delete(shard);
  }

  /** Stops at once. */
  lose(shard: number): void {
    this.#owned.delete(shard);
  }

  /** A message for a user of one of the shards; answers undefined when it is committed. */
  async take(message: Message, reply: (refusal: Refusal | undefined) => void): Promise<void> {
    const owned = this.#serving(message.to);
    if (typeof owned === "string") return reply(owned);
    const log = await this.#logOf(owned, message.to);
    if (log === undefined || !this.#holds(owned)) return reply("later");
    if (log.committed.has(message.id)) return reply(undefined);
    const pending = log.pending.get(message.id);
    if (pending !== undefined) return void pending.replies.push(reply);
    const waiting = { message, log, replies: [reply] };
    log.pending.set(message.id, waiting);
    owned.batch.push(waiting);
    void this.#commit(owned);
  }

  /** A connection wants to be attached; answers the outcome and the end of the user's log. */
  async attach(
    user: number,
    attempt: number,
    run: NodeRun,
    connection: number,
  ): Promise<{ outcome: AttachOutcome; end: number } | Refusal> {
    const owned = this.#serving(user);
    if (typeof owned === "string") return owned;
    const log = await this.#logOf(owned, user);
    if (log === undefined || !this.#holds(owned)) return "later";
    const outcome = owned.attachments.attach(logOf(user), "device", attempt, run, connection);
    return { outcome, end: log.end };
  }

  /** A connection has ended, perhaps long ago. */
  detach(user: number, run: NodeRun, connection: number): void {
    const owned = this.#owned.get(this.#ports.shardOf(user));
    owned?.attachments.detach(logOf(user), "device", run, connection);
  }

  /** Drops the attachments of runs that are gone. */
  retain(alive: (run: NodeRun) => boolean): void {
    for (const { attachments } of this.#owned.values()) attachments.retain(alive);
  }

  get #self(): string {
    return runKey(this.#ports.routes().self);
  }

  #holds(owned: Owned): boolean {
    return this.#owned.get(owned.shard) === owned;
  }

  #serving(user: number): Owned | Refusal {
    const owned = this.#owned.get(this.#ports.shardOf(user));
    if (owned === undefined) return "wrong";
    return owned.taking && !this.#ports.routes().frozen() ? owned : "later";
  }

  /** The owner's memory of a log, rebuilt from the store; undefined when the store does not answer. */
  async #logOf(owned: Owned, user: number): Promise<UserLog | undefined> {
    let reading = owned.logs.get(user);
    if (reading === undefined) {
      const { shard } = owned;
      reading = this.#ports.store
        .readLogs([{ shard, log: logOf(user), after: 0, limit: wholeLog }])
        .then(([slice]) => ({
          end: slice?.end ?? 0,
          committed: new Set((slice?.events ?? []).map(({ event }) => messageIn(event).id)),
          pending: new Map<number, Waiting>(),
        }));
      owned.logs.set(user, reading);
    }
    try {
      return await reading;
    } catch {
      owned.logs.delete(user);
      return undefined;
    }
  }

  /** One commit of a shard at a time; what comes meanwhile joins the next. */
  async #commit(owned: Owned): Promise<void> {
    if (owned.committing) return;
    owned.committing = true;
    while (this.#holds(owned) && owned.batch.length > 0) {
      const batch = owned.batch.splice(0);
      const ends = new Map<UserLog, number>();
      const logged = batch.map(({ message, log }): Logged => {
        const seq = (ends.get(log) ?? log.end) + 1;
        ends.set(log, seq);
        return { seq, message };
      });
      const committed = await this.#write(owned, logged);
      if (!committed) this.lose(owned.shard);
      for (const [log, end] of ends) if (committed) log.end = end;
      batch.forEach(({ message, log, replies }, i) => {
        log.pending.delete(message.id);
        const written = logged[i];
        if (committed) log.committed.add(message.id);
        if (committed && written !== undefined) this.#publish(owned, written);
        for (const reply of replies) reply(committed ? undefined : "later");
      });
    }
    owned.committing = false;
  }

  /** False when another owner's fence stands. A commit whose outcome is unknown is asked again under its number. */
  async #write(owned: Owned, logged: readonly Logged[]): Promise<boolean> {
    const { store, node } = this.#ports;
    const { shard, epoch } = owned;
    const number = owned.last + 1;
    const writes = logged.map(({ seq, message }) => ({
      op: "append" as const,
      log: logOf(message.to),
      seq,
      event: JSON.stringify(message),
    }));
    while (this.#holds(owned)) {
      const verdicts = await store
        .commit(this.#self, [{ shard, epoch, number, writes }])
        .catch(() => undefined);
      if (verdicts === undefined) await sleep(node.process.clock, pauseMs);
      else {
        owned.last = number;
        return verdicts[0]?.kind === "committed";
      }
    }
    return false;
  }

  /** Frozen, nothing goes out: who attaches next reads the log. */
  #publish(owned: Owned, logged: Logged): void {
    if (this.#ports.routes().frozen()) return;
    for (const { run, conn } of owned.attachments.of(logOf(logged.message.to)))
      this.#ports.publish(run, conn, logged);
  }
}
