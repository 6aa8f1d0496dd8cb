import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Store, Stored } from "../../store/store.ts";

/**
 * Which durable timers of a shard are being handled. A timer is removed by the commit that handles it; until a poll that
 * began after that commit, an earlier poll's late answer may still name it. Invariant: TimerOnce.
 */
export class Firing {
  readonly #firing = new Set<string>();
  readonly #done = new Set<string>();

  /** A timer is due; false when it is in hand already. */
  begin(id: string): boolean {
    if (this.#firing.has(id)) return false;
    this.#firing.add(id);
    return true;
  }

  /** It could not be handed over; the next poll brings it again. */
  abandon(id: string): void {
    this.#firing.delete(id);
  }

  /** The commit that handled it is durable. */
  done(id: string): void {
    this.#done.add(id);
  }

  /** A poll begins: what was done before it cannot be in its answer, unless armed anew. */
  pollBegins(): void {
    for (const id of this.#done) this.#firing.delete(id);
    this.#done.clear();
  }
}

/** What a poll needs of the host of a shard. */
export interface TimerHost {
  readonly firing: Firing;
  /** Delivers a durable timer that came due. */
  fire(stored: Stored): void;
}

const timersPerPoll = 500;

/** Asks the store, by its own time, which timers of all hosted shards are due; one poll at a time. */
export class TimerPoll {
  readonly #store: Store;
  readonly #log: Log;
  readonly #frozen: () => boolean;
  #polling = false;

  constructor(store: Store, log: Log, frozen: () => boolean) {
    this.#store = store;
    this.#log = log;
    this.#frozen = frozen;
  }

  /** Fires what is due, unless its shard was lost in the meantime. */
  async poll(hosts: ReadonlyMap<number, TimerHost>): Promise<void> {
    if (this.#polling || hosts.size === 0 || this.#frozen()) return;
    this.#polling = true;
    const asked = new Map(hosts);
    for (const host of asked.values()) host.firing.pollBegins();
    try {
      for (const stored of await this.#store.due([...asked.keys()], timersPerPoll)) {
        const host = hosts.get(stored.shard);
        if (host !== undefined && host === asked.get(stored.shard)) host.fire(stored);
      }
    } catch (error) {
      this.#log.debug("timers could not be polled", { error: messageOf(error) });
    } finally {
      this.#polling = false;
    }
  }
}
