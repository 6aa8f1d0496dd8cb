import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Store, Stored } from "../../store/store.ts";

/**
 * Which durable timers of a shard are in hand: being handled, or armed or disarmed by a commit that is not durable yet.
 * Until a poll that began after that commit, an earlier poll's late answer may still name them as they were. Invariant:
 * TimerOnce.
 */
export class Firing {
  readonly #inHand = new Map<string, number>();
  readonly #done: string[] = [];

  /** A timer is due; false when it is in hand already. */
  begin(id: string): boolean {
    if (this.#inHand.has(id)) return false;
    this.hold(id);
    return true;
  }

  /** A commit will change it: no answer of a poll counts until that is durable. Ended by `done`. */
  hold(id: string): void {
    this.#inHand.set(id, (this.#inHand.get(id) ?? 0) + 1);
  }

  /** It could not be handed over, or nothing came of it; the next poll brings it again. */
  abandon(id: string): void {
    const count = (this.#inHand.get(id) ?? 0) - 1;
    if (count > 0) this.#inHand.set(id, count);
    else this.#inHand.delete(id);
  }

  /** The commit that handled or changed it is durable. */
  done(id: string): void {
    this.#done.push(id);
  }

  /** A poll begins: what was done before it cannot be in its answer, unless it is due again. */
  pollBegins(): void {
    for (const id of this.#done.splice(0)) this.abandon(id);
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
        if (host !== undefined && host === asked.get(stored.shard)) this.#fire(host, stored);
      }
    } catch (error) {
      this.#log.debug("timers could not be polled", { error: messageOf(error) });
    } finally {
      this.#polling = false;
    }
  }

  #fire(host: TimerHost, stored: Stored): void {
    try {
      host.fire(stored);
    } catch (error) {
      this.#log.error("a timer could not be fired", { timer: stored.id, error: messageOf(error) });
    }
  }
}
