import type { LogEvent } from "../../protocol/events.ts";
import type { Settings } from "../settings.ts";
import { simulatedTenant } from "./tenant.ts";

/**
 * Conversations that wait at a desk although one of its agents has room: nobody may be forgotten.
 * @param onDuty whether the agent of that id works now
 */
export function forgotten(
  settings: Settings,
  logs: ReadonlyMap<string, readonly LogEvent[]>,
  onDuty: (agent: string) => boolean,
): string[] {
  const waiting: { conv: string; desk: string }[] = [];
  const loads = new Map<string, number>();
  for (const [conv, log] of logs) {
    const body = log.findLast((event) => places.has(event.body.kind))?.body;
    if (body?.kind === "queued") waiting.push({ conv, desk: body.desk });
    if (body?.kind === "assigned") loads.set(body.agent, (loads.get(body.agent) ?? 0) + 1);
  }
  const { agents } = simulatedTenant(settings);
  return waiting.flatMap(({ conv, desk }) => {
    const free = agents.find(
      ({ id, desks, capacity }) =>
        onDuty(id) && desks.some((one) => one === desk) && (loads.get(id) ?? 0) < capacity,
    );
    return free === undefined ? [] : [`${conv} waits at ${desk} while ${free.id} has room`];
  });
}

const places: ReadonlySet<string> = new Set(["queued", "assigned", "unassigned", "closed"]);
