import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Metrics } from "../base/metrics.ts";
import { Counts } from "../placement/counts.ts";
import { configHelp } from "../server/config.ts";
import { filesOf, readTree, root } from "./support/source-tree.ts";

const pages = filesOf([".md"]).map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));

function page(path: string): string {
  return pages.find((one) => one.path === path)?.text ?? "";
}

/** What a pattern's first group finds in all pages and does not hold, as `page: text`. */
function wrong(pattern: RegExp, holds: (found: string, from: string) => boolean): string[] {
  return pages.flatMap(({ path, text }) =>
    [...text.matchAll(pattern)].flatMap(([, found = ""]) =>
      holds(found, path) ? [] : [`${path}: ${found}`],
    ),
  );
}

describe("documentation", () => {
  it("lists the settings as --help does", () => {
    const settings = configHelp()
      .split("\n")
      .filter((line) => line.startsWith("  USHER_"))
      .map((line) => line.slice(2));
    expect(settings.length).toBeGreaterThan(10);
    expect(page("README.md").match(/^USHER_\w+ .*$/gm)).toEqual(settings);
  });

  it("lists exactly the metrics that there are", () => {
    const named = readTree()
      .filter(({ path }) => !/^(test|bench|sim)\//.test(path))
      .flatMap(({ raw }) =>
        [...raw.matchAll(/\.(?:counter|gauge|histogram)\(\s*"(usher_\w+)"/g)].map(([, name = ""]) => name),
      );
    const counted: string[] = [];
    const metrics: Metrics = {
      counter(name) {
        counted.push(name);
        return { add: () => {} };
      },
      gauge: () => {},
      histogram: () => ({ observe: () => {} }),
    };
    expect(new Counts(metrics)).toBeDefined();
    const documented = [...page("docs/operations.md").matchAll(/^\| `(usher_\w+)`/gm)].map(
      ([, name]) => name,
    );
    expect(documented).toEqual([...new Set([...named, ...counted])].toSorted((a, b) => (a < b ? -1 : 1)));
  });

  it("links to pages that exist", () => {
    const exists = (target: string, from: string): boolean => existsSync(join(root, dirname(from), target));
    expect(wrong(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g, exists)).toEqual([]);
  });

  it("names files that exist", () => {
    const exists = (file: string): boolean => existsSync(join(root, file));
    expect(
      wrong(
        /(?<![\w/.])((?:base|protocol|store|transport|placement|actors|edge|server|client|web|sim|bench|compose|test)\/[\w./-]*\w\.\w+)/g,
        exists,
      ),
    ).toEqual([]);
  });

  it("tells npm scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    expect(wrong(/npm (?:-s )?run (?:-s )?([\w:][\w:-]*)/g, (name) => name in scripts)).toEqual([]);
  });
});
