import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { startLocalNode, type LocalNode } from "../../compose/local/node.ts";
import { limits } from "../../protocol/limits.ts";

const shop = "https://shop.example";
const thief = "https://thief.example";

describe("a page of another site that embeds the SDK", () => {
  let node: LocalNode;
  let dir: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "usher-embedding-"));
    node = await startLocalNode({
      name: "alone",
      env: {
        USHER_TENANTS: "compose/tenants.example.json",
        USHER_DATA: dir,
        USHER_DEV: "0",
        USHER_ORIGINS: shop,
        USHER_TRUST_PROXY: "127.0.0.1",
      },
    });
  });
  afterAll(async () => {
    await node.process.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const ask = (origin: string, body: object, more: Record<string, string> = {}): Promise<Response> =>
    fetch(`${node.url}/v1/tokens`, {
      method: "POST",
      headers: { origin, "content-type": "application/json", ...more },
      body: JSON.stringify(body),
    });
  const allowed = ({ headers }: Response): string | null => headers.get("access-control-allow-origin");
  const connects = (origin: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = new WebSocket(node.socketUrl, limits.subprotocol, { origin });
      socket.on("open", () => {
        socket.close();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    });

  it("may ask for a token and read the answer, or the refusal, if it may connect", async () => {
    const preflight = await fetch(`${node.url}/v1/tokens`, {
      method: "OPTIONS",
      headers: {
        origin: shop,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
      },
    });
    expect([preflight.status, allowed(preflight)]).toEqual([204, shop]);
    expect(preflight.headers.get("access-control-allow-headers")).toContain("content-type");
    const given = await ask(shop, {});
    expect([given.status, allowed(given), given.headers.get("vary")]).toEqual([200, shop, "origin"]);
    const refused = await ask(shop, { user: "a b" });
    expect([refused.status, allowed(refused)]).toEqual([400, shop]);
    expect(await refused.json()).toMatchObject({
      code: "INVALID",
      msg: "user: must be a string that matches ^[A-Za-z0-9_-]{1,64}$",
    });
    expect(await connects(shop)).toBe(true);
  });

  it("reads nothing if it may not connect", async () => {
    expect(allowed(await ask(thief, {}))).toBeNull();
    expect(await connects(thief)).toBe(false);
  });

  it("leaves tokens for visitors at other addresses, however many it asks for", async () => {
    const from = async (address: string): Promise<Response> => ask(shop, {}, { "x-forwarded-for": address });
    const flood = (): Promise<Response>[] => Array.from({ length: 500 }, () => from("203.0.113.7"));
    const before = flood();
    const among = [...Array(10).keys()].map((i) => from(`203.0.113.${100 + i}`));
    const greedy = await Promise.all([...before, ...flood()]);
    const refused = greedy.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(allowed(answer)).toBe(shop);
      expect(answer.headers.get("access-control-expose-headers")).toBe("retry-after");
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect((await Promise.all(among)).map(({ status }) => status)).toEqual(Array(10).fill(200));
  });
});
