import { limits } from "../protocol/limits.ts";
import { sessionTarget, type Receipt, type SyncWanted } from "./outbox.ts";
import { answerAs, type Answer, type QuestionBody } from "./requests.ts";
import type { Item } from "../protocol/frames.ts";

type Ask = (question: QuestionBody) => Promise<Answer>;

/**
 * Which commands of a producer in doubt did take effect: their receipts by number. A conversation's log is read from
 * `wanted.after` to its end; an `open` stands as the first event of one of the `known` conversations.
 * @throws Refusal what the server answers, or `DISCONNECTED`
 */
export async function findEffects(
  wanted: SyncWanted,
  known: readonly string[],
  ask: Ask,
): Promise<Map<number, Receipt>> {
  const found = new Map<number, Receipt>();
  if (wanted.target === sessionTarget) {
    for (const conv of known) {
      const page = answerAs(await ask({ t: "sync", conv, after: 0, limit: 1 }), "page");
      for (const item of page.items) collect(found, conv, wanted.producer, item);
    }
    return found;
  }
  const conv = wanted.target;
  for (let after = wanted.after, more = true; more;) {
    const page = answerAs(await ask({ t: "sync", conv, after, limit: limits.maxPageEvents }), "page");
    for (const item of page.items) collect(found, conv, wanted.producer, item);
    const last = page.items.at(-1)?.seq ?? after;
    more = page.more && last > after;
    after = last;
  }
  return found;
}

function collect(found: Map<number, Receipt>, conv: string, producer: string, item: Item): void {
  const { seq, epoch, prev, ev } = item;
  if (ev.p === producer && ev.n !== undefined) found.set(ev.n, { conv, seq, epoch, prev, ts: ev.ts });
}
