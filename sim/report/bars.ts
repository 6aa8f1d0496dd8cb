/** Horizontal bars: one small picture for each measure, the same names in each, so that rows compare at a glance. */
import { element, escaped } from "./svg.ts";

/** One measure of several things. */
export interface Bars {
  readonly title: string;
  /** One sentence: what is drawn. */
  readonly about: string;
  readonly rows: readonly { readonly name: string; readonly color: string; readonly value: number }[];
  readonly text: (value: number) => string;
}

const width = 520;
const nameWidth = 150;
const valueWidth = 70;
const rowHeight = 20;

/** The measures as a grid of pictures. */
export function barsHtml(measures: readonly Bars[]): string {
  return `<div class="bars">${measures.map(one).join("\n")}</div>`;
}

function one({ title, about, rows, text }: Bars): string {
  const most = Math.max(...rows.map(({ value }) => value));
  const room = width - nameWidth - valueWidth;
  const lines = rows.map(({ name, color, value }, i) => {
    const y = i * rowHeight;
    const length = most > 0 ? (value / most) * room : 0;
    const label = { class: "name", x: nameWidth - 8, y: y + 14, "text-anchor": "end" };
    const bar = { class: `bar ${color}`, x: nameWidth, y: y + 4, width: length, height: 13, rx: 1.5 };
    const number = { class: "axis", x: nameWidth + length + 6, y: y + 14 };
    return [
      element("text", label, escaped(name)),
      value > 0 ? element("rect", bar) : "",
      element("text", number, escaped(text(value))),
    ].join("");
  });
  const picture = element(
    "svg",
    { viewBox: `0 0 ${width} ${rows.length * rowHeight + 4}`, role: "img", "aria-label": title },
    lines.join(""),
  );
  return `<section class="chart"><h2>${escaped(title)}</h2><p class="about">${escaped(about)}</p>${picture}</section>`;
}
