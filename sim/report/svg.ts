/** Text that goes into a page: escaped by construction, so that no name of a node or fault can break out of it. */

/** Escapes for content and for attributes in double quotes. */
export function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** One element; attributes are escaped, the content is markup already. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  content = "",
): string {
  const text = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? rounded(value) : escaped(value)}"`)
    .join("");
  return content === "" && !filled.has(name) ? `<${name}${text}/>` : `<${name}${text}>${content}</${name}>`;
}

/** A coordinate with one digit: enough for a screen, and a third of the bytes. */
export function rounded(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** The path through points; undefined ones leave a gap. */
export function linePath(points: readonly (readonly [number, number] | undefined)[]): string {
  let path = "";
  let drawing = false;
  for (const point of points) {
    if (point !== undefined) path += `${drawing ? "L" : "M"}${rounded(point[0])} ${rounded(point[1])}`;
    drawing = point !== undefined;
  }
  return path;
}

/** Elements of a page that may not be closed in themselves. */
const filled: ReadonlySet<string> = new Set(["div", "span", "td", "th", "p", "i", "b", "svg", "section"]);
