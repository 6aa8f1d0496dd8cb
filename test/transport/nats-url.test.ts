import { describe, expect, it } from "vitest";
import { parseNatsUrls } from "../../transport/nats-url.ts";

describe("nats urls", () => {
  it.each([
    [["a"], { servers: ["a"] }],
    [["nats://a:4222/", "tls://b:1"], { servers: ["nats://a:4222", "tls://b:1"] }],
    [["nats://[::1]:4222"], { servers: ["nats://[::1]:4222"] }],
    [["u:p@a:1"], { servers: ["a:1"], access: { user: "u", pass: "p" } }],
    [["nats://u:p%40s%2Fs@a"], { servers: ["nats://a"], access: { user: "u", pass: "p@s/s" } }],
    [["nats://u:@a"], { servers: ["nats://a"], access: { user: "u", pass: "" } }],
    [["nats://t%3A1@a"], { servers: ["nats://a"], access: { token: "t:1" } }],
    [
      ["nats://a", "nats://u:p@b", "nats://v:q@c"],
      { servers: ["nats://a", "nats://b", "nats://c"], access: { user: "u", pass: "p" } },
    ],
  ])("reads %j", (urls, expected) => {
    expect(parseNatsUrls(urls)).toEqual(expected);
  });

  it.each([
    "nats://u:se@cret@h",
    "nats://u:secret",
    "nats://:secret@h",
    "nats://u:secret%@h",
    "nats://h:1/x",
    "",
  ])("refuses %s, without repeating a password", (url) => {
    expect(() => parseNatsUrls([url])).toThrow(/percent-encode/);
    expect(() => parseNatsUrls([url])).not.toThrow(/cret/);
  });
});
