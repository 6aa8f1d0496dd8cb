import { isId, isTenantId, type Role, type UserId } from "../protocol/ids.ts";
import type { Principal } from "./messages.ts";
import type { Claims } from "./socket.ts";

const roles = new Set<string>(["visitor", "agent", "supervisor", "admin"]);

/** Who a verified token speaks for; undefined when its claims are not well formed. */
export function principalOf({ tenant, role, user }: Claims): Principal | undefined {
  if (!isTenantId(tenant) || !roles.has(role) || !isId(user)) return undefined;
  return { tenant, role: role as Role, user: user as UserId };
}

/** Who somebody is, and until when by the wall clock. */
export interface Pass {
  readonly principal: Principal;
  readonly expiresAt: number;
}

/** What the claims of a verified token are good for at that time of the wall clock; undefined for nothing. */
export function passOf(claims: Claims | undefined, wall: number): Pass | undefined {
  if (claims === undefined || claims.expiresAt <= wall) return undefined;
  const principal = principalOf(claims);
  return principal === undefined ? undefined : { principal, expiresAt: claims.expiresAt };
}
