/** `compare-routing`: all designs through one storm, as a table, as JSON, as a page. */
import { writeFileSync } from "node:fs";
import { numberOf, type Values } from "../options.ts";
import { commandOf, type Terminal } from "../terminal.ts";
import { Digest } from "../world/digest.ts";
import { designs, play, type Played } from "./compare.ts";
import { comparisonHtml, comparisonText } from "./report.ts";
import { drawStorm } from "./storm.ts";

const usual = { seed: 1, users: 400, nodes: 8, kill: 1 } as const;

/** Runs and prints it. The exit status is 1 when our design lost a message. */
export async function runCompare(terminal: Terminal, values: Values): Promise<number> {
  const storm = drawStorm({
    seed: numberOf(values.seed) ?? usual.seed,
    users: numberOf(values.users) ?? usual.users,
    nodes: numberOf(values.nodes) ?? usual.nodes,
    kill: numberOf(values.kill) ?? usual.kill,
  });
  const all: Played[] = [];
  for (const design of designs) {
    if (terminal.interactive) terminal.err(`\r${design.name}\u001b[K`);
    all.push(await play(design, storm));
  }
  if (terminal.interactive) terminal.err("\r\u001b[K");
  const hash = hashOf(all);
  terminal.out(comparisonText(all, storm));
  if (values.html !== undefined)
    writeFileSync(values.html, comparisonHtml(all, storm, commandOf(terminal.args), hash));
  if (values.json === true) {
    const { seed, users, nodes, kill } = storm;
    const results = all.map(({ result }) => result);
    terminal.out(`${JSON.stringify({ designs: results, seed, users, nodes, kill, hash })}\n`);
  }
  return all.every(({ design, result }) => !design.acknowledges || result.lost === 0) ? 0 : 1;
}

/** One hash over all designs. */
function hashOf(all: readonly Played[]): string {
  const digest = new Digest(() => {});
  for (const { result } of all) digest.note(0, result.name, result.hash);
  return digest.toString();
}
