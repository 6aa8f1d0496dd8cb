/** The top of a report: phases, faults and how each node stood, over the time axis that all charts share. */
import { faultText, type Fault, type FaultKind } from "../faults.ts";
import { across, bandsSvg, plot, timeAxis, type Band } from "./chart.ts";
import type { Mark, NodeStanding, Sample } from "./sampler.ts";
import { timeScale, type Scale } from "./scale.ts";
import { element, escaped } from "./svg.ts";

/** Kinds that only happen: without a length, nothing of them lasts. */
const moments: ReadonlySet<FaultKind> = new Set([
  "kv-deaf",
  "kv-empty",
  "wall-jump",
  "cut-sockets",
  "network-switch",
]);
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const rowHeight = 19;
const characterWidth = 5.9;
const standings: readonly (readonly [NodeStanding, string])[] = [
  ["serving", "serving"],
  ["waiting", "up, not serving"],
  ["paused", "standing still"],
  ["gone", "gone"],
];
/** More nodes than these are shown only where something happened to them. */
const allNodes = 10;
const mostRows = 16;

/** The phases of a run, in seconds. */
export interface Phase {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** When each phase was. */
export function phasesOf(marks: readonly Mark[], endMs: number): readonly Phase[] {
  const begun = marks.filter((mark) => mark.kind === "phase");
  return begun
    .map(({ name, at }, i) => ({ name, from: at / 1000, to: (begun[i + 1]?.at ?? endMs) / 1000 }))
    .filter(({ from, to }) => to > from);
}

/**
 * One band for all faults of one moment that differ in their targets only. A fault without a length lasts until the
 * world heals; a planned stop until its node has been seen serving again.
 */
export function bandsOf(
  marks: readonly Mark[],
  samples: readonly Sample[],
  names: readonly string[],
  endMs: number,
): readonly Band[] {
  const healedAt = marks.find((mark) => mark.kind === "phase" && mark.name === "heal")?.at ?? endMs;
  const groups = new Map<string, { at: number; faults: Fault[] }>();
  for (const mark of marks) {
    if (mark.kind !== "fault") continue;
    const { target: _target, ...rest } = mark.fault;
    const key = JSON.stringify(rest);
    const group = groups.get(key) ?? { at: mark.at, faults: [] };
    group.faults.push(mark.fault);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ at, faults }, i): Band => {
    const ends = faults.map((fault) => endOf(fault, at, Math.max(at, healedAt), samples, names));
    return {
      from: at / 1000,
      to: Math.max(...ends) / 1000,
      letter: letters[i] ?? String(i + 1),
      label: labelOf(faults),
    };
  });
}

/** The picture with phases, faults and nodes as rows. */
export function timelineHtml(
  phases: readonly Phase[],
  bands: readonly Band[],
  samples: readonly Sample[],
  names: readonly string[],
  end: number,
): string {
  const time = timeScale(end);
  const strips = stripsOf(samples, names);
  const rows: ((y: number) => string)[] = [
    (y) => phaseRow(phases, time, y),
    ...bands.map((band) => (y: number) => bandRow(band, time, y)),
    ...strips.map((strip) => (y: number) => stripRow(strip, time, y)),
  ];
  const height = rows.length * rowHeight;
  const content = [
    bandsSvg(bands, time, plot.top, height),
    ...rows.map((row, i) => row(plot.top + i * rowHeight)),
    timeAxis(time, plot.top + height),
    element("line", { class: "hair", x1: -9, x2: -9, y1: plot.top, y2: plot.top + height }),
  ];
  const hidden = names.length - strips.length;
  const rest = hidden === 0 ? "" : ` ${hidden} more nodes served all the time.`;
  const keys = standings.map(
    ([standing, text]) => `<span><i class="key block ${standing}"></i>${text}</span>`,
  );
  return [
    `<section class="chart"><h2>What happened</h2>`,
    `<p class="about">Phases, faults and how each node stood; letters name the faults in all charts.${rest}</p>`,
    `<div class="legend">${keys.join("")}<span class="at"></span></div>`,
    element(
      "svg",
      {
        viewBox: `0 0 ${plot.width} ${plot.top + height + 20}`,
        role: "img",
        "aria-label": "What happened",
        "data-end": end,
      },
      content.join(""),
    ),
    `</section>`,
  ].join("\n");
}

interface Strip {
  readonly name: string;
  readonly parts: readonly { readonly standing: NodeStanding; readonly from: number; readonly to: number }[];
}

/** How each node stood, in stretches. */
function stripsOf(samples: readonly Sample[], names: readonly string[]): readonly Strip[] {
  const strips = names.map((name, node): Strip => {
    const parts: { standing: NodeStanding; from: number; to: number }[] = [];
    for (const { at, nodes } of samples) {
      const standing = nodes[node]?.standing ?? "gone";
      const last = parts.at(-1);
      if (last !== undefined) last.to = at / 1000;
      // At the very beginning nothing has been started.
      if (at > 0 && last?.standing !== standing)
        parts.push({ standing, from: last === undefined ? 0 : at / 1000, to: at / 1000 });
    }
    return { name, parts };
  });
  if (strips.length <= allNodes) return strips;
  const eventful = ({ parts }: Strip): boolean =>
    parts.slice(1).some(({ standing }) => standing !== "serving");
  return strips.filter(eventful).slice(0, mostRows);
}

function phaseRow(phases: readonly Phase[], time: Scale, y: number): string {
  return phases
    .map(({ name, from, to }, i) => {
      const [x, end] = [across(time, from), across(time, to)];
      const fits = end - x > name.length * characterWidth + 6;
      const box = { class: `phase ${i % 2 === 0 ? "even" : ""}`, x, y: y + 2, width: end - x, height: 15 };
      const label = fits ? element("text", { class: "name", x: x + 4, y: y + 13 }, escaped(name)) : "";
      return `<g><title>${escaped(name)}</title>${element("rect", box)}${label}</g>`;
    })
    .join("");
}

function bandRow({ from, to, letter, label }: Band, time: Scale, y: number): string {
  const [x, end] = [across(time, from), across(time, to)];
  const text = `${letter}  ${label}`;
  const width = Math.max(3, end - x);
  const needed = text.length * characterWidth;
  const right = x + width + 6 + needed <= plot.right;
  const left = x - 6 - needed >= plot.left;
  const place =
    needed < width - 8
      ? { x: x + 5, "text-anchor": "start" }
      : right || !left
        ? { x: Math.min(x + width + 6, plot.right - needed), "text-anchor": "start" }
        : { x: x - 6, "text-anchor": "end" };
  const box = element("rect", { class: "fault", x, y: y + 2, width, height: 15, rx: 2 });
  return box + element("text", { class: "name", y: y + 13, ...place }, escaped(text));
}

function stripRow({ name, parts }: Strip, time: Scale, y: number): string {
  const label = element(
    "text",
    { class: "axis", x: plot.left - 6, y: y + 13, "text-anchor": "end" },
    escaped(name),
  );
  const boxes = parts.map(({ standing, from, to }) => {
    const x = across(time, from);
    return element("rect", {
      class: standing,
      x,
      y: y + 4,
      width: Math.max(1, across(time, to) - x),
      height: 11,
    });
  });
  return label + boxes.join("");
}

function endOf(
  fault: Fault,
  at: number,
  healedAt: number,
  samples: readonly Sample[],
  names: readonly string[],
): number {
  if (moments.has(fault.kind) && fault.for === 0) return at;
  if (fault.kind === "leave") {
    const node = names.indexOf(fault.target);
    const gone = samples.findIndex((one) => one.at > at && one.nodes[node]?.standing === "gone");
    const back = samples.findIndex((one, i) => i > gone && one.nodes[node]?.standing === "serving");
    const seen = gone < 0 ? undefined : samples[back]?.at;
    return seen ?? healedAt;
  }
  return fault.for === 0 ? healedAt : Math.min(at + fault.for, Math.max(at, healedAt));
}

/** `crash n1, n2 for 5 s`. */
function labelOf(faults: readonly Fault[]): string {
  const [first] = faults;
  if (first === undefined) return "";
  const targets = faults.map(({ target }) => target);
  const named =
    targets.length > 6
      ? `${targets.slice(0, 5).join(", ")} and ${targets.length - 5} more`
      : targets.join(", ");
  const text = faultText({ ...first, target: named });
  return text
    .slice(text.indexOf(": ") + 2)
    .replace(
      / for (\d+)/,
      (_, ms: string) => `${first.kind === "leave" ? ", back after" : " for"} ${Number(ms) / 1000} s`,
    );
}
