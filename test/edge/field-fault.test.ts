import * as fc from "fast-check";
import { Compile } from "typebox/compile";
import { describe, expect, it } from "vitest";
import { fieldFault } from "../../edge/field-fault.ts";
import { frameParser } from "../../edge/frame-parser.ts";
import { commandSchemas, requestSchemas } from "../../protocol/frames.ts";
import { limits } from "../../protocol/limits.ts";

const schemas = { ...commandSchemas, ...requestSchemas };
const id = "a string that matches ^[A-Za-z0-9_-]{1,64}$";
const send = {
  t: "send",
  conv: "s.ann.1",
  p: "p",
  n: 1,
  after: 0,
  body: { kind: "text", text: "hello" } as object,
};
const quick = { kind: "quick", text: "which?", options: ["a", "b"] as unknown[] };

describe("a field's fault", () => {
  it.each([
    [{ ...send, body: undefined }, "body: must be an object"],
    [{ ...send, body: { kind: "text" } }, "body.text: must be a string of 1 to 16000 characters"],
    [{ ...send, body: { kind: "text", text: 5 } }, "body.text: must be a string of 1 to 16000 characters"],
    [
      { ...send, body: { kind: "shout", text: "hey" } },
      'body.kind: must be "text" or "attachment" or "card" or "quick"',
    ],
    [
      { ...send, body: { ...quick, options: ["a", "", "c"] } },
      "body.options[1]: must be a string of 1 to 256 characters",
    ],
    [{ ...send, body: { ...quick, options: [] } }, "body.options: must be an array of 1 to 20 items"],
    [
      { ...send, body: { kind: "card", title: "t", url: 7 } },
      "body.url: must be a string of at most 2048 characters",
    ],
    [{ ...send, t: "rate", stars: 6 }, "stars: must be an integer from 1 to 5"],
    [{ ...send, t: "recall", seq: 0.5 }, "seq: must be an integer of at least 1"],
    [{ ...send, t: "status", status: "gone" }, 'status: must be "available" or "away"'],
    [{ ...send, t: "create", title: "us", members: ["amy", "b c"] }, `members[1]: must be ${id}`],
    [{ t: "follow", id: "", conv: "g.1" }, "id: must be a string of 1 to 64 characters or an integer"],
    [{ t: "follow", id: 1, conv: "g.1", cursor: [1] }, "cursor: must be an array of 2 items"],
    [{ t: "follow", id: 1, conv: "g.1", cursor: [1, -1] }, "cursor[1]: must be an integer of at least 0"],
    [{ t: "dack", acks: { "a secret": -1 } }, "acks.*: must be an integer of at least 0"],
    [{ t: "dack", acks: 3 }, "acks: must be an object"],
  ])("of %j is named with what fits", (frame, fault) => {
    expect(fieldFault(schemas[frame.t as keyof typeof schemas], frame)).toBe(fault);
  });

  it("of the whole input is named by what the input is called", () => {
    expect(fieldFault(requestSchemas.dack, "text")).toBe("body: must be an object");
    expect(fieldFault(requestSchemas.dack.properties.t, "a b", "id")).toBe('id: must be "dack"');
  });

  it("is found exactly where the check fails, and holds nothing of what was sent", () => {
    const secret = "Sesame";
    const anything = fc.oneof(
      fc.constant(secret),
      fc.constant(`${secret}/`),
      fc.constant({ kind: secret, [secret]: secret }),
      fc.constant({ kind: "quick", options: [secret, { [secret]: 1 }] }),
      fc.constant({ [secret]: [secret, secret] }),
      fc.constant([secret]),
      fc.jsonValue(),
    );
    const values = fc.dictionary(
      fc.constantFrom(
        "conv",
        "p",
        "n",
        "after",
        "body",
        "id",
        "acks",
        "cursors",
        "title",
        "members",
        "stars",
      ),
      anything,
    );
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(schemas)), values, (t, fields) => {
        const schema = schemas[t as keyof typeof schemas];
        const fault = fieldFault(schema, { ...fields, t });
        expect(fault === undefined).toBe(Compile(schema).Check({ ...fields, t }));
        expect(fault ?? "").not.toContain(secret);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a refused frame", () => {
  const parse = frameParser();
  const of = (frame: object): unknown => parse(JSON.stringify(frame));

  it("tells the field", () => {
    expect(of({ ...send, t: "rate", stars: 9 })).toMatchObject({
      kind: "refused",
      code: "INVALID",
      msg: "stars: must be an integer from 1 to 5",
    });
    const text = "x".repeat(limits.maxTextUnits + 1);
    expect(of({ ...send, body: { kind: "text", text } })).toMatchObject({
      kind: "refused",
      code: "TOO_LARGE",
      msg: "body.text: must be a string of 1 to 16000 characters",
    });
    const meta = "x".repeat(limits.maxMetaBytes);
    expect(of({ t: "open", p: "p", n: 1, after: 0, channel: "web", meta })).toMatchObject({
      kind: "refused",
      code: "TOO_LARGE",
      msg: "meta: must be at most 4096 bytes of JSON",
    });
  });

  it("tells it also where the connection closes", () => {
    expect(of({ ...send, p: "a b" })).toEqual({ kind: "bad", reason: `malformed send: p: must be ${id}` });
    expect(of({ ...send, after: 1 })).toEqual({
      kind: "bad",
      reason: "malformed send: after: must be less than n",
    });
    expect(of({ t: "auth", token: "t", device: "a b", attempt: 1 })).toEqual({
      kind: "bad",
      reason: `malformed auth: device: must be ${id}`,
    });
  });
});
