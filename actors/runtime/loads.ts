import type { Clock } from "../../base/clock.ts";
import type { Store } from "../../store/store.ts";
import { batched } from "./batch.ts";
import type { Loads } from "./host-parts.ts";

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
