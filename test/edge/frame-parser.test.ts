import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frameParser } from "../../edge/frame-parser.ts";
import { limits } from "../../protocol/limits.ts";

const parse = frameParser();
const of = (frame: unknown): ReturnType<typeof parse> => parse(JSON.stringify(frame));

const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const conv = fc.oneof(
  fc.tuple(id, fc.stringMatching(/^[0-9a-z]{1,10}$/)).map(([user, n]) => `s.${user}.${n}`),
  id.map((group) => `g.${group}`),
);
const numbers = fc
  .nat(2 ** 30)
  .chain((after) =>
    fc.record({ p: id, after: fc.constant(after), n: fc.integer({ min: after + 1, max: 2 ** 31 }) }),
  );
const short = fc.string({ minLength: 1, maxLength: 256 });
const body = fc.oneof(
  fc.record({ kind: fc.constant("text"), text: fc.string({ minLength: 1, maxLength: 200 }) }),
  fc.record({
    kind: fc.constant("attachment"),
    url: short,
    name: short,
    mime: fc.constant("image/png"),
    bytes: fc.nat(),
  }),
  fc.record({ kind: fc.constant("card"), title: short }),
  fc.record({
    kind: fc.constant("quick"),
    text: fc.string({ maxLength: 50 }),
    options: fc.array(short, { minLength: 1, maxLength: 20 }),
  }),
);
const meta = fc.dictionary(id, fc.string({ maxLength: 20 }), { maxKeys: 8 });
const command = fc
  .oneof(
    fc.record({ t: fc.constantFrom("send", "note"), conv, body }),
    fc.record({ t: fc.constantFrom("close", "takeover", "join", "leave", "human", "transfer"), conv }),
    fc.record({ t: fc.constant("rate"), conv, stars: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ t: fc.constant("recall"), conv, seq: fc.integer({ min: 1, max: 2 ** 40 }) }),
    fc.record({ t: fc.constant("status"), status: fc.constantFrom("available", "away") }),
    fc.record({ t: fc.constant("open"), channel: id, meta }),
    fc.record({ t: fc.constant("create"), conv, title: short, members: fc.array(id, { maxLength: 10 }) }),
  )
  .chain((fields) => numbers.map((number) => ({ ...fields, ...number })));
const requestId = fc.oneof(fc.string({ minLength: 1, maxLength: 64 }), fc.integer());
const acks = fc.dictionary(fc.string(), fc.nat());
const request = fc.oneof(
  fc.record({ t: fc.constant("follow"), id: requestId, conv }),
  fc.record({ t: fc.constantFrom("unfollow", "typing"), conv }),
  fc.record({ t: fc.constant("sync"), id: requestId, conv, after: fc.nat() }),
  fc.record({ t: fc.constant("read"), conv, seq: fc.nat() }),
  fc.record({ t: fc.constantFrom("ping", "pong", "dack"), acks }),
  fc.record({
    t: fc.constant("auth"),
    token: short,
    device: id,
    attempt: fc.integer({ min: 1 }),
    cursors: fc.dictionary(fc.string(), fc.tuple(fc.nat(), fc.nat())),
  }),
);

describe("frame parser", () => {
  it("never throws, whatever comes", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((value) => JSON.stringify(value)),
        ),
        (text) => {
          expect(["bad", "unknown", "request", "command", "refused"]).toContain(parse(text).kind);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("never throws for a frame with any field replaced by anything, and passes nothing invalid", () => {
    const anything = fc.oneof(fc.jsonValue(), fc.constant(-1), fc.constant(1.5), fc.constant(2 ** 60));
    fc.assert(
      fc.property(fc.oneof(command, request), fc.nat(), anything, (frame, at, value) => {
        const keys = Object.keys(frame);
        const key = keys[at % keys.length] ?? "t";
        const parsed = of({ ...frame, [key]: value });
        if (parsed.kind === "command") {
          const { p, n, after } = parsed.header;
          expect(p).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
          expect(Number.isSafeInteger(n) && n > after && after >= 0).toBe(true);
          expect(parsed.frame).toMatchObject({ p, n, after });
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("passes valid frames unchanged", () => {
    fc.assert(
      fc.property(command, (frame) => {
        const { p, n, after } = frame;
        const target = "conv" in frame ? { conv: frame.conv } : {};
        const parsed = of(frame);
        expect(parsed).toMatchObject({ kind: "command", frame, header: { p, n, after, ...target } });
      }),
    );
    fc.assert(
      fc.property(request, (frame) => {
        const plain: unknown = JSON.parse(JSON.stringify(frame));
        expect(of(frame)).toEqual({ kind: "request", frame: plain });
      }),
    );
  });

  it("takes no conversation from a command to the author's own session", () => {
    const status = { t: "status", p: "p", n: 1, after: 0, status: "away", conv: "../x" };
    expect(of(status)).toMatchObject({ kind: "command", header: { p: "p", n: 1 } });
    expect(of(status)).not.toHaveProperty("header.conv");
  });

  it("gives one content one digest, whatever its number, and another content another", () => {
    const send = { t: "send", conv: "s.ann.1", p: "p", n: 1, after: 0, body: { kind: "text", text: "a" } };
    const digest = (frame: object): number => {
      const parsed = of(frame);
      if (parsed.kind !== "command") throw new Error(parsed.kind);
      return parsed.header.digest;
    };
    expect(digest({ ...send, p: "q", n: 9, after: 3 })).toBe(digest(send));
    expect(digest({ ...send, body: { kind: "text", text: "b" } })).not.toBe(digest(send));
  });

  it("keeps the number of a command whose content is refused", () => {
    const header = { p: "p", n: 2, after: 1 };
    const text = "x".repeat(limits.maxTextUnits + 1);
    const long = { t: "send", conv: "s.ann.1", ...header, body: { kind: "text", text } };
    expect(of(long)).toMatchObject({ kind: "refused", code: "TOO_LARGE", header });
    expect(of({ ...long, body: { kind: "shout" } })).toMatchObject({ kind: "refused", code: "INVALID" });
    expect(of({ t: "rate", conv: "s.ann.1", ...header, stars: 6 })).toMatchObject({ kind: "refused" });
  });

  it("counts meta in bytes, not in characters", () => {
    const open = (length: number): object => ({
      t: "open",
      p: "p",
      n: 1,
      after: 0,
      channel: "web",
      meta: "漢".repeat(length),
    });
    expect(of(open(1300)).kind).toBe("command");
    expect(of(open(1400))).toMatchObject({ kind: "refused", code: "TOO_LARGE" });
  });

  it("takes no number for good that cannot be counted, and no conversation that is none", () => {
    const send = { t: "send", conv: "s.ann.1", p: "p", n: 1, after: 0, body: { kind: "text", text: "a" } };
    for (const wrong of [
      { n: 0 },
      { n: 1.5 },
      { n: 1, after: 1 },
      { n: 2 ** 50 },
      { after: -1 },
      { p: "a b" },
      { p: "" },
      { conv: "s.ann" },
      { conv: "s.ann.1\n" },
      { conv: "x.ann.1" },
    ])
      expect(of({ ...send, ...wrong }).kind).toBe("bad");
  });

  it("ignores frames and fields of other versions", () => {
    expect(of({ t: "dance" })).toEqual({ kind: "unknown" });
    expect(of({ t: "__proto__" })).toEqual({ kind: "unknown" });
    expect(of({ t: "constructor" })).toEqual({ kind: "unknown" });
    expect(of({ t: "ping", mood: 1 }).kind).toBe("request");
  });
});
