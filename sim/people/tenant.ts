import type { TenantConfig } from "../../actors/directory.ts";
import type { DeskId, TenantId, UserId } from "../../protocol/ids.ts";
import type { Settings } from "../settings.ts";

/** The tenant of all simulated people. */
export const tenantId = "sim" as TenantId;

/** The channel that leads to a desk, through the robot or directly. */
export function channelOf(desk: number, robot: boolean): string {
  return `${robot ? "ask" : "talk"}${desk}`;
}

/** As many desks and agents as the settings say; agent i serves desk i and the next one. */
export function simulatedTenant({ desks, agents, capacity, idleMs, graceMs }: Settings): TenantConfig {
  const deskIds = Array.from({ length: desks }, (_, i) => `d${i}` as DeskId);
  const deskAt = (i: number): DeskId => deskIds[i % desks] ?? ("d0" as DeskId);
  return {
    id: tenantId,
    name: "Simulation",
    channels: deskIds.flatMap((desk, i) => [
      { id: channelOf(i, false), name: `Talk ${i}`, desk },
      { id: channelOf(i, true), name: `Ask ${i}`, desk, robot: "guide" },
    ]),
    desks: deskIds.map((id) => ({ id, name: id })),
    robots: [
      {
        id: "guide",
        name: "Guide",
        greeting: "Hello.",
        unknown: "I do not know that.",
        entries: [{ questions: ["shipping time"], answer: "Two days." }],
      },
    ],
    agents: Array.from({ length: agents }, (_, i) => ({
      id: `agent${i}` as UserId,
      name: `Agent ${i}`,
      desks: desks > 1 ? [deskAt(i), deskAt(i + 1)] : [deskAt(i)],
      capacity,
    })),
    policy: { idleMs, idleNoticeMs: Math.ceil(idleMs / 5), robotTries: 1000, agentGraceMs: graceMs },
  };
}
