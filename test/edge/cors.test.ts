import { afterEach, describe, expect, it } from "vitest";
import type { FastifyInstance } from "fastify";
import type { HttpParts } from "../../edge/http/http.ts";
import { serveHttp, type Served } from "./serve-http.ts";

const shop = "https://shop.example";
const thief = "https://thief.example";
type Answer = Awaited<ReturnType<FastifyInstance["inject"]>>;

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function served(more: Partial<HttpParts> = {}): Promise<Served> {
  const one = await serveHttp({ origins: [shop], ...more });
  ends.push(() => one.app.close());
  return one;
}

/** The answer's headers that browsers look at before a page sees it. */
function sharing({ headers }: Answer): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith("access-control-") || name === "vary"),
  );
}

const preflight = (app: FastifyInstance, url: string, origin: string): Promise<Answer> =>
  app.inject({
    method: "OPTIONS",
    url,
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  });
const shared = {
  "access-control-allow-origin": shop,
  "access-control-expose-headers": "retry-after",
  vary: "origin",
};

describe("pages of other origins", () => {
  it("are told beforehand what they may send", async () => {
    const { app } = await served();
    const answer = await preflight(app, "/v1/tokens", shop);
    expect([answer.statusCode, answer.body]).toEqual([204, ""]);
    expect(sharing(answer)).toEqual({
      ...shared,
      "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
      "access-control-allow-headers": "authorization, content-type, idempotency-key",
      "access-control-max-age": "7200",
    });
  });

  it("read answers and refusals of all kinds", async () => {
    const { app, bearer } = await served({
      locate: () => {
        throw new Error("a bug");
      },
    });
    const headers = { origin: shop };
    const staff = { ...headers, ...(await bearer("agent", "amy")) };
    const answers = [
      await app.inject({ method: "POST", url: "/v1/tokens", headers, payload: {} }),
      await app.inject({ method: "POST", url: "/v1/tokens", headers, payload: { role: "king" } }),
      await app.inject({ method: "POST", url: "/v1/tokens", headers, payload: { user: "x".repeat(20_000) } }),
      await app.inject({ url: "/v1/locate", headers }),
      await app.inject({ url: "/v1/locate", headers: staff }),
      await app.inject({ url: "/v1/visitors/ann/history", headers: staff }),
      await app.inject({ url: "/v1/nothing", headers }),
      await app.inject({ url: `/v1/visitors/${"x".repeat(200)}/history`, headers: staff }),
      await app.inject({ url: "/v1/%zz", headers }),
    ];
    expect(answers.map((answer) => answer.statusCode)).toEqual([200, 400, 413, 401, 500, 200, 404, 414, 400]);
    expect(answers.map(sharing)).toEqual(answers.map(() => shared));
  });

  it("learn when to come back", async () => {
    const { app } = await served();
    const headers = { origin: shop };
    let answer = await app.inject({ method: "POST", url: "/v1/tokens", headers, payload: {} });
    while (answer.statusCode === 200)
      answer = await app.inject({ method: "POST", url: "/v1/tokens", headers, payload: {} });
    expect([answer.statusCode, answer.headers["retry-after"]]).toEqual([429, "1"]);
    expect(sharing(answer)).toEqual(shared);
  });

  it("are the same that may open WebSockets: those that are named, or all where none is", async () => {
    const { app } = await served();
    for (const origin of [thief, "null", "https://shop.example.evil", "http://shop.example"]) {
      expect(sharing(await preflight(app, "/v1/tokens", origin))).toEqual({ vary: "origin" });
      const answer = await app.inject({
        method: "POST",
        url: "/v1/tokens",
        headers: { origin },
        payload: {},
      });
      expect(sharing(answer)).toEqual({ vary: "origin" });
    }
    const open = await served({ origins: [] });
    for (const origin of [shop, thief, "null"])
      expect(sharing(await preflight(open.app, "/v1/tokens", origin))).toMatchObject({
        "access-control-allow-origin": origin,
      });
  });

  it("get nothing but what is under /v1, and never with credentials", async () => {
    const { app } = await served({ origins: [] });
    for (const url of ["/metrics", "/health/live", "/health/ready", "/admin/placement", "/", "/v10"]) {
      expect([url, sharing(await app.inject({ url, headers: { origin: shop } }))]).toEqual([url, {}]);
      expect([url, (await preflight(app, url, shop)).statusCode]).toEqual([url, 404]);
    }
    const answer = await preflight(app, "/v1/tokens", shop);
    expect(answer.headers).not.toHaveProperty("access-control-allow-credentials");
  });
});

describe("pages of other origins in development", () => {
  const ask = async (
    app: FastifyInstance,
    origin: string | undefined,
    payload: object,
    host = "chat.example:8080",
  ): Promise<number> =>
    (
      await app.inject({
        method: "POST",
        url: "/v1/tokens",
        headers: { host, ...(origin === undefined ? {} : { origin }) },
        payload,
      })
    ).statusCode;

  it("get anonymous visitors, but nobody's token, where no origin is named", async () => {
    const { app } = await served({ dev: true, origins: [] });
    expect(await ask(app, thief, {})).toBe(200);
    for (const wish of [{ role: "admin" }, { role: "visitor", user: "ann" }]) {
      for (const origin of [thief, "null", "https://localhost.evil", "http://chat.example:9090"])
        expect([origin, await ask(app, origin, wish)]).toEqual([origin, 403]);
      const own = "http://chat.example:8080";
      for (const origin of [undefined, own, "http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]"])
        expect([origin, await ask(app, origin, wish)]).toEqual([origin, 200]);
    }
    const demo = (origin: string): Promise<Answer> => app.inject({ url: "/v1/demo", headers: { origin } });
    expect((await demo(thief)).statusCode).toBe(403);
    expect((await demo("http://localhost:5173")).statusCode).toBe(200);
  });

  it("get everybody's where the operator names their origin", async () => {
    const { app } = await served({ dev: true });
    expect(await ask(app, shop, { role: "agent", user: "amy" })).toBe(200);
  });
});
