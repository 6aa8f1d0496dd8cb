/** Which part of a log a query means, for stores that hold it in this process; read.lua does the same in Redis. */
import { utf8Bytes } from "../base/utf8.ts";
import type { LogQuery } from "./store.ts";

/** A character of UTF-16 is at most so many bytes of UTF-8. */
const bytesPerUnit = 3;

/** Whether a part is read from its end: who asks only for what stands before a number gets the last of it. */
export function readsDown({ after, before }: LogQuery): boolean {
  return after === undefined && before !== undefined;
}

/** Of ascending events those that fit into the query's bytes, from the end that it is read from; one at least. */
export function fittingBytes<Entry extends { readonly event: string }>(
  events: readonly Entry[],
  query: LogQuery,
): readonly Entry[] {
  const { bytes = Infinity } = query;
  const units = events.reduce((sum, { event }) => sum + event.length, 0);
  if (units * bytesPerUnit <= bytes) return events;
  const down = readsDown(query);
  let room = bytes;
  for (let count = 0; count < events.length; count++) {
    room -= utf8Bytes(events.at(down ? -1 - count : count)?.event ?? "");
    if (room < 0 && count > 0) return down ? events.slice(-count) : events.slice(0, count);
  }
  return events;
}
