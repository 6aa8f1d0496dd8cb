import type { Clock } from "../../base/clock.ts";
import type { Store } from "../../store/store.ts";
import { batched } from "./batch.ts";
import type { Loads } from "./host-parts.ts";

/** What is asked for in one read of a log at most; who needs more reads on. 64 events of the usual size are 20 KB. */
export const readMost = { limit: 64, bytes: 256 * 1024 } as const;

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
