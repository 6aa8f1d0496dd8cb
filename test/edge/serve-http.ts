import { tmpdir } from "node:os";
import type { FastifyInstance } from "fastify";
import { directoryOf } from "../../actors/directory.ts";
import { jwtTokens, type Tokens } from "../../edge/auth.ts";
import { httpServer, type HttpParts } from "../../edge/http/http.ts";
import type { ConversationId } from "../../protocol/ids.ts";
import { demoTenant } from "../../server/demo.ts";
import { manualClock, type ManualClock } from "../support/manual-clock.ts";

/** The server and what a test needs of it. */
export interface Served {
  readonly app: FastifyInstance;
  readonly tokens: Tokens;
  readonly clock: ManualClock;
  readonly asked: string[];
  bearer(role: string, user: string, tenant?: string): Promise<{ authorization: string }>;
}

/** An HTTP server as in production, on a clock that stands still. Close `app` in the end. */
export async function serveHttp(more: Partial<HttpParts> = {}): Promise<Served> {
  const clock = manualClock();
  const tokens = jwtTokens("x".repeat(32), () => clock.wall());
  const asked: string[] = [];
  const app = await httpServer({
    clock,
    random: { float: () => 0, id: () => "abcdefgh12345678" },
    tokens,
    directory: directoryOf([demoTenant]),
    dev: false,
    origins: [],
    trustedProxies: [],
    defaultTenant: demoTenant.id,
    root: tmpdir(),
    ready: () => true,
    trouble: () => "the store is away",
    scrape: () => Promise.resolve({ contentType: "text/plain", body: "usher_connections 0" }),
    picture: () => ({ shards: [] }),
    failed: () => {},
    locate: (tenant, role, user) => ({ node: `${tenant}.${role}.${user}`, url: "" }),
    history(tenant, visitor) {
      asked.push(`${tenant}/${visitor}`);
      return Promise.resolve([
        { conv: "s.ann.1" as ConversationId, kind: "support", open: true, openedAt: 1 },
      ]);
    },
    ...more,
  });
  const bearer = async (
    role: string,
    user: string,
    tenant: string = demoTenant.id,
  ): Promise<{ authorization: string }> => ({
    authorization: `Bearer ${(await tokens.issue({ tenant, role, user }, 60_000)).token}`,
  });
  return { app, tokens, clock, asked, bearer };
}
