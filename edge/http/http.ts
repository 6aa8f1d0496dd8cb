/**
 * HTTP through fastify: health, metrics, tokens, locate, history, the placement picture, and the demo page. Everything
 * that shows data asks for a token and checks tenant and role.
 */
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { Type, type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { Directory } from "../../actors/directory.ts";
import type { Principal, SessionDescription } from "../../actors/messages.ts";
import { principalOf } from "../../actors/principal.ts";
import { RateLimit } from "../../actors/rate-limit.ts";
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import { codes, type Code } from "../../protocol/codes.ts";
import {
  ID_PATTERN,
  isStaff,
  TENANT_PATTERN,
  type Role,
  type TenantId,
  type UserId,
} from "../../protocol/ids.ts";
import type { Tokens } from "../auth.ts";
import { servePages } from "./pages.ts";

/** What HTTP needs from the node. */
export interface HttpParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly tokens: Tokens;
  readonly directory: Directory;
  /** Demo tenant, tokens for agents on request, and the demo page. */
  readonly dev: boolean;
  /** The tenant whose tokens anonymous visitors get when they name none. */
  readonly defaultTenant: TenantId;
  /** Folder that holds client/, protocol/ and web/. */
  readonly root: string;
  /** Told of what went wrong inside. */
  readonly failed: (error: unknown) => void;
  readonly ready: () => boolean;
  readonly trouble: () => string;
  readonly scrape: () => Promise<{ contentType: string; body: string }>;
  readonly picture: () => object;
  readonly locate: (tenant: TenantId, role: Role, user: UserId) => { node: string; url: string } | undefined;
  readonly history: (tenant: TenantId, visitor: UserId) => Promise<SessionDescription["follows"] | undefined>;
}

/** A request that is not complete by then is given up. */
const requestMs = 30_000;
const visitorTokenMs = 24 * 3600_000;
const staffTokenMs = 12 * 3600_000;
const tokensPerSecond = 200;

const tokenRequest = Compile(
  Type.Object({
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
  }),
);

/** Builds the HTTP server; it does not listen yet. */
export async function httpServer(parts: HttpParts): Promise<FastifyInstance> {
  const app = fastify({
    bodyLimit: 16 * 1024,
    trustProxy: false,
    forceCloseConnections: true,
    requestTimeout: requestMs,
    // Whoever offers HTTP/2 with `Upgrade: h2c` is content with HTTP/1.1, if the offer is passed over.
    http: { shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket" },
  });
  app.addHook("onSend", async (request, reply) => {
    void reply.header("x-content-type-options", "nosniff");
    if (request.url.startsWith("/v1/")) void reply.header("cache-control", "no-store");
  });
  app.setErrorHandler((error, _request, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    if (status >= 500) parts.failed(error);
    void refuse(reply, status, status === 413 ? "TOO_LARGE" : status < 500 ? "INVALID" : "INTERNAL");
  });
  app.setNotFoundHandler((_request, reply) => refuse(reply, 404, "NOT_FOUND"));
  app.get("/health/live", () => ({ status: "live" }));
  app.get("/health/ready", (_request, reply) => {
    if (parts.ready()) return { status: "ready" };
    return reply.code(503).send({ status: "not ready", because: parts.trouble() });
  });
  app.get("/metrics", async (_request, reply) => {
    const { contentType, body } = await parts.scrape();
    return reply.type(contentType).send(body);
  });
  tokenRoute(app, parts);
  app.get("/v1/locate", async (request, reply) => {
    const by = await principal(parts, request);
    if (by === undefined) return refuse(reply, 401, "UNAUTHORIZED");
    const place = parts.locate(by.tenant, by.role, by.user);
    return place ?? refuse(reply, 503, "BUSY");
  });
  app.get<{ Params: { id: string } }>("/v1/visitors/:id/history", async (request, reply) => {
    const by = await principal(parts, request);
    if (by === undefined) return refuse(reply, 401, "UNAUTHORIZED");
    const { id } = request.params;
    if (!new RegExp(ID_PATTERN).test(id)) return refuse(reply, 400, "INVALID");
    if (!isStaff(by.role) && by.user !== id) return refuse(reply, 403, "FORBIDDEN");
    const conversations = await parts.history(by.tenant, id as UserId);
    return conversations === undefined ? refuse(reply, 503, "BUSY") : { visitor: id, conversations };
  });
  app.get("/admin/placement", async (request, reply) => {
    const by = await principal(parts, request);
    if (by === undefined) return refuse(reply, 401, "UNAUTHORIZED");
    if (by.role !== "admin") return refuse(reply, 403, "FORBIDDEN");
    return parts.picture();
  });
  if (parts.dev) await servePages(app, parts, visitorTokenMs);
  return app;
}

function tokenRoute(app: FastifyInstance, parts: HttpParts): void {
  const limit = new RateLimit(tokensPerSecond, tokensPerSecond, parts.clock.now());
  app.post("/v1/tokens", async (request, reply) => {
    const waitMs = limit.take(parts.clock.now());
    if (waitMs > 0)
      return refuse(reply.header("retry-after", String(Math.ceil(waitMs / 1000))), 429, "RATE_LIMITED");
    const body = request.body ?? {};
    if (!tokenRequest.Check(body)) return refuse(reply, 400, "INVALID");
    const wish = body as Static<
      Type.TObject<{
        tenant: Type.TOptional<Type.TString>;
        role: Type.TOptional<Type.TString>;
        user: Type.TOptional<Type.TString>;
      }>
    >;
    const tenant = (wish.tenant ?? parts.defaultTenant) as TenantId;
    const role = (wish.role ?? "visitor") as Role;
    if (parts.directory.tenant(tenant) === undefined) return refuse(reply, 404, "NOT_FOUND");
    // Who somebody is belongs into a token that the tenant's own server signs; strangers are anonymous visitors.
    if (!parts.dev && (role !== "visitor" || wish.user !== undefined)) return refuse(reply, 403, "FORBIDDEN");
    const user = wish.user ?? `${role === "visitor" ? "anon" : role}-${parts.random.id()}`;
    const { token, expiresAt } = await parts.tokens.issue(
      { tenant, role, user },
      role === "visitor" ? visitorTokenMs : staffTokenMs,
    );
    return { token, user, tenant, role, expiresAt };
  });
}

async function principal(parts: HttpParts, request: FastifyRequest): Promise<Principal | undefined> {
  const header = request.headers.authorization;
  if (header === undefined || !header.startsWith("Bearer ")) return undefined;
  const claims = await parts.tokens.verify(header.slice("Bearer ".length));
  return claims === undefined ? undefined : principalOf(claims);
}

/** One shape for every refusal. */
function refuse(reply: FastifyReply, status: number, code: Code): FastifyReply {
  return reply.code(status).send({ code, msg: codes[code].text, retry: codes[code].retry });
}
