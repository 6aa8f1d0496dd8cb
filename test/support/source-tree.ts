import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { lineAt, readSource, type SourceText } from "./source-text.ts";

/** One import or re-export. */
export interface Import {
  readonly specifier: string;
  /** The imported file inside the repository; undefined for packages and Node's own modules. */
  readonly file: string | undefined;
  /** What is taken from it; `*` for a namespace, a dynamic import or a re-export of all. */
  readonly names: readonly string[];
  /** Erased when the program runs. */
  readonly typeOnly: boolean;
  readonly line: number;
}

/** One exported name. */
export interface Export {
  readonly name: string;
  readonly line: number;
  /** Whether a docstring ends on the line above; a word to the linter may stand between. */
  readonly documented: boolean;
  /** Gone when the program runs. */
  readonly isType: boolean;
  /** The code of the declaration, up to the next one; empty for lists of names. */
  readonly body: string;
}

/** One source file. */
export interface Source extends SourceText {
  /** Path from the root of the repository. */
  readonly path: string;
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
}

/** The root of the repository. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

const skipped = new Set(["node_modules", "data", "coverage"]);

/** Paths of all files whose name ends so, from the root of the repository, sorted. */
export function filesOf(endings: readonly string[]): string[] {
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (entry.name.startsWith(".") || skipped.has(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (endings.some((ending) => entry.name.endsWith(ending))) found.push(path);
    }
  };
  walk("");
  return found.toSorted();
}

/** All TypeScript sources of the repository, tests included. */
export function readTree(): Source[] {
  return filesOf([".ts"]).map((path) => parseFile(path, readFileSync(join(root, path), "utf8")));
}

/** Finds imports and exports of one source. */
export function parseFile(path: string, raw: string): Source {
  const text = readSource(raw);
  return { path, ...text, imports: importsOf(path, text), exports: exportsOf(text) };
}

const fromClause = /\b(import|export)\s+(type\s+)?([^;"'`()=]*?)\s*\bfrom\s*["']/g;
const bareImport = /\bimport\s*["']/g;
const dynamicImport = /\bimport\s*\(\s*["']/g;

function importsOf(path: string, { raw, code }: SourceText): Import[] {
  const found: Import[] = [];
  const add = (match: RegExpExecArray, names: readonly string[], typeOnly: boolean): void => {
    const begin = match.index + match[0].length;
    const specifier = raw.slice(begin, raw.indexOf(raw[begin - 1] ?? "", begin));
    const file = specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : undefined;
    found.push({ specifier, file, names, typeOnly, line: lineAt(raw, match.index) });
  };
  for (const match of code.matchAll(fromClause)) add(match, namesOf(match[3] ?? ""), match[2] !== undefined);
  for (const match of code.matchAll(bareImport)) add(match, [], false);
  for (const match of code.matchAll(dynamicImport)) add(match, ["*"], false);
  return found;
}

/** `a, { b as c, type D }` takes `default`, `b` and `D`. */
function namesOf(clause: string): string[] {
  if (clause.includes("*")) return ["*"];
  const inBraces = /\{([\s\S]*)\}/.exec(clause)?.[1] ?? "";
  const names = inBraces
    .split(",")
    .map(
      (part) =>
        part
          .trim()
          .replace(/^type\s+/, "")
          .split(/\s+as\s+/)[0] ?? "",
    )
    .filter((name) => name !== "");
  return /^\s*[A-Za-z_$]/.test(clause) ? ["default", ...names] : names;
}

const declaration =
  /^export\s+(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:const|let|var|class|interface|type|enum|namespace|function\*?)\s+([A-Za-z_$][\w$]*)/gm;
const nextDeclaration =
  /^(export|import|declare|abstract|async|const|let|class|interface|type|enum|function)\b/gm;
const list = /^export\s+(?:type\s+)?\{([^}]*)\}/gm;

function exportsOf({ raw, code }: SourceText): Export[] {
  const found = new Map<string, Export>();
  for (const match of code.matchAll(declaration)) {
    const name = /^export\s+default/.test(match[0]) ? "default" : (match[1] ?? "");
    // Of overloads, the first carries the docstring.
    if (found.has(name)) continue;
    nextDeclaration.lastIndex = match.index + 1;
    found.set(name, {
      name,
      line: lineAt(raw, match.index),
      documented: /\*\/[ \t]*\n(\/\/ oxlint-disable-next-line .*\n)?$/.test(raw.slice(0, match.index)),
      isType: /^export\s+(declare\s+)?(interface|type)\b/.test(match[0]),
      body: code.slice(match.index, nextDeclaration.exec(code)?.index),
    });
  }
  for (const match of code.matchAll(list)) {
    for (const part of (match[1] ?? "").split(",")) {
      const name =
        part
          .trim()
          .replace(/^type\s+/, "")
          .split(/\s+as\s+/)
          .at(-1) ?? "";
      const line = lineAt(raw, match.index);
      if (name !== "") found.set(name, { name, line, documented: true, isType: false, body: "" });
    }
  }
  return [...found.values()];
}
