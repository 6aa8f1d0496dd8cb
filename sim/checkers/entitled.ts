import type { Audience, LogEvent } from "../../protocol/events.ts";
import { visitorOf, type ConversationId } from "../../protocol/ids.ts";

/** A device as this checker sees it. */
export interface Follower {
  readonly name: string;
  readonly user: string;
  readonly seen: { readonly audience: Audience };
  /** Whether it was ended: nobody owes it anything. */
  readonly gone: boolean;
  readonly client: { cursor(conv: string): unknown };
}

/**
 * The second half of NoLostAck, that events reach every entitled device: whoever a conversation is with follows it, in
 * words for each who does not.
 */
export function unserved(
  followers: readonly Follower[],
  logs: ReadonlyMap<string, readonly LogEvent[]>,
): string[] {
  const due = new Map<string, string[]>();
  const owe = (who: string, conv: string): void => void due.set(who, [...(due.get(who) ?? []), conv]);
  for (const [conv, log] of logs) {
    const last = log.findLast(({ body }) => turns.has(body.kind))?.body;
    if (last?.kind === "closed") continue;
    const visitor = visitorOf(conv as ConversationId);
    if (visitor !== undefined) owe(`all ${visitor}`, conv);
    if (last?.kind === "assigned") owe(`staff ${last.agent}`, conv);
  }
  return followers
    .filter(({ gone }) => !gone)
    .flatMap(({ name, user, seen, client }) =>
      (due.get(`${seen.audience} ${user}`) ?? [])
        .filter((conv) => client.cursor(conv) === undefined)
        .map((conv) => `${name} does not follow ${conv}`),
    );
}

const turns: ReadonlySet<string> = new Set(["queued", "assigned", "unassigned", "closed"]);
