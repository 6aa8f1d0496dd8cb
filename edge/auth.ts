import { createSigner, createVerifier } from "fast-jwt";
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
 * `exp` required. Checked at once: a token costs some ten microseconds, and a storm brings thousands.
 * @param secret at least 32 bytes
 * @param wall the node's wall clock: tokens are the one thing that wall time decides
 */
export function jwtTokens(secret: string, wall: () => number): Tokens {
  const verified = createVerifier({
    key: secret,
    algorithms: ["HS256"],
    requiredClaims: ["exp", "sub", "tid", "role"],
    // Against the node's own clock, below.
    ignoreExpiration: true,
    ignoreNotBefore: true,
  });
  const sign = createSigner({ key: secret, algorithm: "HS256", noTimestamp: true });
  return {
    verify(token): Promise<Claims | undefined> {
      try {
        const payload = verified(token) as Readonly<Record<string, unknown>>;
        return Promise.resolve(claimsOf(payload, wall()));
      } catch {
        return Promise.resolve(undefined);
      }
    },
    issue({ tenant, role, user }, ttlMs) {
      const expiresAt = Math.floor((wall() + ttlMs) / 1000) * 1000;
      const iat = Math.floor(wall() / 1000);
      const token = sign({ tid: tenant, role, iss: issuer, sub: user, iat, exp: expiresAt / 1000 });
      return Promise.resolve({ token, expiresAt });
    },
  };
}

/** What the payload says; undefined when it lacks something or does not hold at that time. */
function claimsOf(payload: Readonly<Record<string, unknown>>, nowMs: number): Claims | undefined {
  const { tid, role, sub, exp, nbf } = payload;
  if (typeof tid !== "string" || typeof role !== "string" || typeof sub !== "string") return undefined;
  if (typeof exp !== "number" || !Number.isFinite(exp) || exp * 1000 <= nowMs) return undefined;
  if (nbf !== undefined && !(typeof nbf === "number" && nbf * 1000 <= nowMs)) return undefined;
  return { tenant: tid, role, user: sub, expiresAt: exp * 1000 };
}
