/**
 * The house rules that a program can check: layers, adapters, determinism, size, dead code. A red entry reads
 * `file:line rule`. Exceptions stand in the tables below, each with its reason.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lineAt } from "./support/source-text.ts";
import { filesOf, readTree, root, type Import, type Source } from "./support/source-tree.ts";

const lower = ["protocol", "base"];
const belowEdge = ["actors", "transport", "placement", "store", ...lower];

/** What each folder may import besides itself; `*` is everything. */
const layers: Readonly<Record<string, readonly string[] | "*">> = {
  base: [],
  protocol: [],
  store: lower,
  transport: ["store", ...lower],
  placement: ["store", ...lower],
  actors: ["transport", "placement", "store", ...lower],
  edge: belowEdge,
  server: ["edge", ...belowEdge],
  client: ["protocol"],
  web: ["client", "protocol"],
  compose: ["base"],
  sim: "*",
  bench: "*",
  test: "*",
};
/** Nothing that is shipped imports these. */
const tools = ["sim", "bench", "test"];

/** The files that adapt a package. */
const adapters: Readonly<Record<string, readonly string[]>> = {
  fastify: ["edge/http/"],
  ioredis: ["store/redis/connection.ts", "store/redis/cluster.ts"],
  "fast-jwt": ["edge/auth.ts"],
  minisearch: ["actors/knowledge.ts"],
  nact: ["actors/runtime/nact.ts"],
  nats: ["transport/nats.ts", "placement/kv-nats.ts"],
  "node:sqlite": ["store/sqlite.ts"],
  pino: ["base/log-pino.ts"],
  "prom-client": ["base/metrics-prom.ts"],
  typebox: ["protocol/frames.ts", "edge/", "server/tenants.ts"],
  "typebox/compile": ["edge/", "server/tenants.ts"],
  "typebox/value": ["edge/"],
  ws: ["edge/websocket.ts", "client/socket-node.ts"],
};

/** Where Node's own modules may be used: what the simulator runs, and what a browser loads, does without. */
const nodeModules: readonly string[] = [
  "base/metrics-prom.ts",
  "base/random.ts",
  "store/sqlite.ts",
  "store/redis/",
  "edge/",
  "server/",
  "client/terminal",
  "compose/",
];

/** Who may touch real time and real chance, and why. */
const impure: Readonly<Record<string, string>> = {
  "base/clock.ts": "the clock",
  "base/random.ts": "the random source",
  "client/socket-node.ts": "the SDK's clock and random source in Node",
  "client/socket-browser.ts": "the SDK's clock and random source in a browser",
  "client/terminal.ts": "a command line program: --linger",
  "edge/output.ts": "waits for the end of a turn of the real event loop",
  "edge/websocket.ts":
    "ends a real socket whose peer does not answer the close frame; simulated sockets have no such peer",
  "server/main.ts": "makes the secret of an embedded node, once",
  "compose/local/": "waits for real processes",
  "web/": "pages in a browser",
  "sim/main.ts": "tells how long a simulation took, and ends a swarm in time",
  "sim/world/globals.ts": "puts virtual time and chance in the place of the real ones",
  "sim/world/scheduler.ts": "lets the real event loop breathe between virtual events",
};
const impurities = [
  /(?<!\.)\bset(Timeout|Interval|Immediate)\b/g,
  /\b(window|globalThis)\.set(Timeout|Interval|Immediate)\b/g,
  /\bDate\.now\b/g,
  /\bDate\(\s*\)/g,
  /\bnew Date\b(?!\()/g,
  /\bMath\.random\b/g,
  /\bperformance\.(now|timeOrigin)\b/g,
  /\bhrtime\b/g,
  /\bAbortSignal\.timeout\b/g,
  /\b(randomBytes|randomUUID|randomInt|randomFill|randomFillSync|getRandomValues)\b/g,
];

/** Where `any` cannot be avoided, each with the linter's exception and its reason on the line above. */
const anyhow: readonly string[] = ["actors/runtime/host-parts.ts"];

/** Who may read the environment of the process. */
const environmentReaders: readonly string[] = ["server/main.ts", "compose/local/"];

/** Exports that applications import, not files of this repository. */
const publicApi: readonly string[] = [
  "client/client.ts",
  "client/socket-browser.ts",
  "client/socket-node.ts",
];

const sources = readTree();
const byPath = new Map(sources.map((source) => [source.path, source]));
const shipped = sources.filter(({ path }) => !tools.includes(layerOf(path)));

function layerOf(path: string): string {
  return path.split("/")[0] ?? "";
}

/** Fails with one line per violation. */
function none(violations: readonly string[]): void {
  if (violations.length > 0) expect.fail(`\n${violations.join("\n")}`);
}

/** Whether a path is in a list of files and folders; a folder ends with a slash, other entries are prefixes of names. */
function listed(path: string, entries: readonly string[]): boolean {
  return entries.some((entry) => (entry.endsWith(".ts") ? path === entry : path.startsWith(entry)));
}

/** One line per import that breaks a rule; `rule` answers what is wrong with it. */
function importViolations(
  among: readonly Source[],
  rule: (from: Source, used: Import) => string | undefined,
): string[] {
  return among.flatMap((from) =>
    from.imports.flatMap((used) => {
      const wrong = rule(from, used);
      return wrong === undefined ? [] : [`${from.path}:${used.line} ${wrong}`];
    }),
  );
}

/** One line per match of a pattern in code, comments or everything. */
function textViolations(
  among: readonly Source[],
  patterns: readonly RegExp[],
  rule: string,
  view: "code" | "comments" | "raw" = "code",
): string[] {
  return among.flatMap((source) =>
    patterns.flatMap((pattern) =>
      [...source[view].matchAll(pattern)].map(
        (match) => `${source.path}:${lineAt(source.raw, match.index)} ${rule}: ${match[0].trim()}`,
      ),
    ),
  );
}

describe("layers", () => {
  it("are known for every folder that holds sources", () => {
    none([...new Set(sources.map(({ path }) => layerOf(path)))].filter((layer) => !(layer in layers)));
  });

  it("import downwards only", () => {
    const wrong = importViolations(sources, (from, { file }) => {
      if (file === undefined) return undefined;
      const [above, below] = [layerOf(from.path), layerOf(file)];
      const allowed = layers[above] ?? [];
      if (above === below || allowed === "*" || allowed.includes(below)) return undefined;
      return `${above} may not import ${below}: ${file}`;
    });
    none(wrong);
  });

  it("import files that exist", () => {
    const wrong = importViolations(sources, (_from, { file }) =>
      file === undefined || byPath.has(file) ? undefined : `there is no ${file}`,
    );
    none(wrong);
  });

  it("have no cycles among the imports that remain when types are erased", () => {
    none(cycles());
  });

  it("join transport, placement and store in actors/runtime only; their types may meet elsewhere", () => {
    const joined = ["transport", "placement", "store"];
    const wrong = shipped.flatMap((source) => {
      const kinds = new Set(
        source.imports
          .filter(({ typeOnly }) => !typeOnly)
          .map(({ file }) => layerOf(file ?? ""))
          .filter((layer) => joined.includes(layer) && layer !== layerOf(source.path)),
      );
      const allowed = source.path.startsWith("actors/runtime/") || layerOf(source.path) === "server";
      return kinds.size === 0 || allowed ? [] : [`${source.path}:1 runs ${[...kinds].join(" and ")} itself`];
    });
    none(wrong);
  });
});

describe("packages", () => {
  it("are imported by the files that adapt them, and by no others", () => {
    const wrong = importViolations(shipped, (from, { specifier }) => {
      if (specifier.startsWith(".") || (specifier.startsWith("node:") && !(specifier in adapters)))
        return undefined;
      const files = adapters[specifier];
      if (files === undefined) return `no file is listed to adapt ${specifier}`;
      return listed(from.path, files) ? undefined : `only ${files.join(", ")} may import ${specifier}`;
    });
    none(wrong);
  });

  it("of Node itself stay out of what the simulator runs and a browser loads", () => {
    const wrong = importViolations(shipped, (from, { specifier }) =>
      specifier.startsWith("node:") && !listed(from.path, nodeModules)
        ? `${specifier} is not for this file`
        : undefined,
    );
    none(wrong);
  });

  it("never reach a page, which is served with its types stripped and nothing bundled", () => {
    const reached = new Set<string>();
    const visit = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const { file, typeOnly } of byPath.get(path)?.imports ?? [])
        if (file !== undefined && !typeOnly) visit(file);
    };
    for (const { path } of shipped)
      if (layerOf(path) === "web" || path === "client/socket-browser.ts") visit(path);
    const pages = sources.filter(({ path }) => reached.has(path));
    const wrong = importViolations(pages, (_from, { specifier, typeOnly }) =>
      typeOnly || specifier.startsWith(".") ? undefined : `a browser cannot load ${specifier}`,
    );
    none(wrong);
  });
});

describe("determinism", () => {
  it("has time and chance come from base/clock.ts and base/random.ts", () => {
    const bound = sources.filter(
      ({ path }) => !["bench", "test"].includes(layerOf(path)) && !listed(path, Object.keys(impure)),
    );
    none(textViolations(bound, impurities, "takes real time or chance"));
  });

  it("has one reader of the environment", () => {
    const others = shipped.filter(({ path }) => !listed(path, environmentReaders));
    none(textViolations(others, [/\bprocess\.env\b/g], "reads the environment"));
  });

  it("keeps no mutable state in modules", () => {
    const patterns = [
      /^(export )?(let|var) .*/gm,
      /^(export )?const \w+[^=]*= (new \w+(<.*>)?\(\)|\[\]|\{\});$/gm,
    ];
    none(textViolations(shipped, patterns, "module state"));
  });
});

describe("sources", () => {
  it("have at most 400 lines", () => {
    const long = filesOf([".ts", ".lua", ".css", ".html"]).flatMap((path) => {
      const lines = readFileSync(join(root, path), "utf8").split("\n").length - 1;
      return lines <= 400 ? [] : [`${path}:400 ends at line ${lines}`];
    });
    none(long);
  });

  it("export nothing that nobody imports", () => {
    none(deadExports());
  });

  it("re-export nothing wholesale", () => {
    none(textViolations(sources, [/^export (type )?\*.*/gm], "barrel"));
  });

  it("document every export right above it", () => {
    const bare = shipped.flatMap(({ path, exports }) =>
      exports
        .filter((one) => !one.documented)
        .map(({ name, line }) => `${path}:${line} ${name} has no docstring`),
    );
    none(bare);
  });

  it("print through the log or a stream, not the console", () => {
    none(textViolations(sources, [/\bconsole\.\w+/g], "console"));
  });

  it("leave no notes to self", () => {
    const notes = new RegExp(
      `\\b(${["TO", "FIX"].map((word, i) => word + ["DO", "ME"][i]).join("|")}|XXX)\\b`,
      "g",
    );
    none(textViolations(sources, [notes], "note to self", "comments"));
  });

  it("swallow no errors in an empty block", () => {
    none(textViolations(sources, [/\bcatch\s*(\([^)]*\)\s*)?\{\s*\}/g], "empty catch"));
  });

  it("narrow unknown values instead of calling them any", () => {
    const strict = sources.filter(({ path }) => !listed(path, anyhow));
    // Where a type stands; a variable may have that name.
    const inTypes = [
      /(?:[:<|&]|\bas|=>|\btype\s+\w+\s*=)\s*any\b(?!\s*[.(=!?])/g,
      /,\s*any\s*[>,\]]/g,
      /\bany\[\]/g,
    ];
    none(textViolations(strict, inTypes, "any"));
  });
});

describe("tests", () => {
  const tests = sources.filter(({ path }) => path.endsWith(".test.ts"));

  it("all run", () => {
    none(textViolations(tests, [/\b(it|test|describe|suite)\.(only|skip|todo|fails)\b/g], "left out"));
  });

  it("have names in the present tense", () => {
    const names = /\b(it|test|describe)(\.\w+(\([^)]*\))?)?\(\s*["'`][^"'`\n]*\bshould\b/g;
    none(textViolations(tests, [names], "say what happens", "raw"));
  });

  it("wait for conditions, not for time", () => {
    const sleeps = /\bawait new Promise\([^;]{0,80}setTimeout/g;
    none(textViolations(tests, [sleeps], "sleeps"));
  });
});

/**
 * Exports that no other file takes by name. A type also lives by standing in the declaration of a living export of its
 * file: whoever takes that has to be able to name it.
 */
function deadExports(): string[] {
  const taken = new Set<string>();
  for (const { path, imports } of sources) {
    for (const { file, names } of imports) {
      if (file === undefined || file === path) continue;
      const all = byPath.get(file)?.exports.map(({ name }) => name) ?? [];
      for (const name of names.includes("*") ? all : names) taken.add(`${file} ${name}`);
    }
  }
  return sources
    .filter(({ path }) => !listed(path, publicApi) && !path.endsWith(".config.ts"))
    .flatMap(({ path, exports }) => {
      const alive = exports.filter(({ name }) => name === "default" || taken.has(`${path} ${name}`));
      for (const one of alive) {
        const named = exports.filter(
          ({ name, isType }) => isType && new RegExp(`\\b${name}\\b`).test(one.body),
        );
        alive.push(...named.filter((other) => !alive.includes(other)));
      }
      const dead = exports.filter((one) => !alive.includes(one));
      return dead.map(({ name, line }) => `${path}:${line} nobody imports ${name}`);
    });
}

/** Rings of value imports, each as `a -> b -> a`, found by depth-first search. */
function cycles(): string[] {
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      found.push([...trail.slice(at), path].join(" -> "));
      return;
    }
    if (done.has(path)) return;
    for (const { file, typeOnly } of byPath.get(path)?.imports ?? [])
      if (file !== undefined && !typeOnly) visit(file, [...trail, path]);
    done.add(path);
  };
  for (const { path } of sources) visit(path, []);
  return found;
}
