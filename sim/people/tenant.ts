import type { TenantConfig } from "../../actors/directory.ts";
import type { VerifyToken } from "../../actors/socket.ts";
import { sleep } from "../../base/clock.ts";
import type { DeskId, TenantId, UserId } from "../../protocol/ids.ts";
import type { Settings } from "../settings.ts";
import { epochMs, type Process } from "../world/process.ts";
import type { World } from "../world/world.ts";

/** The tenant of all simulated people. */
export const tenantId = "sim" as TenantId;

const tokenMs = 24 * 3600_000;

/** A token is `role:user`; verifying it takes a moment and some of the processor. */
export function verifyToken(world: World): (process: Process) => VerifyToken {
  return (process) => async (token) => {
    process.spend(world.costs.verifyMs);
    await sleep(process.clock, 0.2);
    const [role, user] = token.split(":");
    if (role === undefined || user === undefined) return undefined;
    return { tenant: tenantId, role, user, expiresAt: epochMs + world.scheduler.now + tokenMs };
  };
}

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
