import type { Clock } from "../../base/clock.ts";
import type { Store } from "../../store/store.ts";
import { batched } from "./batch.ts";
import type { Loads } from "./host-parts.ts";

/**
 * Events that are asked for in one read of a log at most: 64 messages of the largest size are 3 MB, of the usual size 20 KB.
 * Who needs more reads on.
 */
export const readEventsMax = 64;

/** The store's reads, each gathered with the others of its turn. */
export function loadsOf(clock: Clock, store: Store): Loads {
  return {
    entity: batched(clock, 256, (queries) => store.load(queries)),
    log: batched(clock, 128, (queries) => store.readLogs(queries)),
    tail: batched(clock, 512, (queries) => store.tails(queries)),
    kept: batched(clock, 512, (queries) => store.kept(queries)),
    member: batched(clock, 512, (queries) => store.isMember(queries)),
  };
}
