/**
 * What one shard's logs send to the nodes that follow them. Role: registers followers, answers with the log's present
 * end, publishes each commit's events once per following node. Boundary: knows nodes, not people; hubs do the rest.
 * Invariant: a node that was answered with an end gets every later event, or its link reports a loss (NoSkip).
 */
import type { NodeRun } from "../../placement/hosting.ts";
import type { ServerFrame } from "../../protocol/frames.ts";
import { wireFromStored, type WireEvent } from "../encoded-event.ts";
import type { AskReply, FollowedPage, FollowedTail, FollowItem } from "./envelope.ts";
import { Followers } from "./followers.ts";
import type { HostParts } from "./host-parts.ts";

/** What a publisher needs of its shard's host. */
export interface PublisherParts {
  readonly shard: number;
  readonly epoch: number;
  readonly parts: HostParts;
  /** Asks the store until it answers; undefined when it has not within `boundMs` or the shard is not hosted any more. */
  persist<T>(work: () => Promise<T>, boundMs: number): Promise<T | undefined>;
}

interface Published {
  readonly to: string;
  readonly event: WireEvent;
}

/** A node that follows waits this long for its answer, and asks again after that. Milliseconds. */
export const followMs = 5000;
/** What a device has missed while it was away for a moment; who has missed more reads the rest from the log. */
const pageMost = { limit: 32, bytes: 32 * 1024 } as const;
/** Characters of all pages in one answer; whose page does not fit reads for itself. */
const pagesMaxUnits = 256 * 1024;

/** The publisher of one shard under one epoch. */
export class Publisher {
  readonly #host: PublisherParts;
  readonly #followers = new Followers();
  #waiting: Published[] = [];
  #scheduled = false;

  constructor(host: PublisherParts) {
    this.#host = host;
  }

  /** From now on the node gets every event of these logs; the answer says where they end. */
  async follow(
    items: readonly FollowItem[],
    from: NodeRun,
    respond: ((reply: AskReply) => void) | undefined,
  ): Promise<void> {
    for (const { to } of items) this.#followers.add(to, from);
    const work = (): Promise<FollowedTail[]> => Promise.all(items.map((item) => this.#tailOf(item)));
    const tails = await this.#host.persist(work, followMs);
    if (tails === undefined) return respond?.({ kind: "busy" });
    // What was published while the others were read is in the answer too: it went out before it.
    const now = fitting(tails).map((followed) => ({
      ...followed,
      tail: this.#followers.tail(followed.to) ?? followed.tail,
    }));
    respond?.({ kind: "tails", tails: now });
  }

  /** That node has nobody left who follows these logs. */
  unfollow(logs: readonly string[], from: NodeRun): void {
    for (const log of logs) this.#followers.remove(log, from);
  }

  /** Runs that are gone for good follow nothing. */
  retain(alive: (run: NodeRun) => boolean): void {
    this.#followers.retain(alive);
  }

  /** An event is durable: everybody gets it with the others of this turn, or with the next `flush`. */
  publish(log: string, event: WireEvent): void {
    this.#followers.noteTail(log, event);
    this.#waiting.push({ to: log, event });
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#host.parts.clock.soon(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** One envelope per following node, however many logs and events. */
  flush(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    const published = this.#waiting;
    this.#waiting = [];
    // Mostly one conversation of a shard speaks at a time: all who follow it get the same.
    if (published.every(({ to }) => to === first.to)) {
      for (const [, run] of this.#followers.of(first.to)) this.#send(run, published);
      return;
    }
    const batches = new Map<string, { readonly run: NodeRun; readonly items: Published[] }>();
    for (const item of published) {
      for (const [name, run] of this.#followers.of(item.to)) {
        const batch = batches.get(name);
        if (batch === undefined) batches.set(name, { run, items: [item] });
        else batch.items.push(item);
      }
    }
    for (const { run, items } of batches.values()) this.#send(run, items);
  }

  #send(run: NodeRun, items: readonly Published[]): void {
    const { shard, epoch, parts } = this.#host;
    parts.sendTo(run, { k: "events", shard, epoch, items });
  }

  /** Something ephemeral for all who follow the log. */
  cast(log: string, frame: ServerFrame, audience: "all" | "staff"): void {
    for (const [, run] of this.#followers.of(log)) {
      this.#host.parts.sendTo(run, { k: "casted", to: log, frame, audience });
    }
  }

  async #tailOf({ to, who, after }: FollowItem): Promise<FollowedTail> {
    const { shard, parts } = this.#host;
    const [page, read] = await Promise.all([
      after === undefined ? undefined : this.#pageOf(to, after),
      who === undefined ? undefined : parts.loads.kept({ shard, key: parts.readKey(to, who) }),
      after === undefined ? this.#findTail(to) : undefined,
    ]);
    // A page that reaches the end of the log has the tail in it.
    const last = page?.events.at(-1);
    if (last !== undefined && last[0] === page?.end) this.#followers.noteTail(to, last);
    else if (page !== undefined) await this.#findTail(to);
    return {
      to,
      tail: this.#followers.tail(to),
      ...(who === undefined ? {} : { who }),
      ...(read === undefined ? {} : { readRecord: read }),
      ...(page === undefined ? {} : { page }),
    };
  }

  async #pageOf(log: string, after: number): Promise<FollowedPage> {
    const { shard, parts } = this.#host;
    const { events, end } = await parts.loads.log({ shard, log, after, ...pageMost });
    return { after, events: events.map(({ event }) => wireFromStored(event)), end };
  }

  async #findTail(log: string): Promise<void> {
    if (this.#followers.tail(log) !== undefined) return;
    const stored = await this.#host.parts.loads.tail({ shard: this.#host.shard, log });
    if (stored !== undefined) this.#followers.noteTail(log, wireFromStored(stored));
  }
}

/** Leaves the pages out for which there is no room in one answer. */
function fitting(tails: readonly FollowedTail[]): readonly FollowedTail[] {
  let room = pagesMaxUnits;
  return tails.map((followed) => {
    const { page, ...rest } = followed;
    if (page === undefined) return followed;
    const units = page.events.reduce((sum, [, , , , , , view]) => sum + view.length, 0);
    if (units > room) return rest;
    room -= units;
    return followed;
  });
}
