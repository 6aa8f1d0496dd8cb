import { readFileSync } from "node:fs";
import { Compile } from "typebox/compile";
import { describe, expect, it } from "vitest";
import { closeCodes, codes } from "../../protocol/codes.ts";
import { commandSchemas, requestSchemas } from "../../protocol/frames.ts";

const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
const tables = page.replaceAll(/ {2,}/g, " ");
const schemas = { ...commandSchemas, ...requestSchemas };
const examples = page
  .split("\n")
  .map((line) => line.replace(/^(c|client) +/, ""))
  .filter((line) => line.startsWith('{"t":'))
  .map((line) => ({ line, t: /^\{"t":"(\w+)"/.exec(line)?.[1] ?? "" }))
  .filter(({ line, t }) => t in schemas && line.endsWith("}"));

describe("the page on the wire protocol", () => {
  it("has an example of every client frame but pong", () => {
    const shown = new Set(examples.map(({ t }) => t));
    expect(Object.keys(schemas).filter((t) => !shown.has(t) && t !== "pong")).toEqual([]);
  });

  it("shows only client frames that the server accepts", () => {
    const answers = /^\{"t":"(list".*"convs"|(read|typing)".*"user")/;
    for (const { line, t } of examples) {
      const frame: unknown = JSON.parse(line);
      if (answers.test(line)) continue;
      expect(Compile(schemas[t as keyof typeof schemas]).Check(frame), line).toBe(true);
    }
  });

  it("names every code with its retry and every close code", () => {
    for (const [code, { retry }] of Object.entries(codes))
      expect(tables).toContain(`| \`${code}\` | ${retry} |`);
    for (const code of Object.values(closeCodes)) expect(tables).toContain(`| ${code} |`);
  });

  it("names every kind of event and of server frame", () => {
    const source = (name: string): string =>
      readFileSync(new URL(`../../protocol/${name}.ts`, import.meta.url), "utf8");
    const body = source("events").split("export type EventBody")[1]?.split("export type EventKind")[0] ?? "";
    const kinds = [...body.matchAll(/readonly kind: "(\w+)"/g)].map(([, kind]) => kind ?? "");
    const frames = source("frames").split("export type ServerFrame")[1] ?? "";
    const names = [...frames.matchAll(/readonly t: "(\w+)"/g)].map(([, t]) => t ?? "");
    expect(kinds.length).toBeGreaterThan(10);
    expect(names.length).toBeGreaterThan(15);
    for (const name of [...kinds, ...names]) expect(page).toContain(`\`${name}\``);
  });
});
