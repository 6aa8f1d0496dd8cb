/** The simulator's command line. Exit status 1: a guarantee was violated; 2: it was not understood. */
import { messageOf } from "../base/errors.ts";
import { runOne, runPlanted, runReplay, runShrink, runSwarm } from "./commands.ts";
import { runCompare } from "./compare/command.ts";
import { runImport, runStorm } from "./import/commands.ts";
import { numberOf, parseOptions, settingsGiven, usage } from "./options.ts";
import { settingsOf } from "./scenarios/scenario.ts";
import { scenarios } from "./scenarios/scenarios.ts";
import type { Terminal } from "./terminal.ts";

const realNow = performance.now.bind(performance);

const terminal: Terminal = {
  args: process.argv.slice(2),
  interactive: process.stderr.isTTY,
  now: () => realNow(),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

async function main(): Promise<number> {
  const { values, positionals } = parseOptions(process.argv.slice(2));
  const [name, argument] = positionals;
  if (values.help === true || name === undefined || name === "list") {
    terminal.out(usage());
    return name === undefined && values.help !== true ? 2 : 0;
  }
  if (name === "swarm") return runSwarm(terminal, values);
  if (name === "shrink") return runShrink(terminal, values);
  if (name === "planted") return runPlanted(terminal, values);
  if (name === "compare-routing") return runCompare(terminal, values);
  if (name === "replay") return runReplay(terminal, argument ?? "", values);
  if (name === "import") return runImport(terminal, positionals.slice(1), values);
  if (name === "storm") return runStorm(terminal, argument ?? "", values);
  const scenario = scenarios.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}; try: npm run -s sim -- list`);
  const settings = settingsOf(scenario, settingsGiven(values), numberOf(values.seed) ?? 1);
  return runOne(terminal, settings, values);
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    terminal.err(`${messageOf(error)}\n`);
    process.exitCode = 2;
  },
);
