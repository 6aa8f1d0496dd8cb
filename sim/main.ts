/** The simulator's command line: runs scenarios and swarms, prints a summary, fails when a guarantee was violated. */
import { parseArgs } from "node:util";
import { messageOf } from "../base/errors.ts";
import type { Log, LogFields } from "../base/log.ts";
import { faultText } from "./faults.ts";
import { simulate, type RunObserver } from "./run.ts";
import { scenarios } from "./scenarios/scenarios.ts";
import { settingsOf } from "./scenarios/scenario.ts";
import type { Settings } from "./settings.ts";
import { summaryText, type Summary } from "./summary.ts";
import { swarmSettings } from "./swarm.ts";

const options = {
  seed: { type: "string" },
  seeds: { type: "string" },
  from: { type: "string" },
  seconds: { type: "string" },
  users: { type: "string" },
  nodes: { type: "string" },
  agents: { type: "string" },
  shards: { type: "string" },
  talking: { type: "string" },
  human: { type: "string" },
  think: { type: "string" },
  admit: { type: "string" },
  kill: { type: "string" },
  costs: { type: "string" },
  direct: { type: "boolean" },
  json: { type: "boolean" },
  verbose: { type: "boolean" },
  log: { type: "string" },
  help: { type: "boolean" },
} as const;

type Values = ReturnType<typeof parse>["values"];

function parse(args: string[]) {
  return parseArgs({ args, options, allowPositionals: true, strict: true });
}

async function main(): Promise<number> {
  const { values, positionals } = parse(process.argv.slice(2));
  const [name] = positionals;
  if (values.help === true || name === undefined || name === "list") {
    process.stdout.write(usage());
    return name === undefined && values.help !== true ? 2 : 0;
  }
  if (name === "swarm") return swarm(values);
  const scenario = scenarios.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}; try: npm run -s sim -- list`);
  const seed = numberOf(values.seed) ?? 1;
  return one(settingsOf(scenario, given(values), seed, numberOf(values.kill) ?? 1), values);
}

function usage(): string {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  return [
    "npm run -s sim -- SCENARIO [--seed N --users N --nodes N --agents N --shards N --seconds N --kill N",
    "                  --talking SHARE --human SHARE --think MS --admit PER-SECOND --costs on|off --direct",
    "                  --json --verbose --log warn|info|debug]",
    "npm run -s sim -- swarm [--seeds N --from SEED --seconds WALL-SECONDS --json]",
    "npm run -s sim -- swarm --seed N        one seed of a swarm",
    "",
    ...scenarios.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`),
    "",
  ].join("\n");
}

function given(values: Values): Partial<Settings> {
  const found: Record<string, unknown> = {
    users: numberOf(values.users),
    nodes: numberOf(values.nodes),
    agents: numberOf(values.agents),
    shards: numberOf(values.shards),
    seconds: numberOf(values.seconds),
    talking: numberOf(values.talking),
    human: numberOf(values.human),
    thinkMs: numberOf(values.think),
    admit: numberOf(values.admit),
    costs: values.costs === undefined ? undefined : values.costs === "on",
    direct: values.direct,
  };
  for (const key of Object.keys(found)) if (found[key] === undefined) delete found[key];
  return found;
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) throw new Error(`${text} is no number`);
  return value;
}

async function timed(settings: Settings, values: Values): Promise<Summary> {
  const start = performance.now();
  const summary = await simulate(settings, observerOf(values));
  return {
    ...summary,
    wallMs: Math.round(performance.now() - start),
    rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
  };
}

async function one(settings: Settings, values: Values): Promise<number> {
  const summary = await timed(settings, values);
  process.stdout.write(summaryText(summary));
  if (values.json === true) process.stdout.write(`${JSON.stringify(summary)}\n`);
  return summary.violations.length === 0 ? 0 : 1;
}

async function swarm(values: Values): Promise<number> {
  const single = numberOf(values.seed);
  if (single !== undefined) return one(swarmSettings(single, given(withoutSeconds(values))), values);
  const count = numberOf(values.seeds) ?? 1_000_000;
  const first = numberOf(values.from) ?? 1;
  const end = performance.now() + (numberOf(values.seconds) ?? Infinity) * 1000;
  const failed: number[] = [];
  const kinds = new Map<string, number>();
  let ran = 0;
  let events = 0;
  for (let seed = first; seed < first + count && performance.now() < end; seed++) {
    const settings = swarmSettings(seed, given(withoutSeconds(values)));
    const summary = await timed(settings, values);
    ran++;
    events += summary.events;
    for (const kind of new Set(settings.faults.map((fault) => fault.kind)))
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    process.stderr.write(`seed ${seed}: ${summary.violations.length} violations, ${summary.wallMs} ms\n`);
    if (summary.violations.length === 0) continue;
    failed.push(seed);
    process.stdout.write(summaryText(summary));
    for (const fault of settings.faults) process.stdout.write(`    ${faultText(fault)}\n`);
    process.stdout.write(`  again: npm run -s sim -- swarm --seed ${seed} --verbose\n`);
  }
  process.stdout.write(`swarm: ${ran} seeds, ${events} events, ${failed.length} with violations\n`);
  if (values.json === true) {
    const faults = Object.fromEntries(kinds);
    process.stdout.write(`${JSON.stringify({ scenario: "swarm", seeds: ran, events, failed, faults })}\n`);
  }
  return failed.length === 0 ? 0 : 1;
}

/** For a swarm, `--seconds` is real time. */
function withoutSeconds({ seconds: _seconds, ...rest }: Values): Values {
  return rest;
}

function observerOf(values: Values): RunObserver {
  const say = (atMs: number, text: string): void =>
    void process.stderr.write(`${(atMs / 1000).toFixed(3).padStart(9)} ${text}\n`);
  return {
    ...(values.verbose === true ? { event: say } : {}),
    ...(values.log === undefined
      ? {}
      : { log: (owner, now) => lineLog(say, now, owner.name, values.log ?? "") }),
  };
}

function lineLog(
  say: (atMs: number, text: string) => void,
  now: () => number,
  name: string,
  level: string,
): Log {
  const levels = ["debug", "info", "warn", "error"];
  const from = levels.indexOf(level);
  const line = (rank: number) => (message: string, fields?: LogFields) => {
    if (rank >= from) say(now(), `${name} ${levels[rank]}: ${message} ${JSON.stringify(fields ?? {})}`);
  };
  const log: Log = { debug: line(0), info: line(1), warn: line(2), error: line(3), child: () => log };
  return log;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 2;
  },
);
