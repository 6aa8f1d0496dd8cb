/**
 * Charts over a shared time axis, drawn by hand as SVG: they work without a script and in both colour schemes (colours
 * are classes of page.css).
 */
import { linearScale, logScale, timeScale, type Scale } from "./scale.ts";
import { element, escaped, linePath, rounded } from "./svg.ts";

/** What went wrong from when to when, in seconds; equal times are a moment. */
export interface Band {
  readonly from: number;
  readonly to: number;
  /** Names it in every chart. */
  readonly letter: string;
  /** Says what it is. */
  readonly label: string;
}

/** One line or area; undefined values leave a gap. */
export interface Series {
  readonly name: string;
  /** A colour of page.css: `c0` to `c8`, `good`, `bad`, `muted`. */
  readonly color: string;
  readonly values: readonly (number | undefined)[];
  readonly shape: "line" | "area" | "dashed";
}

/** One chart. */
export interface Chart {
  readonly title: string;
  /** One sentence: what is drawn, and in which unit. */
  readonly about: string;
  /** Seconds, one for each value of every series. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  /** A value with its unit, for axis and legend. */
  readonly text: (value: number) => string;
  /** Series stand on each other. */
  readonly stacked?: boolean;
  /** The axis has powers of ten. */
  readonly logarithmic?: boolean;
  /** Stands in the place of the chart when there is no value, or none above 0. */
  readonly empty: string;
}

/** What all charts of a page share. */
export interface Frame {
  /** Seconds at the right edge. */
  readonly end: number;
  readonly bands: readonly Band[];
}

/** The drawing area within a picture, in its own units; all pictures of a page share left, right and width. */
export const plot = { width: 1000, left: 58, right: 990, top: 16, height: 120 } as const;

const bottom = plot.top + plot.height;
const letterWidth = 12;

/** The chart with title, legend and picture, as HTML. */
export function chartHtml(chart: Chart, frame: Frame): string {
  const { title, about, series, text, empty } = chart;
  const some = series.some(({ values }) => values.some((value) => value !== undefined && value > 0));
  const head = `<h2>${escaped(title)}</h2><p class="about">${escaped(about)}</p>`;
  if (!some) return `<section class="chart">${head}<p class="empty">${escaped(empty)}</p></section>`;
  const keys = series.map(({ name, color, values, shape }) => {
    const most = Math.max(...values.map((value) => value ?? 0));
    const mark = `<i class="key ${color} ${shape}"></i>`;
    const peak = most > 0 ? `max ${text(most)}` : "none";
    const value = element("b", { "data-peak": peak }, escaped(peak));
    return `<span>${mark}${escaped(name)} ${value}</span>`;
  });
  return [
    `<section class="chart">${head}<div class="legend">${keys.join("")}<span class="at"></span></div>`,
    picture(chart, frame),
    `<script type="application/json">${dataOf(chart)}</script></section>`,
  ].join("\n");
}

/** A place on the time axis. */
export function across(time: Scale, seconds: number): number {
  return plot.left + time.place(seconds) * (plot.right - plot.left);
}

/** The time axis under a drawing area that ends at `y`. */
export function timeAxis(time: Scale, y: number): string {
  return time.ticks
    .map((tick) => {
      const x = across(time, tick);
      const mark = element("line", { class: "tick", x1: x, x2: x, y1: y, y2: y + 4 });
      return mark + element("text", { class: "axis", x, y: y + 15, "text-anchor": "middle" }, `${tick} s`);
    })
    .join("");
}

/** Bands behind a drawing area, each with its letter above; where they overlap the shade stays the same. */
export function bandsSvg(bands: readonly Band[], time: Scale, top: number, height: number): string {
  let free = plot.left;
  const letters: string[] = [];
  const shades: string[] = [];
  const moments: string[] = [];
  for (const { from, to, letter, label } of bands) {
    const [x, end] = [across(time, from), across(time, to)];
    const title = `<title>${escaped(`${letter}: ${label}`)}</title>`;
    if (end - x < 1)
      moments.push(element("line", { class: "moment", x1: x, x2: x, y1: top, y2: top + height }, title));
    else shades.push(element("rect", { x, y: top, width: end - x, height }, title));
    const at = Math.max(x, free);
    free = at + letterWidth;
    letters.push(element("text", { class: "letter", x: at, y: top - 4 }, escaped(letter)));
  }
  return `<g class="band">${shades.join("")}</g>${moments.join("")}${letters.join("")}`;
}

function picture(chart: Chart, frame: Frame): string {
  const time = timeScale(frame.end);
  const tops = chart.stacked === true ? stack(chart.series) : chart.series.map(({ values }) => values);
  const all = tops.flat().filter((value): value is number => value !== undefined);
  const most = Math.max(...all);
  const positive = all.filter((value) => value > 0);
  const scale = chart.logarithmic === true ? logScale(Math.min(...positive), most) : linearScale(most);
  const y = (value: number): number => bottom - scale.place(value) * plot.height;
  const grid = scale.ticks.map((tick) => {
    const line = element("line", { class: "grid", x1: plot.left, x2: plot.right, y1: y(tick), y2: y(tick) });
    const label = { class: "axis", x: plot.left - 6, y: y(tick) + 3.5, "text-anchor": "end" };
    return line + element("text", label, escaped(chart.text(tick)));
  });
  const shapes = chart.series.map((series, i) => {
    const places = chart.times.map((at, k): readonly [number, number] | undefined => {
      const value = tops[i]?.[k];
      return value === undefined ? undefined : [across(time, at), y(value)];
    });
    const under = chart.stacked === true && i > 0 ? tops[i - 1] : undefined;
    const floor = chart.times.map((at, k): readonly [number, number] => [
      across(time, at),
      y(under?.[k] ?? 0),
    ]);
    if (places.every((place) => place === undefined || place[1] === bottom)) return "";
    return shapeOf(series, places, floor, chart.stacked === true);
  });
  const label = `${chart.title}: ${chart.about}`;
  return element(
    "svg",
    { viewBox: `0 0 ${plot.width} ${bottom + 20}`, role: "img", "aria-label": label, "data-end": frame.end },
    [
      bandsSvg(frame.bands, time, plot.top, plot.height),
      ...grid,
      ...shapes.toReversed(),
      timeAxis(time, bottom),
      element("line", { class: "hair", x1: -9, x2: -9, y1: plot.top, y2: bottom }),
    ].join(""),
  );
}

type Place = readonly [number, number];

function shapeOf(
  { color, shape }: Series,
  places: readonly (Place | undefined)[],
  floor: readonly Place[],
  stacked: boolean,
): string {
  const line = element("path", {
    class: `line ${color} ${shape === "dashed" ? shape : ""}`,
    d: linePath(places),
  });
  if (shape !== "area") return line + dots(places, color);
  return (
    element("path", { class: `under ${color} ${stacked ? "stacked" : ""}`, d: areaPath(places, floor) }) +
    line
  );
}

/** Values without a neighbour would be invisible as a line. */
function dots(places: readonly (Place | undefined)[], color: string): string {
  return places
    .map((place, i) => {
      if (place === undefined || places[i - 1] !== undefined || places[i + 1] !== undefined) return "";
      return element("circle", { class: `dot ${color}`, cx: place[0], cy: place[1], r: 1.8 });
    })
    .join("");
}

function areaPath(places: readonly (Place | undefined)[], floor: readonly Place[]): string {
  const upper = places.map((place, i) => place ?? floor[i]);
  const lower = floor.toReversed().map(([x, y]) => `L${rounded(x)} ${rounded(y)}`);
  return `${linePath(upper)}${lower.join("")}Z`;
}

/** Each series on top of those before it. */
function stack(series: readonly Series[]): number[][] {
  const tops: number[][] = [];
  for (const { values } of series) {
    const below = tops.at(-1);
    tops.push(values.map((value, i) => (value ?? 0) + (below?.[i] ?? 0)));
  }
  return tops;
}

/** What the page's script shows under the pointer: times and, as texts, values. */
function dataOf({ times, series, text }: Chart): string {
  const values = series.map((one) => one.values.map((value) => (value === undefined ? "–" : text(value))));
  return JSON.stringify({ times, values }).replaceAll("<", "\\u003c");
}
