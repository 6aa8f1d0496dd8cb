/**
 * Reads of logs for the connections of one node. Role: pumps at the same place share one read; at most 64 run at a time.
 * Invariants: a shared read begins after it was asked for, so that it holds whatever was committed before (Converges);
 * what waits is bounded (StormBounded): pumps wait for one read each, clients' own pages are refused beyond a bound, and no
 * read brings more than `readMost`.
 */
import type { LogQuery, LogSlice } from "../store/store.ts";
import { decodeAddress, shardOf } from "./address.ts";
import { fromStored, type EncodedEvent } from "./encoded-event.ts";
import { readMost } from "./runtime/loads.ts";

/** A part of a log. */
export interface Page {
  readonly events: readonly EncodedEvent[];
  /** The log's last number. */
  readonly end: number;
}

const replaysMax = 64;
const pagesWaitingMax = 1024;

/** The reads of one node. */
export class Replays {
  readonly #shards: number;
  readonly #readLog: (query: LogQuery) => Promise<LogSlice>;
  /** Reads that have not begun: whoever asks may join. */
  readonly #next = new Map<string, Promise<Page | undefined>>();
  readonly #running = new Map<string, Promise<Page | undefined>>();
  readonly #queue: (() => void)[] = [];
  #replays = 0;

  constructor(shards: number, readLog: (query: LogQuery) => Promise<LogSlice>) {
    this.#shards = shards;
    this.#readLog = readLog;
  }

  /** How many reads run, and how many wait. */
  get sizes(): { readonly replays: number; readonly queued: number } {
    return { replays: this.#replays, queued: this.#queue.length };
  }

  /** The log after a number; undefined when the store does not answer. */
  shared(log: string, after: number): Promise<Page | undefined> {
    const key = `${log}@${after}`;
    const next = this.#next.get(key);
    if (next !== undefined) return next;
    const read = this.#afterRunning(key, () => this.#fetch({ after }, log, readMost.limit));
    this.#next.set(key, read);
    return read;
  }

  /** Any part of a log, at most `limit` events and perhaps fewer; undefined also when too many wait. */
  single(
    log: string,
    range: { after: number } | { before: number },
    limit: number,
  ): Promise<Page | undefined> {
    if (this.#queue.length >= pagesWaitingMax) return Promise.resolve(undefined);
    return this.#admit(() => this.#fetch(range, log, Math.min(limit, readMost.limit)));
  }

  async #afterRunning(key: string, fetch: () => Promise<Page | undefined>): Promise<Page | undefined> {
    await this.#running.get(key);
    return this.#admit(async () => {
      this.#next.delete(key);
      const read = fetch();
      this.#running.set(key, read);
      const page = await read;
      this.#running.delete(key);
      return page;
    });
  }

  async #fetch(
    range: { after: number } | { before: number },
    log: string,
    limit: number,
  ): Promise<Page | undefined> {
    const address = decodeAddress(log);
    if (address === undefined) return undefined;
    const shard = shardOf(address, this.#shards);
    try {
      const slice = await this.#readLog({ shard, log, ...range, ...readMost, limit });
      return { events: slice.events.map(({ event }) => fromStored(event)), end: slice.end };
    } catch {
      return undefined;
    }
  }

  /** A place is handed on, so that nobody slips in between. */
  async #admit<T>(work: () => Promise<T>): Promise<T> {
    if (this.#replays >= replaysMax) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#replays++;
    try {
      return await work();
    } finally {
      const waiting = this.#queue.shift();
      if (waiting === undefined) this.#replays--;
      else waiting();
    }
  }
}
