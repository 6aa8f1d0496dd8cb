/**
 * What the actors of one shard load. Role: reads records, logs' tails and single records, asking the store until it
 * answers. Boundary: it knows no actor; what is stored and makes no sense is the asker's affair. Invariant: after the end
 * of the shard every answer is undefined.
 */
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { LogEvent } from "../../protocol/events.ts";
import type { Need } from "../behavior.ts";
import type { HostParts } from "./host-parts.ts";
import { readMost } from "./loads.ts";

/** See the file's head. */
export class Loader {
  readonly #parts: HostParts;
  readonly #shard: number;
  readonly #log: Log;
  readonly #committed: () => number;
  #waiters: { readonly number: number; readonly resolve: () => void }[] = [];
  #ended = false;

  constructor(parts: HostParts, shard: number, log: Log, committed: () => number) {
    this.#parts = parts;
    this.#shard = shard;
    this.#log = log;
    this.#committed = committed;
  }

  /** Everything up to this number is durable. */
  onCommitted(number: number): void {
    if (this.#waiters.length === 0) return;
    for (const waiter of this.#waiters) if (waiter.number <= number) waiter.resolve();
    this.#waiters = this.#waiters.filter((waiter) => waiter.number > number);
  }

  /** The shard is not hosted any more. */
  end(): void {
    this.#ended = true;
    for (const { resolve } of this.#waiters.splice(0)) resolve();
  }

  /**
   * State from the fields of an entity, and the log after the position that they contain, once commit `after` is durable.
   * Rejects with what `restore` throws.
   */
  async entity<State>(
    key: string,
    after: number,
    restore: (fields: Readonly<Record<string, string>>) => { state: State; position: number },
  ): Promise<{ state: State; events: readonly LogEvent[] } | undefined> {
    if (after > this.#committed() && !this.#ended) {
      await new Promise<void>((resolve) => this.#waiters.push({ number: after, resolve }));
    }
    const { loads } = this.#parts;
    const fields = await this.persist(() => loads.entity({ shard: this.#shard, entity: key }));
    if (fields === undefined) return undefined;
    const { state, position } = restore(fields);
    if (!key.startsWith("conversation/")) return { state, events: [] };
    const events = await this.#readFrom(key, position);
    return events === undefined ? undefined : { state, events };
  }

  /** Kept records (text or undefined) and memberships of `key` (boolean), in order. */
  needs(key: string, needs: readonly Need[]): Promise<readonly (string | boolean | undefined)[] | undefined> {
    const { loads } = this.#parts;
    const shard = this.#shard;
    return this.persist(() =>
      Promise.all(
        needs.map((need) =>
          "kept" in need
            ? loads.kept({ shard, key: need.kept })
            : loads.member({ shard, set: key, member: need.member }),
        ),
      ),
    );
  }

  /**
   * Asks the store until it answers; undefined when the shard is not hosted any more, or nothing is asked any more since
   * `boundMs` milliseconds have passed.
   */
  async persist<T>(work: () => Promise<T>, boundMs = Infinity): Promise<T | undefined> {
    const { clock } = this.#parts;
    const deadline = clock.now() + boundMs;
    for (let attempt = 0; !this.#ended && clock.now() < deadline; attempt++) {
      try {
        const result = await work();
        return this.#ended ? undefined : result;
      } catch (error) {
        if (attempt === 0) this.#log.warn("loading failed, asking again", { error: messageOf(error) });
        await this.#parts.pause(attempt);
      }
    }
    return undefined;
  }

  async #readFrom(log: string, position: number): Promise<readonly LogEvent[] | undefined> {
    const { loads } = this.#parts;
    const events: LogEvent[] = [];
    for (let after = position; ;) {
      const query = { shard: this.#shard, log, after, ...readMost };
      const slice = await this.persist(() => loads.log(query));
      if (slice === undefined) return undefined;
      for (const { event } of slice.events) events.push(JSON.parse(event) as LogEvent);
      const end = slice.events.at(-1)?.seq ?? after;
      if (slice.events.length === 0 || end >= slice.end) return events;
      after = end;
    }
  }
}
