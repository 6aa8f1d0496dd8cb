/** What the command line can do: one run, a swarm, a smaller schedule, a replay. Each answers its exit status. */
import { writeFileSync } from "node:fs";
import type { Log, LogFields } from "../base/log.ts";
import { againCommand } from "./again.ts";
import { faultText } from "./faults.ts";
import type { Violation } from "./history.ts";
import { faultsGiven, numberOf, settingsGiven, type Values } from "./options.ts";
import { plants } from "./plants/plants.ts";
import { simulate, type RunObserver } from "./run.ts";
import { Progress } from "./report/progress.ts";
import { runReport } from "./report/run-report.ts";
import { Sampler } from "./report/sampler.ts";
import type { Settings } from "./settings.ts";
import { shrink } from "./shrink.ts";
import { summaryText, type Summary } from "./summary.ts";
import { swarmSettings } from "./swarm.ts";
import { commandOf, type Terminal } from "./terminal.ts";
import { TraceReader, traceWriter } from "./trace.ts";

/** Runs once and prints what it came to. */
export async function runOne(terminal: Terminal, settings: Settings, values: Values): Promise<number> {
  const faults = faultsGiven(values);
  const played = faults === undefined ? settings : { ...settings, faults };
  const writer = values.record === undefined ? undefined : traceWriter(values.record, played);
  const progress = values.progress === true || terminal.interactive ? new Progress(terminal) : undefined;
  const watched = progress !== undefined || values.html !== undefined;
  const sampler = new Sampler((sample, of) => progress?.note(sample, of));
  const summary = await timed(terminal, played, {
    ...observerOf(terminal, values),
    ...(watched ? { sampler } : {}),
    ...(writer === undefined ? {} : { onDelivery: writer.note }),
  });
  writer?.close();
  progress?.end();
  if (values.html !== undefined)
    writeFileSync(values.html, runReport(summary, played, sampler, commandOf(terminal.args)));
  terminal.out(summaryText(summary));
  if (values.json === true) terminal.out(`${JSON.stringify(summary)}\n`);
  return summary.violations.length === 0 ? 0 : 1;
}

/** Runs seed after seed; prints each that fails, with what repeats it. */
export async function runSwarm(terminal: Terminal, values: Values): Promise<number> {
  const single = numberOf(values.seed);
  if (single !== undefined) return runOne(terminal, seedSettings(single, values), values);
  const count = numberOf(values.seeds) ?? Infinity;
  const first = numberOf(values.from) ?? 1;
  const end = terminal.now() + (numberOf(values.seconds) ?? Infinity) * 1000;
  const failed: number[] = [];
  const hashes: string[] = [];
  const kinds = new Map<string, number>();
  let ran = 0;
  let events = 0;
  for (let seed = first; seed < first + count && terminal.now() < end; seed++) {
    const settings = seedSettings(seed, values);
    const summary = await timed(terminal, settings, observerOf(terminal, values));
    ran++;
    events += summary.events;
    hashes.push(summary.hash);
    for (const kind of new Set(settings.faults.map((fault) => fault.kind)))
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    terminal.err(`seed ${seed}: ${summary.violations.length} violations, ${summary.wallMs} ms\n`);
    if (summary.violations.length === 0) continue;
    failed.push(seed);
    terminal.out(summaryText(summary));
    for (const fault of settings.faults) terminal.out(`    ${faultText(fault)}\n`);
    terminal.out(`  again: ${againCommand(settings)} --verbose\n`);
    const small = await smaller(terminal, settings, summary.violations);
    if (small !== undefined) terminal.out(`  less:  ${againCommand(small)}\n`);
  }
  terminal.out(`swarm: ${ran} seeds, ${events} events, ${failed.length} with violations\n`);
  if (values.json === true) {
    const faults = Object.fromEntries(kinds);
    terminal.out(`${JSON.stringify({ scenario: "swarm", seeds: ran, events, failed, faults, hashes })}\n`);
  }
  return failed.length === 0 ? 0 : 1;
}

/** Looks for the smallest schedule that still violates what a seed's whole schedule violates. */
export async function runShrink(terminal: Terminal, values: Values): Promise<number> {
  const seed = numberOf(values.seed) ?? 1;
  const given = faultsGiven(values);
  const whole = { ...seedSettings(seed, values), ...(given === undefined ? {} : { faults: given }) };
  const small = await smaller(terminal, whole, (await simulate(whole)).violations);
  if (small === undefined) {
    terminal.out(`seed ${seed} violates nothing\n`);
    return 0;
  }
  terminal.out(`seed ${seed}: ${whole.faults.length} faults, of which suffice\n`);
  for (const fault of small.faults) terminal.out(`    ${faultText(fault)}\n`);
  terminal.out(`  again: ${againCommand(small)}\n`);
  return 1;
}

/** The smallest schedule found that still violates what the whole one violates first; undefined when that is nothing. */
async function smaller(
  terminal: Terminal,
  whole: Settings,
  [first]: readonly Violation[],
): Promise<Settings | undefined> {
  if (first === undefined) return undefined;
  return shrink(whole, async (settings) => {
    const { violations } = await simulate(settings);
    const fails = violations.some(({ guarantee }) => guarantee === first.guarantee);
    const holds = fails ? "still fails" : "holds";
    terminal.err(`${first.guarantee} with ${settings.faults.length} faults: ${holds}\n`);
    return fails;
  });
}

/** Plants each bug in turn and looks how many seeds of the usual swarm it takes to find it. */
export async function runPlanted(terminal: Terminal, values: Values): Promise<number> {
  const most = numberOf(values.seeds) ?? 300;
  const chosen = plants.filter(({ name }) => values.plant === undefined || name === values.plant);
  const planted: { name: string; caught: boolean; checker: string; seeds: number }[] = [];
  for (const { name, about } of chosen) {
    let checker = "";
    let seeds = 0;
    while (checker === "" && seeds < most) {
      const settings = seedSettings(++seeds, values);
      const { violations } = await simulate({ ...settings, plant: name });
      if (violations.length === 0) continue;
      // What fails without the plant as well says nothing about it.
      if ((await simulate({ ...settings, plant: "" })).violations.length > 0) continue;
      // That nothing comes to rest is what the others explain.
      const telling = violations.find(({ guarantee }) => guarantee !== "Converges") ?? violations[0];
      checker = telling?.guarantee ?? "";
    }
    planted.push({ name, caught: checker !== "", checker, seeds });
    const found = checker === "" ? "not found" : `${checker}, seed ${seeds}`;
    terminal.out(`${name.padEnd(26)} ${found.padEnd(29)} ${about}\n`);
  }
  if (values.json === true) terminal.out(`${JSON.stringify({ planted })}\n`);
  return planted.every(({ caught }) => caught) ? 0 : 1;
}

/** Runs a trace's settings again and compares delivery by delivery. */
export async function runReplay(terminal: Terminal, path: string, values: Values): Promise<number> {
  const reader = new TraceReader(path);
  const observer = { ...observerOf(terminal, values), onDelivery: reader.note };
  const summary = await timed(terminal, reader.settings, observer);
  const { divergence } = reader;
  if (divergence === undefined) {
    terminal.out(`${summaryText(summary)}  the same as its trace\n`);
    return 0;
  }
  const { line, expected, actual } = divergence;
  terminal.out(`line ${line} of the trace\n  expected ${expected}\n  actual   ${actual}\n`);
  return 1;
}

/** For a swarm, `--seconds` is real time. */
function seedSettings(seed: number, { seconds: _seconds, ...values }: Values): Settings {
  return swarmSettings(seed, settingsGiven(values));
}

async function timed(terminal: Terminal, settings: Settings, observer: RunObserver): Promise<Summary> {
  const start = terminal.now();
  const summary = await simulate(settings, observer);
  const rssMb = Math.round(process.memoryUsage.rss() / 2 ** 20);
  return { ...summary, wallMs: Math.round(terminal.now() - start), rssMb };
}

function observerOf(terminal: Terminal, { verbose, log }: Values): RunObserver {
  const say = (atMs: number, text: string): void =>
    terminal.err(`${(atMs / 1000).toFixed(3).padStart(9)} ${text}\n`);
  return {
    ...(verbose === true ? { event: say } : {}),
    ...(log === undefined ? {} : { log: (owner, now) => lineLog(say, now, owner.name, log) }),
  };
}

type Say = (atMs: number, text: string) => void;

function lineLog(say: Say, now: () => number, name: string, level: string): Log {
  const levels = ["debug", "info", "warn", "error"];
  const from = levels.indexOf(level);
  const line = (rank: number) => (message: string, fields?: LogFields) => {
    if (rank >= from) say(now(), `${name} ${levels[rank]}: ${message} ${JSON.stringify(fields ?? {})}`);
  };
  const log: Log = { debug: line(0), info: line(1), warn: line(2), error: line(3), child: () => log };
  return log;
}
