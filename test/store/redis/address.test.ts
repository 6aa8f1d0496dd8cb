import { describe, expect, it } from "vitest";
import { parseRedisUrl } from "../../../store/redis/address.ts";

function read(url: string): string {
  const { cluster, servers } = parseRedisUrl(url);
  const access = servers[0]?.access;
  const who = `${access?.username ?? "-"}/${access?.password ?? "-"}/${access?.db}${access?.tls ? "/tls" : ""}`;
  return `${cluster ? "cluster " : ""}${servers.map(({ host, port }) => `${host}:${port}`).join(" ")} ${who}`;
}

describe("redis url", () => {
  it.each([
    ["redis://localhost", "localhost:6379 -/-/0"],
    ["redis://10.0.0.1:7000/", "10.0.0.1:7000 -/-/0"],
    ["redis://[::1]:7000/3", "::1:7000 -/-/3"],
    ["rediss://:p%3As@h", "h:6379 -/p:s/0/tls"],
    ["redis://u:p@h:1/2", "h:1 u/p/2"],
    ["redis-cluster://a:1,b:2,c", "cluster a:1 b:2 c:6379 -/-/0"],
    ["rediss-cluster://u:p@a:1,b:2", "cluster a:1 b:2 u/p/0/tls"],
  ])("reads %s", (url, expected) => {
    expect(read(url)).toBe(expected);
  });

  it.each([
    "http://h",
    "redis://",
    "redis://a:1,b:2",
    "redis-cluster://a:1/2",
    "redis://h:99999",
    "redis://h:x",
    "redis://u:secret@h:1/x",
    "redis://u:s@secret@h",
    "redis-cluster://u:p@a:1,v:secret@b:1",
    "redis://u:secret%@h",
  ])("refuses %s, without repeating a password", (url) => {
    expect(() => parseRedisUrl(url)).toThrow(expect.objectContaining({ code: "STORE_CONFIG" }));
    expect(() => parseRedisUrl(url)).not.toThrow(/secret/);
  });

  it("says how to write a password with an @ in it", () => {
    expect(() => parseRedisUrl("redis://u:p@ss@h")).toThrow("percent-encode @");
    expect(read("redis://u:p%40ss@h")).toBe("h:6379 u/p@ss/0");
  });
});
