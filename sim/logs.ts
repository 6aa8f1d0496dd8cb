import { decodeAddress } from "../actors/address.ts";
import type { LogEvent } from "../protocol/events.ts";
import type { Store } from "../store/store.ts";
import type { World } from "./world/world.ts";

/** Reads the truth: the logs of all conversations as the store holds them, kept between looks as far as they have not grown. */
export class LogReader {
  readonly logs = new Map<string, LogEvent[]>();
  readonly #world: World;
  readonly #names = new Map<string, number>();
  #store: Store | undefined;
  /** What may have grown since the last look. */
  readonly #touched = new Set<string>();

  constructor(world: World) {
    this.#world = world;
    world.store.onWritten((write, shard) => {
      if (write.op !== "append") return;
      this.#names.set(write.log, shard);
      this.#touched.add(write.log);
    });
  }

  /** Brings `logs` up to date; from the beginning when the store is another one than before. */
  async refresh(): Promise<void> {
    const { primary } = this.#world.store;
    const anew = this.#store !== primary;
    this.#store = primary;
    const touched = [...(anew ? this.#names.keys() : this.#touched)];
    this.#touched.clear();
    const wanted = touched.flatMap((log) => {
      const conv = decodeAddress(log)?.id;
      const shard = this.#names.get(log);
      return conv === undefined || shard === undefined
        ? []
        : [{ shard, log, conv, known: anew ? [] : (this.logs.get(conv) ?? []) }];
    });
    const queries = wanted.map(({ shard, log, known }) => ({
      shard,
      log,
      after: known.length,
      limit: Infinity,
    }));
    const slices = await primary.readLogs(queries);
    wanted.forEach(({ conv, known }, i) => {
      for (const { event } of slices[i]?.events ?? []) known.push(JSON.parse(event) as LogEvent);
      this.logs.set(conv, known);
    });
  }
}
