import type { LogEvent } from "../../protocol/events.ts";

/** A slot that an agent's session holds. */
export interface HeldSlot {
  readonly agent: string;
  readonly assignment: string;
  readonly conv: string;
}

/**
 * The second half of CapacityRespected, that an agent gets as many chats as there is room for: a slot is taken only by
 * a conversation that the agent has; in words for each other one.
 */
export function leaked(held: readonly HeldSlot[], logs: ReadonlyMap<string, readonly LogEvent[]>): string[] {
  return held
    .filter(({ agent, assignment, conv }) => {
      const last = logs.get(conv)?.findLast(({ body }) => turns.has(body.kind))?.body;
      return last?.kind !== "assigned" || last.agent !== agent || last.assignment !== assignment;
    })
    .map(({ agent, assignment, conv }) => `${agent} holds a slot for ${conv}, assignment ${assignment}`);
}

const turns: ReadonlySet<string> = new Set(["assigned", "unassigned", "closed"]);
