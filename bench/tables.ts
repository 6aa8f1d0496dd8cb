/** Kept outcomes as tables of Markdown, between two marks of a page whose other text stays as it is. */
import { rounded, type Spread } from "./measure/spread.ts";
import type { Figures } from "./report.ts";
import type { Machine, Result } from "./results.ts";

const marks = ["<!-- made by `npm run -s bench -- results`: begin -->", "<!-- end -->"] as const;

/** The page with the tables of these outcomes in the place of those that it had; at its end if it had none. */
export function pageWith(page: string, results: readonly Result[]): string {
  const [begin, end] = marks;
  const made = `${begin}\n\n${results.map((result) => sectionOf(result)).join("\n\n")}\n\n${end}`;
  const [from, until] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || until < from) return `${page.trimEnd()}\n\n${made}\n`;
  return page.slice(0, from) + made + page.slice(until + end.length);
}

function sectionOf({ report, date, command, rounds, machine }: Result): string {
  const systems = [["usher", report.usher], ...Object.entries(report.peers)] as const;
  const keys = [...new Set(systems.flatMap(([, figures]) => Object.keys(figures)))];
  const rows = keys.map((key) => [key, ...systems.map(([, figures]) => cellOf(figures, key))]);
  const lost = [report.lost, report.duplicated, report.disordered].join(" / ");
  rows.push(["lost / doubled / disordered", lost, ...systems.slice(1).map(() => "")]);
  const names = new Set(Object.values(report.ratios).flatMap((ofPeer) => Object.keys(ofPeer)));
  for (const name of names) {
    const ratios = systems.map(([system]) => report.ratios[system]?.[name]);
    rows.push([
      `Usher / peer: ${name}`,
      ...ratios.map((ratio) => (ratio === undefined ? "" : `${ratio.toFixed(2)} x`)),
    ]);
  }
  const head = ["figure", ...systems.map(([name]) => name)];
  return [
    `### ${report.bench}, ${date}`,
    "",
    `\`${command}\`: ${rounds} rounds, median (lowest-highest). ${machineText(machine)}`,
    "",
    tableOf([head, ...rows]),
  ].join("\n");
}

function machineText({ cpu, cores, memoryGb, kernel, node, redis, nats }: Machine): string {
  const servers = [redis === "" ? "" : `Redis ${redis}`, nats === "" ? "" : `nats-server ${nats}`];
  return [`${cpu}, ${cores} cores, ${memoryGb} GB`, kernel, `Node ${node}`, ...servers]
    .filter((part) => part !== "")
    .join(", ")
    .concat(".");
}

function cellOf(figures: Figures, key: string): string {
  const spread = figures[key];
  return spread === undefined ? "-" : spreadText(spread);
}

function spreadText({ median, min, max }: Spread): string {
  const [middle, low, high] = [median, min, max].map(rounded);
  return low === high ? `${middle}` : `${middle} (${low}-${high})`;
}

/** Columns are as wide as their widest cell, as the formatter wants them. */
function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(3, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, i) => (cells[i] ?? "").padEnd(width)).join(" | ")} |`;
  const [head = [], ...rest] = rows;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rest.map((row) => line(row))].join("\n");
}
