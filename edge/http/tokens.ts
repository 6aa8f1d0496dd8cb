/**
 * `POST /v1/tokens`: anonymous visitors for everybody; in development also named visitors and staff.
 */
import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { Directory } from "../../actors/directory.ts";
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import { ID_PATTERN, TENANT_PATTERN, type TenantId } from "../../protocol/ids.ts";
import type { Tokens } from "../auth.ts";
import { fieldFault } from "../field-fault.ts";
import { isAtHome } from "../origin.ts";
import { clientAddress } from "./client-address.ts";
import { FairLimit, type FairLimitSizes } from "./fair-limit.ts";
import { refuse } from "./refusal.ts";

/** What giving tokens needs. */
export interface TokenParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly tokens: Tokens;
  readonly directory: Directory;
  /** Demo tenant, tokens for agents on request, and the demo page. */
  readonly dev: boolean;
  /** Browser origins whose pages may call what is under /v1; empty allows all. */
  readonly origins: readonly string[];
  /** The tenant whose tokens anonymous visitors get when they name none. */
  readonly defaultTenant: TenantId;
}

/** Life of a visitor's token. */
export const visitorTokenMs = 24 * 3600_000;
const staffTokenMs = 12 * 3600_000;
/** Many visitors may stand behind one address, each of whom needs a token a day. */
const sizes: FairLimitSizes = {
  perSecond: 200,
  burst: 200,
  reserve: 100,
  own: { perSecond: 5, burst: 20 },
  addresses: 10_000,
};

const tokenRequest = Type.Object({
  tenant: Type.Optional(Type.String({ pattern: TENANT_PATTERN })),
  role: Type.Optional(
    Type.Union([
      Type.Literal("visitor"),
      Type.Literal("agent"),
      Type.Literal("supervisor"),
      Type.Literal("admin"),
    ]),
  ),
  user: Type.Optional(Type.String({ pattern: ID_PATTERN })),
});

/** Adds the route. */
export function serveTokens(app: FastifyInstance, parts: TokenParts): void {
  const limit = new FairLimit(sizes, parts.clock.now());
  const isRequest = Compile(tokenRequest);
  app.post("/v1/tokens", async (request, reply) => {
    const waitMs = limit.take(clientAddress(request), parts.clock.now());
    if (waitMs > 0)
      return refuse(reply.header("retry-after", String(Math.ceil(waitMs / 1000))), 429, "RATE_LIMITED");
    const body: unknown = request.body ?? {};
    if (!isRequest.Check(body)) return refuse(reply, 400, "INVALID", fieldFault(tokenRequest, body));
    const wish: Static<typeof tokenRequest> = body;
    const tenant = (wish.tenant ?? parts.defaultTenant) as TenantId;
    const role = wish.role ?? "visitor";
    if (parts.directory.tenant(tenant) === undefined) return refuse(reply, 404, "NOT_FOUND");
    if (role !== "visitor" || wish.user !== undefined) {
      // Who somebody is belongs into a token that the tenant's own server signs; strangers are anonymous visitors.
      if (!parts.dev) return refuse(reply, 403, "FORBIDDEN");
      const { origin, host } = request.headers;
      if (!isAtHome(origin, host, parts.origins)) return refuse(reply, 403, "FORBIDDEN", strangePage);
    }
    const user = wish.user ?? `${role === "visitor" ? "anon" : role}-${parts.random.id()}`;
    const { token, expiresAt } = await parts.tokens.issue(
      { tenant, role, user },
      role === "visitor" ? visitorTokenMs : staffTokenMs,
    );
    return { token, user, tenant, role, expiresAt };
  });
}

/** Why a page of another site gets no token of a person in development. */
export const strangePage =
  "In development pages of other sites get tokens of anonymous visitors only, unless USHER_ORIGINS names their origin.";
