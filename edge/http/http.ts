/**
 * HTTP through fastify: health, metrics, tokens, locate, history, the placement picture, and the demo page. Everything
 * that shows data asks for a token and checks tenant and role.
 */
import { Type } from "typebox";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Principal, SessionDescription } from "../../actors/messages.ts";
import { principalOf } from "../../actors/principal.ts";
import { ID_PATTERN, isId, isStaff, type Role, type TenantId, type UserId } from "../../protocol/ids.ts";
import { fieldFault } from "../field-fault.ts";
import { nameReader, servePreflights } from "./cors.ts";
import { servePages } from "./pages.ts";
import { refuse } from "./refusal.ts";
import { serveTokens, visitorTokenMs, type TokenParts } from "./tokens.ts";

/** What HTTP needs from the node. */
export interface HttpParts extends TokenParts {
  /** Addresses and ranges of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
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
const bodyBytes = 16 * 1024;
const visitorId = Type.String({ pattern: ID_PATTERN });
/** What fastify finds wrong by itself, in our words: its own hold what the client sent. */
const faults: Readonly<Record<string, string>> = {
  FST_ERR_BAD_URL: "path: must be percent-encoded UTF-8",
  FST_ERR_MAX_PARAM_LENGTH: "path: must hold no id of more than 64 characters",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "content-type: must be application/json",
  FST_ERR_CTP_INVALID_JSON_BODY: "body: must be JSON",
  FST_ERR_CTP_EMPTY_JSON_BODY: "body: must be JSON",
  FST_ERR_CTP_BODY_TOO_LARGE: `body: must be at most ${bodyBytes} bytes`,
};

/** Builds the HTTP server; it does not listen yet. */
export async function httpServer(parts: HttpParts): Promise<FastifyInstance> {
  const addHeaders = (request: FastifyRequest, reply: FastifyReply): void => {
    void reply.header("x-content-type-options", "nosniff");
    if (!request.url.startsWith("/v1/")) return;
    void reply.header("cache-control", "no-store");
    nameReader(request, reply, parts.origins);
  };
  const refuseFor = (error: unknown, reply: FastifyReply): void => {
    const { statusCode: status = 500, code = "" } = error as { statusCode?: number; code?: string };
    if (status >= 500) parts.failed(error);
    void refuse(
      reply,
      status,
      status === 413 ? "TOO_LARGE" : status < 500 ? "INVALID" : "INTERNAL",
      faults[code],
    );
  };
  const app = fastify({
    bodyLimit: bodyBytes,
    trustProxy: parts.trustedProxies.length > 0 ? [...parts.trustedProxies] : false,
    forceCloseConnections: true,
    requestTimeout: requestMs,
    // Whoever offers HTTP/2 with `Upgrade: h2c` is content with HTTP/1.1, if the offer is passed over.
    http: { shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket" },
    // An address that cannot be read comes to no route and no hook.
    frameworkErrors: (error, request, reply) => {
      addHeaders(request, reply);
      refuseFor(error, reply);
    },
  });
  app.addHook("onSend", async (request, reply) => addHeaders(request, reply));
  app.setErrorHandler((error, _request, reply) => refuseFor(error, reply));
  servePreflights(app, parts.origins);
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
  serveTokens(app, parts);
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
    if (!isId(id)) return refuse(reply, 400, "INVALID", fieldFault(visitorId, id, "id"));
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

async function principal(parts: HttpParts, request: FastifyRequest): Promise<Principal | undefined> {
  const header = request.headers.authorization;
  if (header === undefined || !header.startsWith("Bearer ")) return undefined;
  const claims = await parts.tokens.verify(header.slice("Bearer ".length));
  return claims === undefined ? undefined : principalOf(claims);
}
