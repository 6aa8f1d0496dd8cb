/** `import` and `storm` of the command line: connection logs become a storm, a storm is replayed. */
import { runOne } from "../commands.ts";
import { faultText } from "../faults.ts";
import { numberOf, settingsGiven, type Values } from "../options.ts";
import type { Terminal } from "../terminal.ts";
import { readLogs } from "./read-logs.ts";
import { stormSettings } from "./settings.ts";
import { readStorm, stormOf, writeStorm, type Storm } from "./storm.ts";

/** Makes a storm of logs; with `--out` it is written, else it is replayed at once. */
export async function runImport(
  terminal: Terminal,
  paths: readonly string[],
  values: Values,
): Promise<number> {
  if (paths.length === 0)
    throw new Error("import needs the connection logs: npm run -s sim -- import LOG...");
  const window = { from: timeOf(values.from) ?? -Infinity, until: timeOf(values.until) ?? Infinity };
  const storm = stormOf(await readLogs(paths, window, (text) => terminal.err(`${text}\n`)));
  terminal.out(storyOf(storm));
  if (values.out === undefined) return replay(terminal, storm, values);
  writeStorm(values.out, storm);
  terminal.out(`  replay it:  npm run -s sim -- storm ${values.out}\n`);
  return 0;
}

/** Replays a storm that `import` wrote. */
export function runStorm(terminal: Terminal, path: string, values: Values): Promise<number> {
  const storm = readStorm(path);
  terminal.out(storyOf(storm));
  return replay(terminal, storm, values);
}

function replay(terminal: Terminal, storm: Storm, values: Values): Promise<number> {
  const settings = stormSettings(storm, settingsGiven(values), numberOf(values.seed) ?? 1);
  return runOne(terminal, settings, values);
}

function storyOf({ nodes, devices, attaches, seconds, faults }: Storm): string {
  const staff = devices.filter(({ role }) => role === "agent").length;
  const lines = [
    `recorded: ${devices.length} devices (${staff} of staff), ${attaches} attaches, ${seconds} s, nodes ${nodes.join(", ")}`,
    ...faults.map((fault) => {
      const node = nodes[Number(fault.target.slice(1)) - 1] ?? "";
      return `  ${faultText(fault)}  (${node})`;
    }),
  ];
  return `${lines.join("\n")}\n`;
}

/** A moment on the command line: ISO 8601, or milliseconds since 1970. */
function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  throw new Error(`${text} is no time; write 2026-11-22T03:00:00Z`);
}
