/** `npm run bench`: measures Usher beside its peers, everything on loopback, and ends all of it on Ctrl-C. */
import { readFileSync, writeFileSync } from "node:fs";
import { chartOf } from "./chart.ts";
import { OptionError, readOptions, type Options } from "./options.ts";
import { reportOf, tableOf, type Report } from "./report.ts";
import { machineHere, readResults, saveResult } from "./results.ts";
import { alternate, type Stops } from "./runs/alternate.ts";
import { actors } from "./runs/actors.ts";
import type { Bench } from "./runs/bench.ts";
import { connections } from "./runs/connections.ts";
import { failover } from "./runs/failover.ts";
import { fanout } from "./runs/fanout.ts";
import { memory } from "./runs/memory.ts";
import { latency, pairs } from "./runs/pairs.ts";
import { scaling } from "./runs/scaling.ts";
import { record, shortfalls, smoke } from "./runs/smoke.ts";
import { stormKill } from "./runs/storm-kill.ts";
import { storm } from "./runs/storm.ts";
import { pageWith } from "./tables.ts";

const benches: readonly Bench[] = [
  pairs,
  latency,
  memory,
  storm,
  fanout,
  failover,
  connections,
  scaling,
  actors,
  smoke,
];

function help(): string {
  const width = Math.max(...benches.map(({ name }) => name.length));
  const lines = benches.flatMap(({ name, about }) => [
    `  ${name.padEnd(width)}  ${about}`,
    ...(name === "storm" ? [`  ${"".padEnd(width)}  --kill: ${stormKill.about}`] : []),
  ]);
  return `usage: npm run -s bench -- NAME [--json] [--rounds N] [--seconds N] ...

${lines.join("\n")}
  ${"results".padEnd(width)}  writes the tables of bench/RESULTS.md from what --save has kept
  ${"chart".padEnd(width)}  writes bench/results.svg from the same

  --json          one line of JSON at the end
  --rounds N      rounds of each system, alternating (3)
  --seconds N     measured window (8)
  --warm-up N     seconds under load before it (pairs, latency, scaling: 10)
  --scattered     Usher's visitors stay where they landed, instead of moving to the node that welcome names (pairs, latency, storm)
  --size N        pairs, members, clients or sessions
  --window N      messages open at a time, per side or speaker
  --rate N        messages offered per second (latency: 4000)
  --bytes N       text of a message (100)
  --nodes N       node processes (3; storm --kill: 4)
  --kill          storm: a node is killed
  --clusters A,B  scaling: numbers of nodes (2,4,6); --conversations A,B likewise (1000,10000,100000)
  --generators N  load generator processes (1; pairs and latency)
  --save          keep the outcome in bench/results/NAME.json, with the day, the command and the machine
  --record        smoke: keep the ratios in bench/recorded.json
  --profile DIR   CPU profiles of Usher's nodes, for Chrome's developer tools or an editor
  --only A,B      only these systems: usher, socketio-streams, socketio-pubsub, ceiling, ejabberd

Needs nats-server and redis-server; the peers' packages come with \`npm install --prefix bench\`.
`;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) return void process.stdout.write(help());
  if (options.bench === "results") return writeTables();
  if (options.bench === "chart") return writeChart();
  const bench = options.kill ? stormKill : benches.find(({ name }) => name === options.bench);
  if (bench === undefined) throw new OptionError(`there is no bench ${options.bench}; --help lists them`);
  const stops: Stops = [];
  endOnSignals(stops);
  await run(bench, options, stops);
}

async function run(bench: Bench, options: Options, stops: Stops): Promise<void> {
  const rounds = await alternate(bench, options, stops, say);
  const report = reportOf(bench, rounds);
  process.stdout.write(`${tableOf(report, rounds)}\n`);
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  if (options.save) keep(report, options.rounds);
  const short = bench === smoke && !options.record ? shortfalls(report) : [];
  for (const line of short) say(line);
  if (options.record) record(report);
  if (short.length > 0) process.exitCode = 1;
  if (report.lost + report.duplicated + report.disordered > 0) process.exitCode = 1;
}

function keep(report: Report, rounds: number): void {
  const date = new Date(Date.now()).toISOString().slice(0, 10);
  const command = `npm run -s bench -- ${process.argv.slice(2).join(" ")}`;
  say(`kept in ${saveResult({ date, command, rounds, machine: machineHere(), report })}`);
}

function writeTables(): void {
  const page = new URL("RESULTS.md", import.meta.url);
  writeFileSync(page, pageWith(readFileSync(page, "utf8"), readResults()));
  say("bench/RESULTS.md is written");
}

function writeChart(): void {
  writeFileSync(new URL("results.svg", import.meta.url), chartOf(readResults()));
  say("bench/results.svg is written");
}

function endOnSignals(stops: Stops): void {
  let ending = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (ending) return;
      ending = true;
      say("ends everything");
      const ends = stops.splice(0).toReversed();
      void ends
        .reduce((before, stop) => before.then(stop, stop), Promise.resolve())
        .finally(() => process.exit(130));
    });
  }
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

main().catch((error: unknown) => {
  const text =
    error instanceof OptionError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
  process.exit(1);
});
