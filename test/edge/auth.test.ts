import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { jwtTokens } from "../../edge/auth.ts";

const secret = "a-secret-of-at-least-thirty-two-bytes";
const now = 1_700_000_000_000;
const tokens = jwtTokens(secret, () => now);
const claims = { tid: "demo", role: "visitor", sub: "ann", exp: now / 1000 + 60 };

/** A token with any header and payload, signed as told. */
function forge(payload: unknown, header: unknown = { alg: "HS256" }, key = secret, hash = "sha256"): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part(header)}.${part(payload)}`;
  return `${signed}.${createHmac(hash, key).update(signed).digest("base64url")}`;
}

describe("tokens", () => {
  it("say who somebody is, until when", async () => {
    const { token, expiresAt } = await tokens.issue({ tenant: "demo", role: "agent", user: "amy" }, 90_500);
    expect(expiresAt).toBe(now + 90_000);
    expect(await tokens.verify(token)).toEqual({ tenant: "demo", role: "agent", user: "amy", expiresAt });
  });

  it("of another maker are read as well, if they know the secret", async () => {
    const found = await tokens.verify(forge({ ...claims, nbf: now / 1000 }, { alg: "HS256", typ: "JWT" }));
    expect(found).toEqual({ tenant: "demo", role: "visitor", user: "ann", expiresAt: now + 60_000 });
  });

  const [head = "", body = "", mark = ""] = forge(claims).split(".");
  it.each<[string, string]>([
    ["another secret", forge(claims, { alg: "HS256" }, `${secret}!`)],
    ["no signature", `${head}.${body}.`],
    ["two parts", `${head}.${body}`],
    ["the algorithm none", `${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.`],
    ["none, and a signature", forge(claims, { alg: "none" })],
    ["another algorithm", forge(claims, { alg: "HS512" }, secret, "sha512")],
    ["an asymmetric algorithm", forge(claims, { alg: "RS256" })],
    ["no algorithm", forge(claims, {})],
    ["another payload", `${head}.${Buffer.from('{"sub":"eve"}').toString("base64url")}.${mark}`],
    ["an end that is over", forge({ ...claims, exp: now / 1000 })],
    ["no end", forge({ tid: "demo", role: "visitor", sub: "ann" })],
    ["an end that is no number", forge({ ...claims, exp: "tomorrow" })],
    ["a beginning that is to come", forge({ ...claims, nbf: now / 1000 + 1 })],
    ["a beginning that is no number", forge({ ...claims, nbf: "now" })],
    ["no user", forge({ tid: "demo", role: "visitor", exp: claims.exp })],
    ["a user that is no text", forge({ ...claims, sub: 7 })],
    ["a tenant that is no text", forge({ ...claims, tid: ["demo"] })],
    ["no role", forge({ tid: "demo", sub: "ann", exp: claims.exp })],
    ["a payload that is no object", forge("ann")],
    ["nothing", ""],
    ["dots alone", ".."],
    ["something else", "hello"],
    ["a megabyte", "x".repeat(1_000_000)],
  ])("with %s say nothing", async (_what, token) => {
    expect(await tokens.verify(token)).toBeUndefined();
  });
});
