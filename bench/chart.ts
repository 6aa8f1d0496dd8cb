/** Kept outcomes as one SVG: for each figure that has peers, a bar per system, with its lowest and highest round. */
import type { Spread } from "./measure/spread.ts";
import type { Result } from "./results.ts";

/** The figures that are drawn, and what they are. The other ones are in the tables. */
const drawn: Readonly<Record<string, string>> = {
  throughput: "messages a second",
  perSecond: "a second",
  perCpuSecond: "per CPU second of nodes and brokers",
  bytesPerSession: "bytes per session (less is better)",
  tellsPerSecond: "tells a second",
  asksPerSecond: "asks a second",
  p99: "99th percentile, ms (less is better)",
};
const colours: Readonly<Record<string, string>> = {
  usher: "#2563eb",
  "socketio-streams": "#64748b",
  ejabberd: "#94a3b8",
  ceiling: "#cbd5e1",
};
const otherColours = ["#94a3b8", "#64748b"];
const [width, left, right, barHeight, gap] = [760, 170, 90, 16, 5];
const titleHeight = 30;
const groupHeight = 22;

interface Bar {
  readonly system: string;
  readonly spread: Spread;
}

/** The chart as text. Systems are named beside their bars; ours is the blue one. */
export function chartOf(results: readonly Result[]): string {
  const parts: string[] = [];
  let y = 10;
  for (const { report, date } of results) {
    const systems = [["usher", report.usher], ...Object.entries(report.peers)] as const;
    const groups = Object.entries(drawn).flatMap(([key, about]) => {
      const bars = systems.flatMap(([system, figures]): Bar[] => {
        const spread = figures[key];
        return spread === undefined ? [] : [{ system, spread }];
      });
      return bars.length < 2 ? [] : [{ about, bars }];
    });
    if (groups.length === 0) continue;
    y += titleHeight;
    parts.push(text(left, y - 8, `${report.bench}, ${date}`, 'font-weight="bold" font-size="15"'));
    for (const { about, bars } of groups) {
      y += groupHeight;
      parts.push(text(left, y - 6, about, 'fill="#475569"'));
      const most = Math.max(...bars.map(({ spread }) => spread.max));
      for (const [i, bar] of bars.entries()) {
        parts.push(barOf(bar, i, y, most));
        y += barHeight + gap;
      }
    }
  }
  const height = y + 16;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    `  font-family="system-ui, sans-serif" font-size="12" fill="#0f172a">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function barOf({ system, spread }: Bar, i: number, y: number, most: number): string {
  const scale = (value: number): number => (most === 0 ? 0 : ((width - left - right) * value) / most);
  const colour = colours[system] ?? otherColours[i % otherColours.length];
  const middle = y + barHeight / 2;
  const [low, high] = [left + scale(spread.min), left + scale(spread.max)];
  return [
    text(left - 8, middle + 4, system, 'text-anchor="end"'),
    `<rect x="${left}" y="${y}" width="${scale(spread.median).toFixed(1)}" height="${barHeight}" fill="${colour}"/>`,
    `<line x1="${low.toFixed(1)}" y1="${middle}" x2="${high.toFixed(1)}" y2="${middle}" stroke="#0f172a"/>`,
    text(high + 6, middle + 4, valueText(spread.median), ""),
  ].join("\n");
}

function valueText(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(1);
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escaped}</text>`;
}
