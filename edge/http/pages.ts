/**
 * The demo page and the modules that it needs: TypeScript sources with their types stripped when asked for, so that the
 * browser runs what the repository holds.
 */
import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { extname, join, sep } from "node:path";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Directory } from "../../actors/directory.ts";
import type { TenantId } from "../../protocol/ids.ts";
import type { Tokens } from "../auth.ts";
import { isAtHome } from "../origin.ts";
import { refuse } from "./refusal.ts";
import { strangePage } from "./tokens.ts";

/** What the pages are made of. */
export interface PageParts {
  readonly root: string;
  readonly directory: Directory;
  readonly defaultTenant: TenantId;
  readonly tokens: Tokens;
  readonly origins: readonly string[];
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".ts": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};
const policy =
  "default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/** Adds `/`, the modules, and what the page asks about the demo tenant. */
export async function servePages(app: FastifyInstance, parts: PageParts, tokenMs: number): Promise<void> {
  const cache = new Map<string, { readonly type: string; readonly body: string }>();
  const load = async (
    folder: string,
    path: string,
  ): Promise<{ readonly type: string; readonly body: string } | undefined> => {
    const within = join(parts.root, folder, sep);
    const file = join(within, path);
    const type = types[extname(file)];
    if (type === undefined || !file.startsWith(within)) return undefined;
    const cached = cache.get(file);
    if (cached !== undefined) return cached;
    try {
      const source = await readFile(file, "utf8");
      const page = { type, body: extname(file) === ".ts" ? stripTypeScriptTypes(source) : source };
      cache.set(file, page);
      return page;
    } catch {
      return undefined;
    }
  };
  const send = async (reply: FastifyReply, folder: string, path: string): Promise<FastifyReply> => {
    const page = await load(folder, path);
    if (page === undefined) {
      reply.callNotFound();
      return reply;
    }
    return reply
      .type(page.type)
      .headers({
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
      })
      .send(page.body);
  };
  app.get("/", (_request, reply) => send(reply, "web", "demo/index.html"));
  for (const folder of ["client", "protocol", "web"]) {
    app.get<{ Params: { "*": string } }>(`/${folder}/*`, (request, reply) =>
      send(reply, folder, request.params["*"]),
    );
  }
  app.get("/v1/demo", async ({ headers: { origin, host } }, reply) => {
    if (!isAtHome(origin, host, parts.origins)) return refuse(reply, 403, "FORBIDDEN", strangePage);
    const tenant = parts.directory.tenant(parts.defaultTenant);
    const agents = await Promise.all(
      (tenant?.agents ?? []).map(async ({ id, name }) => ({
        user: id,
        name,
        ...(await parts.tokens.issue({ tenant: parts.defaultTenant, role: "agent", user: id }, tokenMs)),
      })),
    );
    return {
      tenant: parts.defaultTenant,
      agents,
      channels: tenant?.channels.map(({ id, name }) => ({ id, name })) ?? [],
      desks: tenant?.desks.map(({ id, name }) => ({ id, name })) ?? [],
    };
  });
}
