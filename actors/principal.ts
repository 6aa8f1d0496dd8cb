import { isId, isTenantId, type Role, type UserId } from "../protocol/ids.ts";
import type { Principal } from "./messages.ts";
import type { Claims } from "./socket.ts";

const roles = new Set<string>(["visitor", "agent", "supervisor", "admin"]);

/** Who a verified token speaks for; undefined when its claims are not well formed. */
export function principalOf({ tenant, role, user }: Claims): Principal | undefined {
  if (!isTenantId(tenant) || !roles.has(role) || !isId(user)) return undefined;
  return { tenant, role: role as Role, user: user as UserId };
}
