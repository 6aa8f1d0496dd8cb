import { jwtVerify, SignJWT } from "jose";
import type { Claims, VerifyToken } from "../actors/socket.ts";

/** Makes and verifies the tokens that name a tenant, a role and a user. */
export interface Tokens {
  readonly verify: VerifyToken;
  /** @param ttlMs life of the token */
  issue(
    claims: { tenant: string; role: string; user: string },
    ttlMs: number,
  ): Promise<{ token: string; expiresAt: number }>;
}

const issuer = "usher";

/**
 * JSON Web Tokens signed with HMAC-SHA-256 (RFC 7519, RFC 7518 section 3.2): `tid` the tenant, `role`, `sub` the user,
 * `exp` required.
 * @param secret at least 32 bytes
 * @param wall the node's wall clock: tokens are the one thing that wall time decides
 */
export function jwtTokens(secret: string, wall: () => number): Tokens {
  const key = new TextEncoder().encode(secret);
  return {
    async verify(token): Promise<Claims | undefined> {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: ["HS256"],
          currentDate: new Date(wall()),
          requiredClaims: ["exp", "sub", "tid", "role"],
        });
        const { tid, role, sub, exp } = payload;
        if (typeof tid !== "string" || typeof role !== "string" || sub === undefined || exp === undefined)
          return undefined;
        return { tenant: tid, role, user: sub, expiresAt: exp * 1000 };
      } catch {
        return undefined;
      }
    },
    async issue({ tenant, role, user }, ttlMs) {
      const expiresAt = Math.floor((wall() + ttlMs) / 1000) * 1000;
      const token = await new SignJWT({ tid: tenant, role })
        .setProtectedHeader({ alg: "HS256" })
        .setIssuer(issuer)
        .setSubject(user)
        .setIssuedAt(Math.floor(wall() / 1000))
        .setExpirationTime(expiresAt / 1000)
        .sign(key);
      return { token, expiresAt };
    },
  };
}
