/**
 * One per node: brings each followed conversation's events once to the node, for all local connections that follow it.
 * Role: follows at the owner, batched per shard, again whenever the shard changed hands or something was lost; reads
 * logs for pumps, many pumps one read. Boundary: knows connections only as listeners. Invariant: a listener is kicked
 * with the log's end after every (re-)follow, so that whatever was missed in between is read (NoSkip, Converges).
 */
import type { Clock } from "../base/clock.ts";
import type { Routing } from "../placement/hosting.ts";
import type { LogEvent } from "../protocol/events.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import { limits } from "../protocol/limits.ts";
import type { LogQuery, LogSlice } from "../store/store.ts";
import { decodeAddress, shardOf } from "./address.ts";
import type { AskReply, FollowedTail, FollowItem, ShardEnvelope } from "./runtime/envelope.ts";

/** Somebody here who follows a log. */
export interface Listener {
  /** The person, when the read cursor is wanted as well. */
  readonly who?: string;
  /** The follow stands (again); the log ends with this event. */
  onFollowed(followed: FollowedTail): void;
  /** A committed event. */
  onEvent(event: LogEvent): void;
  /** Something ephemeral. */
  onCast(frame: ServerFrame, audience: "all" | "staff"): void;
}

interface Followed {
  readonly log: string;
  readonly shard: number;
  readonly listeners: Set<Listener>;
  /** Listeners that still wait for the end of the log. */
  readonly fresh: Set<Listener>;
}

/** What a hub is made of. */
export interface HubParts {
  readonly clock: Clock;
  readonly routing: Routing;
  readonly ask: (envelope: ShardEnvelope, boundMs: number) => Promise<AskReply | undefined>;
  readonly send: (envelope: ShardEnvelope) => void;
  readonly readLog: (query: LogQuery) => Promise<LogSlice>;
}

/** A part of a log, parsed. */
export interface Page {
  readonly events: readonly LogEvent[];
  /** The log's last number. */
  readonly end: number;
}

const followBatch = 256;
const askMs = 5000;
const replaysMax = 64;
const pageEvents = limits.maxPageEvents;

/** The hub of one node. */
export class Hub {
  readonly #parts: HubParts;
  readonly #followed = new Map<string, Followed>();
  readonly #byShard = new Map<number, Set<Followed>>();
  readonly #due = new Map<number, Set<Followed>>();
  readonly #reads = new Map<string, Promise<Page | undefined>>();
  readonly #queue: (() => void)[] = [];
  #replays = 0;
  #scheduled = false;

  constructor(parts: HubParts) {
    this.#parts = parts;
    parts.routing.onRoutes((shards) => {
      for (const shard of shards) this.refollow(shard);
    });
  }

  /** How many logs the node follows, and how many reads wait. */
  get sizes(): { readonly followed: number; readonly replays: number; readonly queued: number } {
    return { followed: this.#followed.size, replays: this.#replays, queued: this.#queue.length };
  }

  /** Begins to listen; `onFollowed` is called once the owner has answered, and again after every re-follow. */
  follow(log: string, listener: Listener): void {
    let followed = this.#followed.get(log);
    if (followed === undefined) {
      const address = decodeAddress(log);
      if (address === undefined) return;
      const shard = shardOf(address, this.#parts.routing.shards);
      followed = { log, shard, listeners: new Set(), fresh: new Set() };
      this.#followed.set(log, followed);
      const ofShard = this.#byShard.get(shard) ?? new Set<Followed>();
      ofShard.add(followed);
      this.#byShard.set(shard, ofShard);
    }
    followed.listeners.add(listener);
    followed.fresh.add(listener);
    this.#want(followed);
  }

  /** Stops listening. */
  unfollow(log: string, listener: Listener): void {
    const followed = this.#followed.get(log);
    if (followed === undefined) return;
    followed.listeners.delete(listener);
    followed.fresh.delete(listener);
    if (followed.listeners.size > 0) return;
    this.#forget(followed);
    this.#parts.send({ k: "unfollow", shard: followed.shard, to: [log] });
  }

  /** The shard changed hands, or something of its owner was lost: follows all of it again. */
  refollow(shard: number): void {
    for (const followed of this.#byShard.get(shard) ?? []) {
      for (const listener of followed.listeners) followed.fresh.add(listener);
      this.#want(followed);
    }
  }

  /** Follows again what is owned by the nodes for which the test holds. */
  renew(isOwner: (node: string) => boolean): void {
    for (const shard of this.#byShard.keys()) {
      const route = this.#parts.routing.route(shard);
      if (route !== undefined && isOwner(route.owner.node)) this.refollow(shard);
    }
  }

  /** Committed events arrived from an owner. */
  onEvents(items: readonly { readonly to: string; readonly event: LogEvent }[]): void {
    for (const { to, event } of items) {
      const followed = this.#followed.get(to);
      if (followed === undefined) continue;
      for (const listener of followed.listeners) listener.onEvent(event);
    }
  }

  /** Something ephemeral arrived. */
  onCast(log: string, frame: ServerFrame, audience: "all" | "staff"): void {
    for (const listener of this.#followed.get(log)?.listeners ?? []) listener.onCast(frame, audience);
  }

  /**
   * Reads the log after a number; pumps at the same place share one read, and at most 64 run at a time. Undefined when
   * the store does not answer.
   */
  read(log: string, after: number): Promise<Page | undefined> {
    const key = `${log}@${after}`;
    const running = this.#reads.get(key);
    if (running !== undefined) return running;
    const read = this.#admit(() => this.#fetch({ after }, log, pageEvents)).finally(() =>
      this.#reads.delete(key),
    );
    this.#reads.set(key, read);
    return read;
  }

  /** Reads a page for a client's sync. */
  page(log: string, range: { after: number } | { before: number }, limit: number): Promise<Page | undefined> {
    return this.#admit(() => this.#fetch(range, log, limit));
  }

  async #fetch(
    range: { after: number } | { before: number },
    log: string,
    limit: number,
  ): Promise<Page | undefined> {
    const address = decodeAddress(log);
    if (address === undefined) return undefined;
    const shard = shardOf(address, this.#parts.routing.shards);
    try {
      const slice = await this.#parts.readLog({ shard, log, ...range, limit });
      return { events: slice.events.map(({ event }) => JSON.parse(event) as LogEvent), end: slice.end };
    } catch {
      return undefined;
    }
  }

  async #admit<T>(work: () => Promise<T>): Promise<T> {
    if (this.#replays >= replaysMax) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#replays++;
    try {
      return await work();
    } finally {
      this.#replays--;
      this.#queue.shift()?.();
    }
  }

  #want(followed: Followed): void {
    const due = this.#due.get(followed.shard) ?? new Set<Followed>();
    due.add(followed);
    this.#due.set(followed.shard, due);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#parts.clock.soon(() => {
      this.#scheduled = false;
      this.#askAll();
    });
  }

  #askAll(): void {
    for (const [shard, due] of this.#due) {
      const all = [...due];
      for (let i = 0; i < all.length; i += followBatch) void this.#ask(shard, all.slice(i, i + followBatch));
    }
    this.#due.clear();
  }

  async #ask(shard: number, batch: readonly Followed[]): Promise<void> {
    const items = batch.filter(({ listeners }) => listeners.size > 0).flatMap(itemsOf);
    if (items.length === 0) return;
    const reply = await this.#parts.ask({ k: "follow", shard, items }, askMs);
    if (reply?.kind !== "tails") {
      const again = batch.filter((followed) => this.#followed.get(followed.log) === followed);
      if (again.length > 0)
        this.#parts.clock.after(200, () => again.forEach((followed) => this.#want(followed)));
      return;
    }
    for (const followed of batch) this.#confirm(followed, reply.tails);
  }

  #confirm(followed: Followed, tails: readonly FollowedTail[]): void {
    for (const listener of followed.fresh) {
      const tail = tails.find(({ to, who }) => to === followed.log && who === listener.who);
      if (tail === undefined) continue;
      followed.fresh.delete(listener);
      listener.onFollowed(tail);
    }
  }

  #forget(followed: Followed): void {
    this.#followed.delete(followed.log);
    const ofShard = this.#byShard.get(followed.shard);
    ofShard?.delete(followed);
    if (ofShard?.size === 0) this.#byShard.delete(followed.shard);
  }
}

/** One item per person that waits, or one for all who do not ask for a read cursor. */
function itemsOf(followed: Followed): FollowItem[] {
  const people = new Set([...followed.fresh].map(({ who }) => who));
  return [...people].map((who) => (who === undefined ? { to: followed.log } : { to: followed.log, who }));
}
