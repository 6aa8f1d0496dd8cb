/**
 * Which connections of a node have to be attached to their sessions, and when: new ones, and those whose session's shard has
 * moved or whose owner has lost something. Boundary: how a connection attaches is its own affair. Invariants: towards each
 * owner a few attach at a time, and of those who are served already fewer still; whoever is open and not attached waits in a
 * line, for a route, or for another try.
 */
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { Routing } from "../placement/hosting.ts";
import { Bulkhead, servingNode } from "./bulkhead.ts";

/** A connection as it is attached. */
export interface Attachable {
  readonly open: boolean;
  /** Whether it has been attached before: its client is served meanwhile. */
  readonly live: boolean;
  /** The shard of its session. */
  readonly sessionShard: number;
  /** Attaches it, for the first time or again; false when it has to be tried again later. Never rejects. */
  attach(): Promise<boolean>;
}

/** What these are made of. */
export interface AttachesParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly routing: Routing;
}

/** Towards each owner. More would not come back sooner where processors are few, and those who talk would feel it. */
const newAtOnce = 3;
/** At this node itself, where nobody waits for the network, and where the SDK comes back to. */
const newHereAtOnce = 8;
const againAtOnce = 2;
const retryMs = 250;

/** See the file's head. */
export class Attaches {
  readonly #parts: AttachesParts;
  readonly #byShard = new Map<number, Set<Attachable>>();
  readonly #new: Bulkhead<Attachable>;
  readonly #again: Bulkhead<Attachable>;

  constructor(parts: AttachesParts) {
    this.#parts = parts;
    const bulkhead = (atOnce: (node: string) => number): Bulkhead<Attachable> =>
      new Bulkhead({
        clock: parts.clock,
        atOnce,
        nodeOf: ({ sessionShard }) => servingNode(parts.routing, sessionShard),
        run: (connection) => this.#attach(connection),
        again: (connection) => this.#line(connection),
      });
    const here = parts.routing.self.node;
    this.#new = bulkhead((node) => (node === here ? newHereAtOnce : newAtOnce));
    this.#again = bulkhead(() => againAtOnce);
    parts.routing.onRoutes((shards) => this.#onRoutes(shards));
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#new.waiting + this.#again.waiting;
  }

  /** It is to be attached, now and whenever its session moves. */
  add(connection: Attachable): void {
    const { sessionShard } = connection;
    const ofShard = this.#byShard.get(sessionShard) ?? new Set();
    ofShard.add(connection);
    this.#byShard.set(sessionShard, ofShard);
    this.#line(connection);
  }

  /** It is gone. */
  forget(connection: Attachable): void {
    this.#new.drop(connection);
    this.#again.drop(connection);
    const ofShard = this.#byShard.get(connection.sessionShard);
    ofShard?.delete(connection);
    if (ofShard?.size === 0) this.#byShard.delete(connection.sessionShard);
  }

  /** Attaches again those whose sessions that node owns: something of it was lost. */
  renew(node: string): void {
    for (const [shard, connections] of this.#byShard) {
      if (this.#parts.routing.route(shard)?.owner.node === node) this.#addAll(connections);
    }
  }

  /** Attaches everything again: this node is another run now. */
  renewAll(): void {
    for (const connections of this.#byShard.values()) this.#addAll(connections);
  }

  /** Sessions that live elsewhere now do not know their connections yet. */
  #onRoutes(shards: readonly number[]): void {
    for (const shard of shards) this.#addAll(this.#byShard.get(shard) ?? []);
  }

  #addAll(connections: Iterable<Attachable>): void {
    for (const connection of connections) this.#line(connection);
  }

  async #attach(connection: Attachable): Promise<void> {
    if ((await connection.attach()) || !connection.open) return;
    const delayMs = retryMs * (0.5 + this.#parts.random.float());
    this.#parts.clock.after(delayMs, () => {
      if (connection.open) this.#line(connection);
    });
  }

  #line(connection: Attachable): void {
    (connection.live ? this.#again : this.#new).add(connection);
  }
}
