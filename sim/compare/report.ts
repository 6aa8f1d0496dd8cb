/** The comparison for people: a table for the terminal, a page with charts. */
import { barsHtml, type Bars } from "../report/bars.ts";
import { chartHtml, type Band, type Series } from "../report/chart.ts";
import { pageHtml } from "../report/page.ts";
import { durationText, numberText } from "../report/scale.ts";
import { escaped } from "../report/svg.ts";
import type { Played } from "./compare.ts";
import type { DesignResult } from "./measure.ts";
import { stormTimes, type Storm } from "./storm.ts";

interface Column {
  readonly head: string;
  readonly about: string;
  readonly cell: (result: DesignResult) => string;
}

const columns: readonly Column[] = [
  {
    head: "moved",
    about: "users whose owner changed though their node lived",
    cell: (one) => String(one.moved),
  },
  {
    head: "sent away",
    about: "connections that a design ended because their users had to move",
    cell: (one) => String(one.sentAway),
  },
  {
    head: "misrouted",
    about: "times that a message went to where its user was not, a dead node included",
    cell: (one) => String(one.misrouted),
  },
  { head: "lost", about: "messages never received", cell: (one) => String(one.lost) },
  {
    head: "between",
    about: "messages between nodes per message received",
    cell: (one) => one.betweenNodes.toFixed(2),
  },
  {
    head: "calls",
    about: "calls to registry or store per message received",
    cell: (one) => one.calls.toFixed(2),
  },
  {
    head: "cut off",
    about: "times that a user got no messages for more than a second",
    cell: (one) => String(one.cutOff),
  },
  { head: "for good", about: "of those, without an end", cell: (one) => String(one.forGood) },
  {
    head: "back p50",
    about: "from the first message that came late or never until the user got messages again",
    cell: (one) => durationText(one.recoveredMs.p50),
  },
  { head: "p99", about: "the same, 99th percentile", cell: (one) => durationText(one.recoveredMs.p99) },
  { head: "max", about: "the same, the longest", cell: (one) => durationText(one.recoveredMs.max) },
];

/** The table for the terminal. */
export function comparisonText(all: readonly Played[], storm: Storm): string {
  const head = ["", ...columns.map((column) => column.head)];
  const rows = all.map(({ result }) => [result.name, ...columns.map(({ cell }) => cell(result))]);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart((widths[i] ?? 0) + 2)))
      .join("");
  return [
    `${stormText(storm)} ${all[0]?.result.sent ?? 0} messages.`,
    "",
    line(head),
    ...rows.map(line),
    "",
    ...columns.map(({ head, about }) => `  ${head.padEnd(9)}  ${about}`),
    "",
  ].join("\n");
}

/**
 * The page.
 * @param command what makes it again
 * @param hash of all designs' runs together
 */
export function comparisonHtml(all: readonly Played[], storm: Storm, command: string, hash: string): string {
  const ours = all.find(({ design }) => design.acknowledges)?.result;
  const seconds = stormTimes.endMs / 1000;
  const bands: Band[] = [
    {
      from: stormTimes.killMs / 1000,
      to: stormTimes.backMs / 1000,
      letter: "A",
      label: `${storm.victims.join(", ")} dead`,
    },
    {
      from: stormTimes.joinMs / 1000,
      to: stormTimes.joinMs / 1000,
      letter: "B",
      label: `${storm.newcomer} joins`,
    },
  ];
  return pageHtml({
    title: `Routing designs compared, seed ${storm.seed}`,
    lead: `The same storm for each: ${stormText(storm)}`,
    verdict: {
      good: ours?.lost === 0,
      text: ours?.lost === 0 ? "Ours lost nothing" : `Ours lost ${ours?.lost ?? 0} messages`,
      details: [],
    },
    command,
    facts: [
      ["Hash", hash],
      ["Users, nodes, killed", `${storm.users}, ${storm.nodes}, ${storm.kill}`],
      ["Messages", String(all[0]?.result.sent ?? 0)],
      ["Networks that changed", String(storm.switches.length)],
    ],
    sections: [
      tableHtml(all),
      chartHtml(
        {
          title: "Users cut off",
          about: `Users that get no messages, at each second; the axis is logarithmic, on its bottom line lie 0 and 1. A: ${bands[0]?.label}, B: ${bands[1]?.label}.`,
          times: Array.from({ length: seconds + 1 }, (_, second) => second),
          series: all.map((one, i) => cutOff(one, i, seconds)),
          text: numberText,
          logarithmic: true,
          empty: "Nobody was ever cut off.",
        },
        { end: seconds, bands },
      ),
      barsHtml(measures(all)),
      assumptions(all),
    ],
    foot: "Models of the source systems on the simulator's scheduler; what each assumes stands in sim/compare/README.md.",
  });
}

function stormText({ users, nodes, kill, newcomer, switches }: Storm): string {
  const at = (ms: number): string => `${ms / 1000} s`;
  const died = kill === 1 ? "1 node dies" : `${kill} nodes die`;
  const back = `${kill === 1 ? "comes" : "come"} back at ${at(stormTimes.backMs)}`;
  return `${users} users in pairs on ${nodes} nodes; ${died} at ${at(stormTimes.killMs)} and ${back}; ${newcomer} joins at ${at(stormTimes.joinMs)}; ${switches.length} changes of networks.`;
}

function cutOff({ result, outages }: Played, i: number, seconds: number): Series {
  const values = Array.from({ length: seconds + 1 }, () => 0);
  for (const { from, to } of outages)
    for (let second = Math.ceil(from / 1000); second <= Math.min(to / 1000, seconds); second++)
      values[second] = (values[second] ?? 0) + 1;
  return { name: result.name, color: `c${i}`, shape: "line", values };
}

function measures(all: readonly Played[]): Bars[] {
  const bars = (
    title: string,
    about: string,
    text: (value: number) => string,
    of: (result: DesignResult) => number,
  ): Bars => ({
    title,
    about,
    text,
    rows: all.map(({ result }, i) => ({ name: result.name, color: `c${i}`, value: of(result) })),
  });
  return [
    bars("Lost", "Messages that were never received.", String, ({ lost }) => lost),
    bars("Misrouted", "Times that a message went to where its user was not.", String, (one) => one.misrouted),
    bars("Moved", "Users whose owner changed though their node lived.", String, ({ moved }) => moved),
    bars(
      "Between nodes",
      "Messages between nodes per message received.",
      (value) => value.toFixed(2),
      (one) => one.betweenNodes,
    ),
    bars("Cut off", "Times that a user got no messages for more than a second.", String, (one) => one.cutOff),
    bars(
      "Time to recover, p99",
      "Until a user who was cut off got messages again.",
      durationText,
      ({ recoveredMs }) => recoveredMs.p99,
    ),
  ];
}

function tableHtml(all: readonly Played[]): string {
  const head = columns.map((column) => `<th title="${escaped(column.about)}">${escaped(column.head)}</th>`);
  const rows = all.map(({ result }) => {
    const cells = columns.map(({ cell }) => `<td>${escaped(cell(result))}</td>`);
    return `<tr><td>${escaped(result.name)}</td>${cells.join("")}</tr>`;
  });
  return `<section class="chart scroll"><table><tr><th>design</th>${head.join("")}</tr>${rows.join("")}</table></section>`;
}

function assumptions(all: readonly Played[]): string {
  const lines = all.map(
    ({ design }) => `<p class="note"><b>${escaped(design.name)}</b> ${escaped(design.about)}.</p>`,
  );
  const notes = columns.map(
    ({ head, about }) => `<p class="note"><b>${escaped(head)}</b> ${escaped(about)}.</p>`,
  );
  return `<section class="chart"><h2>What stands behind the names</h2>${lines.join("")}<h2>What is measured</h2>${notes.join("")}</section>`;
}
