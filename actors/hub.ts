/**
 * One per node: brings each followed conversation's events once to the node, for all local connections that follow it.
 * Role: follows at the owner, batched per shard, again whenever the shard changed hands or something was lost; reads
 * logs for pumps, many pumps one read. Boundary: knows connections only as listeners. Invariant: every listener is
 * kicked with the log's end after every answer to a (re-)follow, so that whatever was missed in between is read (NoSkip,
 * Converges), however answers of an earlier and a later owner cross.
 */
import type { Clock } from "../base/clock.ts";
import { callEach } from "../base/errors.ts";
import { hash32 } from "../base/hash.ts";
import type { Routing } from "../placement/hosting.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import type { LogQuery, LogSlice } from "../store/store.ts";
import { decodeAddress, shardOf } from "./address.ts";
import { Bulkhead, servingNode } from "./bulkhead.ts";
import { EncodedEvent, type WireEvent } from "./encoded-event.ts";
import { Replays, type Page } from "./replays.ts";
import { followMs } from "./runtime/publisher.ts";
import type { AskReply, FollowedTail, FollowItem, ShardEnvelope } from "./runtime/envelope.ts";

/** Somebody here who follows a log. */
export interface Listener {
  /** The person, when the read cursor is wanted as well. */
  readonly who?: string;
  /** The number after which the first events are wanted as well. */
  readonly after?: number | undefined;
  /** The follow stands (again); the log ends with this event. */
  onFollowed(followed: FollowedTail): void;
  /** A committed event. */
  onEvent(event: EncodedEvent): void;
  /** Something ephemeral; `text` is the frame encoded. */
  onCast(frame: ServerFrame, audience: "all" | "staff", text: string): void;
}

interface Followed {
  readonly log: string;
  readonly shard: number;
  readonly listeners: Set<Listener>;
  /** Listeners that still wait for their first answer. */
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

const followBatch = 256;
/** Logs that are followed again with one ask, of one shard at a time towards each owner: what is said meanwhile is read after it. */
const refollowBatch = 32;
const refollowsAtOnce = 1;
/** Pages that may be asked for at a time with the follow; who follows beyond that reads for itself. */
const pagesMax = 512;
const againBaseMs = 100;
const againCapMs = 3000;

/** The hub of one node. */
export class Hub {
  readonly #parts: HubParts;
  readonly #followed = new Map<string, Followed>();
  readonly #byShard = new Map<number, Set<Followed>>();
  readonly #due = new Map<number, Set<Followed>>();
  readonly #refollows: Bulkhead<number>;
  /** Asks in a row that a shard's owner has not answered. */
  readonly #failures = new Map<number, number>();
  readonly #replays: Replays;
  /** Pages that were asked for with a follow and have not come. */
  #pages = 0;
  #scheduled = false;

  constructor(parts: HubParts) {
    this.#parts = parts;
    this.#replays = new Replays(parts.routing.shards, parts.readLog);
    this.#refollows = new Bulkhead({
      clock: parts.clock,
      atOnce: () => refollowsAtOnce,
      nodeOf: (shard) => servingNode(parts.routing, shard),
      run: (shard) => this.#refollow(shard),
      again: (shard) => this.refollow(shard),
    });
    parts.routing.onRoutes((shards) => {
      for (const shard of shards) this.refollow(shard);
    });
  }

  /** How many logs the node follows, and how many reads wait. */
  get sizes(): { readonly followed: number; readonly replays: number; readonly queued: number } {
    return { followed: this.#followed.size, ...this.#replays.sizes };
  }

  /** Begins to listen; `onFollowed` is called once the owner has answered, and again after every re-follow. */
  follow(log: string, listener: Listener): void {
    let followed = this.#followed.get(log);
    if (followed === undefined) {
      const shard = this.#shardOf(log);
      if (shard === undefined) return;
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
    if (followed?.listeners.delete(listener) !== true) return;
    followed.fresh.delete(listener);
    if (followed.listeners.size > 0) return;
    this.#forget(followed);
    this.#parts.send({ k: "unfollow", shard: followed.shard, to: [log] });
  }

  /** The shard changed hands, or something of its owner was lost: follows all of it again. */
  refollow(shard: number): void {
    if (this.#byShard.has(shard)) this.#refollows.add(shard);
  }

  /** Follows again what is owned by the nodes for which the test holds. */
  renew(isOwner: (node: string) => boolean): void {
    for (const shard of this.#byShard.keys()) {
      const route = this.#parts.routing.route(shard);
      if (route !== undefined && isOwner(route.owner.node)) this.refollow(shard);
    }
  }

  /** Committed events arrived from an owner. */
  onEvents(items: readonly { readonly to: string; readonly event: WireEvent }[]): void {
    let strays: Set<string> | undefined;
    for (const { to, event } of items) {
      const followed = this.#followed.get(to);
      if (followed === undefined) (strays ??= new Set()).add(to);
      else {
        const encoded = new EncodedEvent(event);
        callEach(followed.listeners, (listener) => listener.onEvent(encoded));
      }
    }
    if (strays !== undefined) this.#unfollowStrays(strays);
  }

  /** Something ephemeral arrived. */
  onCast(log: string, frame: ServerFrame, audience: "all" | "staff"): void {
    const followed = this.#followed.get(log);
    if (followed === undefined) return;
    const text = JSON.stringify(frame);
    callEach(followed.listeners, (listener) => listener.onCast(frame, audience, text));
  }

  /**
   * Reads the log after a number, for pumps; those at the same place share one read. It holds all that was committed
   * before it was asked for. Undefined when the store does not answer.
   */
  read(log: string, after: number): Promise<Page | undefined> {
    return this.#replays.shared(log, after);
  }

  /**
   * Reads a page for one client, at most `limit` events and not more than one read brings; undefined when the store does
   * not answer, or too many wait.
   */
  page(log: string, range: { after: number } | { before: number }, limit: number): Promise<Page | undefined> {
    return this.#replays.single(log, range, limit);
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
    const all = [...this.#due];
    this.#due.clear();
    for (const [shard, due] of all) {
      for (const items of this.#batchesOf([...due])) void this.#askUntilAnswered(shard, items);
    }
  }

  async #refollow(shard: number): Promise<void> {
    const all = [...(this.#byShard.get(shard) ?? [])];
    for (let i = 0; i < all.length; i += refollowBatch) {
      for (const items of this.#batchesOf(all.slice(i, i + refollowBatch))) {
        if (await this.#ask(shard, items)) continue;
        // Nobody serves it yet: the rest comes later, too, and other shards come before.
        return this.#askAgain(
          shard,
          all.slice(i).map(({ log }) => log),
        );
      }
    }
  }

  /** What has to be asked for these logs; one with many listeners alone may take more than one ask. */
  #batchesOf(logs: readonly Followed[]): FollowItem[][] {
    const items = logs.filter((followed) => this.#isCurrent(followed)).flatMap(itemsOf);
    const batches: FollowItem[][] = [];
    for (let i = 0; i < items.length; i += followBatch) batches.push(items.slice(i, i + followBatch));
    return batches;
  }

  async #askUntilAnswered(shard: number, items: readonly FollowItem[]): Promise<void> {
    if (await this.#ask(shard, items)) return;
    this.#askAgain(
      shard,
      items.map(({ to }) => to),
    );
  }

  /** False when the owner has not answered. */
  async #ask(shard: number, wanted: readonly FollowItem[]): Promise<boolean> {
    const items = this.#pages + pagesIn(wanted) <= pagesMax ? wanted : wanted.map(withoutPage);
    const pages = pagesIn(items);
    this.#pages += pages;
    const reply = await this.#parts.ask({ k: "follow", shard, items }, followMs);
    this.#pages -= pages;
    if (reply?.kind !== "tails") return false;
    this.#failures.delete(shard);
    const byLog = new Map<string, Map<string | undefined, FollowedTail>>();
    for (const tail of reply.tails) {
      const ofLog = byLog.get(tail.to) ?? new Map<string | undefined, FollowedTail>();
      byLog.set(tail.to, ofLog.set(tail.who, tail));
    }
    const strays = new Set<string>();
    for (const [log, tails] of byLog) {
      const followed = this.#followed.get(log);
      if (followed === undefined) strays.add(log);
      else confirm(followed, tails);
    }
    this.#unfollowStrays(strays);
    return true;
  }

  /** Later and later, and not all nodes at once; the jitter needs no random source to differ by node and shard. */
  #askAgain(shard: number, logs: readonly string[]): void {
    const failures = (this.#failures.get(shard) ?? 0) + 1;
    this.#failures.set(shard, failures);
    const { clock, routing } = this.#parts;
    const spread = (hash32(`${routing.self.node}/${shard}/${failures}`) % 1000) / 1000;
    const delayMs = Math.min(againCapMs, againBaseMs * 2 ** Math.min(failures, 10)) * (0.5 + spread / 2);
    clock.after(delayMs, () => {
      for (const log of logs) {
        const followed = this.#followed.get(log);
        if (followed !== undefined) this.#want(followed);
      }
      if (!this.#byShard.has(shard)) this.#failures.delete(shard);
    });
  }

  /** The owner counts this node among the followers of logs that nobody here follows any more. */
  #unfollowStrays(logs: ReadonlySet<string>): void {
    for (const log of logs) {
      const shard = this.#shardOf(log);
      if (shard !== undefined) this.#parts.send({ k: "unfollow", shard, to: [log] });
    }
  }

  #isCurrent(followed: Followed): boolean {
    return this.#followed.get(followed.log) === followed;
  }

  #shardOf(log: string): number | undefined {
    const address = decodeAddress(log);
    return address === undefined ? undefined : shardOf(address, this.#parts.routing.shards);
  }

  #forget(followed: Followed): void {
    this.#followed.delete(followed.log);
    const ofShard = this.#byShard.get(followed.shard);
    ofShard?.delete(followed);
    if (ofShard?.size === 0) this.#byShard.delete(followed.shard);
  }
}

/** Those who wait for their first answer get theirs, all others learn where the log ends. */
function confirm(followed: Followed, tails: ReadonlyMap<string | undefined, FollowedTail>): void {
  const [any] = tails.values();
  callEach(followed.listeners, (listener) => {
    if (!followed.fresh.has(listener)) {
      if (any !== undefined) listener.onFollowed({ to: any.to, tail: any.tail });
      return;
    }
    const tail = tails.get(listener.who);
    if (tail === undefined) return;
    followed.fresh.delete(listener);
    listener.onFollowed(tail);
  });
}

/** One item per person that waits, or one for all who need no read cursor. */
function itemsOf({ log, fresh }: Followed): FollowItem[] {
  if (fresh.size === 0) return [{ to: log }];
  // Of several devices of a person one gets its page; the others read for themselves.
  const people = new Map([...fresh].map(({ who, after }) => [who, after]));
  return [...people].map(([who, after]) => ({
    to: log,
    ...(who === undefined ? {} : { who }),
    ...(after === undefined ? {} : { after }),
  }));
}

function pagesIn(items: readonly FollowItem[]): number {
  return items.reduce((count, { after }) => (after === undefined ? count : count + 1), 0);
}

function withoutPage({ to, who }: FollowItem): FollowItem {
  return who === undefined ? { to } : { to, who };
}
