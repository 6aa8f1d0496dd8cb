import { decodeAddress } from "../actors/address.ts";
import type { LogEvent } from "../protocol/events.ts";
import type { World } from "./world/world.ts";

/** Reads the truth: the logs of all conversations as the store holds them, kept between looks as far as they have not grown. */
export class LogReader {
  readonly logs = new Map<string, LogEvent[]>();
  readonly #world: World;
  readonly #names = new Map<string, number>();
  #read = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Brings `logs` up to date; from the beginning when the store is another one. */
  async refresh(anew: boolean): Promise<void> {
    const { accepted, primary } = this.#world.store;
    const touched = new Set<string>(anew ? this.#names.keys() : []);
    for (; this.#read < accepted.length; this.#read++) {
      const entry = accepted[this.#read];
      if (entry?.kind !== "commit") continue;
      for (const write of entry.commit.writes) {
        if (write.op !== "append") continue;
        this.#names.set(write.log, entry.commit.shard);
        touched.add(write.log);
      }
    }
    for (const log of touched) {
      const conv = decodeAddress(log)?.id;
      const shard = this.#names.get(log);
      if (conv === undefined || shard === undefined) continue;
      const known = anew ? [] : (this.logs.get(conv) ?? []);
      const [slice] = await primary.readLogs([{ shard, log, after: known.length, limit: Infinity }]);
      for (const { event } of slice?.events ?? []) known.push(JSON.parse(event) as LogEvent);
      this.logs.set(conv, known);
    }
  }
}
