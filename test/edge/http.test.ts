import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { FastifyInstance } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { jwtTokens } from "../../edge/auth.ts";
import type { HttpParts } from "../../edge/http/http.ts";
import type { TenantId } from "../../protocol/ids.ts";
import { manualClock } from "../support/manual-clock.ts";
import { serveHttp, type Served } from "./serve-http.ts";

const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const served = async (more: Partial<HttpParts> = {}): Promise<Served> => {
  const one = await serveHttp(more);
  ends.push(() => one.app.close());
  return one;
};

async function status(
  app: FastifyInstance,
  url: string,
  headers: Record<string, string> = {},
): Promise<number> {
  return (await app.inject({ url, headers })).statusCode;
}

describe("http", () => {
  it("answers who offers another protocol, and leaves WebSockets to who serves them", async () => {
    const { app } = await served();
    const upgraded: string[] = [];
    app.server.on("upgrade", ({ url = "" }: IncomingMessage, socket: Duplex) => {
      upgraded.push(url);
      socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = app.server.address() as AddressInfo;
    const answer = (upgrade: string): Promise<string> =>
      new Promise((resolve, reject) => {
        let heard = "";
        const socket = connect(port, "127.0.0.1", () => {
          const lines = [
            "GET /health/live HTTP/1.1",
            "Host: x",
            "Connection: Upgrade",
            `Upgrade: ${upgrade}`,
          ];
          socket.write(`${lines.join("\r\n")}\r\n\r\n`);
        });
        socket.on("data", (data) => {
          heard += data.toString();
          socket.end();
        });
        socket.on("close", () => resolve(heard.split("\r\n")[0] ?? ""));
        socket.on("error", reject);
      });
    expect(await answer("h2c")).toBe("HTTP/1.1 200 OK");
    expect(upgraded).toEqual([]);
    expect(await answer("WebSocket")).toBe("HTTP/1.1 404 Not Found");
    expect(upgraded).toEqual(["/health/live"]);
  });

  it("says whether it lives, and whether it serves and why not", async () => {
    const { app } = await served();
    expect(await status(app, "/health/live")).toBe(200);
    expect(await status(app, "/health/ready")).toBe(200);
    const away = await served({ ready: () => false });
    const reply = await away.app.inject({ url: "/health/ready" });
    expect([reply.statusCode, reply.json()]).toEqual([
      503,
      { status: "not ready", because: "the store is away" },
    ]);
  });

  it("refuses everything that shows data without a token, and with one that is not good", async () => {
    const { app, tokens, clock } = await served();
    const { token } = await tokens.issue({ tenant: "demo", role: "admin", user: "root" }, 5000);
    clock.advance(6000);
    const other = jwtTokens("y".repeat(32), () => clock.wall());
    const forged = await other.issue({ tenant: "demo", role: "admin", user: "root" }, 60_000);
    const odd = await tokens.issue({ tenant: "../x", role: "admin", user: "root" }, 60_000);
    for (const url of ["/v1/locate", "/v1/visitors/ann/history", "/admin/placement"]) {
      for (const authorization of [
        "",
        "Basic x",
        "Bearer x",
        ...[token, forged.token, odd.token].map((t) => `Bearer ${t}`),
      ])
        expect(await status(app, url, { authorization })).toBe(401);
    }
  });

  it("shows a visitor's history to the visitor and to staff of the same tenant, and no other's", async () => {
    const { app, bearer, asked } = await served();
    const url = "/v1/visitors/ann/history";
    expect(await status(app, url, await bearer("visitor", "ann"))).toBe(200);
    expect(await status(app, url, await bearer("visitor", "bob"))).toBe(403);
    expect(await status(app, url, await bearer("agent", "amy"))).toBe(200);
    expect(await status(app, url, await bearer("agent", "amy", "other"))).toBe(200);
    expect(asked).toEqual(["demo/ann", "demo/ann", "other/ann"]);
    expect(await status(app, "/v1/visitors/a%2Fb/history", await bearer("agent", "amy"))).toBe(400);
    expect(await status(app, "/v1/visitors/a.b/history", await bearer("agent", "amy"))).toBe(400);
  });

  it("answers 503 when the session cannot be reached or nobody owns it", async () => {
    const { app, bearer } = await served({
      history: () => Promise.resolve(undefined),
      locate: () => undefined,
    });
    const staff = await bearer("agent", "amy");
    expect(await status(app, "/v1/visitors/ann/history", staff)).toBe(503);
    expect(await status(app, "/v1/locate", staff)).toBe(503);
  });

  it("tells the operator of what fails inside, and the client nothing of it", async () => {
    const failures: unknown[] = [];
    const { app, bearer } = await served({
      picture: () => {
        throw new Error("a bug at /etc/usher");
      },
      failed: (error) => void failures.push(error),
    });
    const reply = await app.inject({ url: "/admin/placement", headers: await bearer("admin", "root") });
    expect([reply.statusCode, reply.json<{ code: string }>().code]).toEqual([500, "INTERNAL"]);
    expect(reply.body).not.toContain("/etc/usher");
    expect(failures).toMatchObject([{ message: "a bug at /etc/usher" }]);
    await app.inject({ method: "POST", url: "/v1/tokens", payload: "{" });
    expect(failures).toHaveLength(1);
  });

  it("shows the placement to admins alone", async () => {
    const { app, bearer } = await served();
    expect(await status(app, "/admin/placement", await bearer("supervisor", "s"))).toBe(403);
    expect(await status(app, "/admin/placement", await bearer("admin", "root"))).toBe(200);
  });

  it("has one shape for every refusal, and no page in production", async () => {
    const { app } = await served();
    for (const url of ["/", "/nothing", "/client/client.ts", "/v1/demo"]) {
      const reply = await app.inject({ url });
      expect([reply.statusCode, Object.keys(reply.json<object>())]).toEqual([404, ["code", "msg", "retry"]]);
    }
    expect((await app.inject({ method: "PUT", url: "/v1/tokens", payload: {} })).statusCode).toBe(404);
    expect((await app.inject({ method: "POST", url: "/health/live" })).statusCode).toBe(404);
    const reply = await app.inject({ url: "/v1/locate" });
    expect(reply.headers).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
  });
});

describe("tokens over http", () => {
  const post = (
    app: FastifyInstance,
    payload: unknown,
    type = "application/json",
  ): Promise<{ statusCode: number; json: () => unknown }> =>
    app.inject({
      method: "POST",
      url: "/v1/tokens",
      headers: { "content-type": type },
      payload: typeof payload === "string" ? payload : JSON.stringify(payload),
    });

  it("names the field that is malformed, and nothing of what was sent", async () => {
    const { app, bearer } = await served({ dev: true });
    const id = "a string that matches ^[A-Za-z0-9_-]{1,64}$";
    const staff = await bearer("agent", "amy");
    const said = [
      await post(app, { role: "king" }),
      await post(app, { user: "a/b" }),
      await post(app, '"king"'),
      await post(app, '{"role":"king'),
      await post(app, ""),
      await post(app, "king", "text/king"),
      await post(app, { user: "king".repeat(5000) }),
      await app.inject({ url: "/v1/visitors/a.king/history", headers: staff }),
      await app.inject({ url: `/v1/visitors/${"king".repeat(50)}/history`, headers: staff }),
      await app.inject({ url: "/v1/king%zz" }),
    ].map((answer) => answer.json() as { code: string; msg: string });
    expect(said.map(({ msg }) => msg)).toEqual([
      'role: must be "visitor" or "agent" or "supervisor" or "admin"',
      `user: must be ${id}`,
      "body: must be an object",
      "body: must be JSON",
      "body: must be JSON",
      "content-type: must be application/json",
      "body: must be at most 16384 bytes",
      `id: must be ${id}`,
      "path: must hold no id of more than 64 characters",
      "path: must be percent-encoded UTF-8",
    ]);
    for (const answer of said) expect(Object.keys(answer)).toEqual(["code", "msg", "retry"]);
  });

  it("gives strangers anonymous visitors, and in production nothing else", async () => {
    const { app, tokens } = await served();
    const given = (await post(app, {})).json() as { token: string; user: string };
    expect(given.user).toBe("anon-abcdefgh12345678");
    expect(await tokens.verify(given.token)).toMatchObject({
      tenant: "demo",
      role: "visitor",
      user: given.user,
    });
    for (const wish of [
      { role: "agent" },
      { role: "admin" },
      { user: "ann" },
      { role: "visitor", user: "ann" },
    ])
      expect((await post(app, wish)).statusCode).toBe(403);
  });

  it("gives any role in development", async () => {
    const { app, tokens } = await served({ dev: true });
    const given = (await post(app, { role: "agent", user: "amy" })).json() as { token: string };
    expect(await tokens.verify(given.token)).toMatchObject({ role: "agent", user: "amy" });
  });

  it("refuses what is malformed, too large, or names a tenant that does not exist", async () => {
    const { app } = await served({ dev: true });
    const statuses = [];
    for (const wish of ["{", '"x"', "[]", { role: "king" }, { user: "a/b" }, { tenant: "A" }])
      statuses.push((await post(app, wish)).statusCode);
    expect(statuses).toEqual([400, 400, 400, 400, 400, 400]);
    expect((await post(app, { tenant: "nobody" })).statusCode).toBe(404);
    expect((await post(app, { user: "x".repeat(20_000) })).statusCode).toBe(413);
    expect((await post(app, "a=b", "application/x-www-form-urlencoded")).statusCode).toBe(415);
  });

  const from = (app: FastifyInstance, remoteAddress: string, forwarded?: string): Promise<number> =>
    app
      .inject({
        method: "POST",
        url: "/v1/tokens",
        remoteAddress,
        headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded },
        payload: {},
      })
      .then(({ statusCode }) => statusCode);
  const flood = async (app: FastifyInstance, address: string, forwarded?: () => string): Promise<void> => {
    for (let i = 0; i < 300; i++) await from(app, address, forwarded?.());
    expect(await from(app, address, forwarded?.())).toBe(429);
  };

  it("are left for others when one address asks for all of them", async () => {
    const { app, clock } = await served();
    await flood(app, "203.0.113.7");
    expect(await from(app, "203.0.113.8")).toBe(200);
    expect(await from(app, "2001:db8::1")).toBe(200);
    await flood(app, "2001:db8::1");
    expect(await from(app, "2001:db8::ffff:1:2")).toBe(429);
    expect(await from(app, "2001:db8:0:1::1")).toBe(200);
    for (let i = 0; i < 2000; i++) {
      clock.advance(5);
      for (let greedy = 0; greedy < 3; greedy++) await from(app, "203.0.113.7");
      if (i % 200 === 0) expect(await from(app, "203.0.113.8")).toBe(200);
    }
  });

  it("believes X-Forwarded-For of trusted proxies alone", async () => {
    let n = 0;
    const invented = (): string => `198.51.100.${n++ % 250}`;
    const alone = await served();
    await flood(alone.app, "203.0.113.7", invented);
    const behind = await served({ trustedProxies: ["10.0.0.0/8"] });
    await flood(behind.app, "203.0.113.7", invented);
    await flood(behind.app, "10.1.2.3", () => "203.0.113.7");
    await flood(behind.app, "10.1.2.3", () => `${invented()}, 203.0.113.9`);
    expect(await from(behind.app, "10.1.2.3", "203.0.113.8")).toBe(200);
    expect(await from(behind.app, "10.1.2.3", "no address")).toBe(200);
  });

  it("is rate limited for all together", async () => {
    const { app, clock } = await served();
    const statuses = new Set<number>();
    for (let i = 0; i < 220; i++) statuses.add((await post(app, {})).statusCode);
    expect(statuses).toEqual(new Set([200]));
    expect((await post(app, {})).statusCode).toBe(429);
    clock.advance(1000);
    expect((await post(app, {})).statusCode).toBe(200);
  });
});

describe("pages", () => {
  async function withFiles(): Promise<Served> {
    const root = mkdtempSync(join(tmpdir(), "usher-pages-"));
    ends.push(() => rmSync(root, { recursive: true, force: true }));
    for (const folder of ["client", "server", "web/demo", "client-secret"])
      mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, "web/demo/index.html"), "<!doctype html>");
    writeFileSync(join(root, "client/a.ts"), "export const one: number = 1;\n");
    writeFileSync(join(root, "client/key.pem"), "secret");
    writeFileSync(join(root, "client-secret/b.ts"), "secret");
    writeFileSync(join(root, "server/main.ts"), "secret");
    return served({ dev: true, root: `${root}/` });
  }

  it("serves the demo page and modules without their types, under a strict policy", async () => {
    const { app } = await withFiles();
    const page = await app.inject({ url: "/" });
    expect(page.headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
    expect(page.headers["content-security-policy"]).toContain("default-src 'self'");
    const module = await app.inject({ url: "/client/a.ts" });
    expect(module.headers["content-type"]).toBe("text/javascript; charset=utf-8");
    expect(module.body).not.toContain(": number");
  });

  it("serves nothing from elsewhere", async () => {
    const { app } = await withFiles();
    for (const url of [
      "/client/../server/main.ts",
      "/client/..%2fserver/main.ts",
      "/client/%2e%2e/server/main.ts",
      "/client/..%2fclient-secret/b.ts",
      "/client/..%2f..%2f..%2fetc/passwd",
      "/client//etc/passwd",
      "/client/a.ts%00.html",
      "/client/key.pem",
      "/client/none.ts",
      "/client/",
      "/server/main.ts",
    ]) {
      expect([url, await status(app, url)]).toEqual([url, 404]);
    }
  });

  it("gives the demo's agents tokens of their own", async () => {
    const { app, tokens } = await withFiles();
    const demo = (await app.inject({ url: "/v1/demo" })).json<{
      tenant: TenantId;
      agents: { token: string; user: string }[];
    }>();
    expect(demo.agents.length).toBeGreaterThan(0);
    for (const { token, user } of demo.agents)
      expect(await tokens.verify(token)).toMatchObject({ tenant: demo.tenant, role: "agent", user });
  });
});

describe("tokens", () => {
  it("verifies what it signed, until it ends", async () => {
    const clock = manualClock();
    const tokens = jwtTokens("x".repeat(32), () => clock.wall());
    const { token, expiresAt } = await tokens.issue({ tenant: "demo", role: "visitor", user: "ann" }, 10_000);
    expect(await tokens.verify(token)).toEqual({ tenant: "demo", role: "visitor", user: "ann", expiresAt });
    clock.advance(11_000);
    expect(await tokens.verify(token)).toBeUndefined();
  });

  it("takes no token without a signature, of another kind, or without what it needs", async () => {
    const clock = manualClock();
    const tokens = jwtTokens("x".repeat(32), () => clock.wall());
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { tid: "demo", role: "admin", sub: "root", exp: Math.floor(clock.wall() / 1000) + 60 };
    const { token } = await tokens.issue({ tenant: "demo", role: "visitor", user: "ann" }, 10_000);
    const [head = "", , signature = ""] = token.split(".");
    for (const wrong of [
      "",
      "a.b.c",
      `${part({ alg: "none" })}.${part(claims)}.`,
      `${head}.${part(claims)}.${signature}`,
      token.slice(0, -2),
    ])
      expect(await tokens.verify(wrong)).toBeUndefined();
  });
});
