/**
 * Cross-origin resource sharing (Fetch standard, section 3.2) for /v1 alone: pages of the origins that may open WebSockets
 * may call it and read its answers, refusals as well. Never with credentials: tokens travel in headers.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isAllowed } from "../origin.ts";

/** More than there is: what no route takes is refused with an answer that the page can read. */
const methods = "GET, POST, PUT, PATCH, DELETE";
const requestHeaders = "authorization, content-type, idempotency-key";
/** Headers of an answer that a page could not read otherwise. */
const answerHeaders = "retry-after";
/** The longest that Chromium keeps the answer to a preflight. */
const maxAgeSeconds = "7200";

/** Adds to an answer under /v1 who may read it. */
export function nameReader(request: FastifyRequest, reply: FastifyReply, origins: readonly string[]): void {
  // Also where no origin is: the same address has another answer for a page.
  void reply.header("vary", "origin");
  const { origin } = request.headers;
  if (origin === undefined || !isAllowed(origin, origins)) return;
  void reply.headers({
    "access-control-allow-origin": origin,
    "access-control-expose-headers": answerHeaders,
  });
}

/** Answers the preflights of what is under /v1. */
export function servePreflights(app: FastifyInstance, origins: readonly string[]): void {
  app.options("/v1/*", (request, reply) => {
    if (isAllowed(request.headers.origin, origins))
      void reply.headers({
        "access-control-allow-methods": methods,
        "access-control-allow-headers": requestHeaders,
        "access-control-max-age": maxAgeSeconds,
      });
    return reply.code(204).send();
  });
}
