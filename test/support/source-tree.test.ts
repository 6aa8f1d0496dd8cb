import { describe, expect, it } from "vitest";
import { readSource } from "./source-text.ts";
import { parseFile } from "./source-tree.ts";

describe("source text", () => {
  it("blanks comments, strings, templates and regular expressions, and keeps every position", () => {
    const raw = 'a("x//y", /["/*]/g); // b\n/* c */ const d = `e ${f({ g: "h" })} i`;\nreturn j / k / l;\n';
    const { code, comments } = readSource(raw);
    expect(code).toBe(
      'a("    ", /     /g);     \n        const d = `  ${f({ g: " " })}  `;\nreturn j / k / l;\n',
    );
    expect(comments.trim().split(/\s{2,}/)).toEqual(["// b\n/* c */"]);
    expect([code.length, comments.length]).toEqual([raw.length, raw.length]);
  });

  it("passes escapes, quotes in templates and templates in templates", () => {
    expect(readSource("x = '\\'' + `\\`` + `${`${y}`}\"` + z;").code).toBe(
      "x = '  ' + `  ` + `${`${y}`} ` + z;",
    );
  });

  it("reads a slash after a value as a division and after an operator as a regular expression", () => {
    expect(readSource("(a) / b / c; d[0] / 2; e = /f/; return /g/;").code).toBe(
      "(a) / b / c; d[0] / 2; e = / /; return / /;",
    );
  });
});

describe("source file", () => {
  it("names its imports, and tells types from values", () => {
    const { imports } = parseFile(
      "a/b.ts",
      `import x, { y as z, type W } from "../c.ts";
import type { T } from "./d.ts";
import * as all from "pkg";
import "./side.ts";
export { q } from "./e.ts";
// import { no } from "./comment.ts";
const lazy = await import("./f.ts");
const text = 'import { no } from "./string.ts"';`,
    );
    expect(
      imports.map(({ file, specifier, names, typeOnly, line }) => [file ?? specifier, names, typeOnly, line]),
    ).toEqual([
      ["c.ts", ["default", "y", "W"], false, 1],
      ["a/d.ts", ["T"], true, 2],
      ["pkg", ["*"], false, 3],
      ["a/e.ts", ["q"], false, 5],
      ["a/side.ts", [], false, 4],
      ["a/f.ts", ["*"], false, 7],
    ]);
  });

  it("names its exports with their docstrings and what their declarations mention", () => {
    const { exports } = parseFile(
      "a.ts",
      `/** Doc. */
export function f(x: T): void {}
export interface T { a: 1 }

/** Far above. */

export const c = 1;
export { d, e as g };`,
    );
    expect(exports.map(({ name, documented, isType }) => [name, documented, isType])).toEqual([
      ["f", true, false],
      ["T", false, true],
      ["c", false, false],
      ["d", true, false],
      ["g", true, false],
    ]);
    expect(exports[0]?.body).toContain("x: T");
    expect(exports[0]?.body).not.toContain("interface");
  });
});
