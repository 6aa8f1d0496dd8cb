/** The one self-contained page that reports are written as: no request leaves it, and it works without its script. */
import { readFileSync } from "node:fs";
import { escaped } from "./svg.ts";

/** What a page holds. */
export interface Page {
  readonly title: string;
  /** One sentence under the title. */
  readonly lead: string;
  readonly verdict: { readonly good: boolean; readonly text: string; readonly details: readonly string[] };
  /** The command that makes the same page again. */
  readonly command: string;
  /** Names and values for the table on top. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Markup: charts and tables. */
  readonly sections: readonly string[];
  readonly foot: string;
}

/** The page as one HTML document. */
export function pageHtml({ title, lead, verdict, command, facts, sections, foot }: Page): string {
  const style = readFileSync(new URL("page.css", import.meta.url), "utf8");
  const script = readFileSync(new URL("hover.js", import.meta.url), "utf8");
  const details = verdict.details.map((text) => `<li>${escaped(text)}</li>`).join("");
  const rows = facts.map(([name, value]) => `<div><dt>${escaped(name)}</dt><dd>${escaped(value)}</dd></div>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>
${style}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p class="lead">${escaped(lead)}</p>
<p class="verdict ${verdict.good ? "good" : "bad"}">${escaped(verdict.text)}</p>
${details === "" ? "" : `<ul class="violations">${details}</ul>`}
<div class="command">${escaped(command)}</div>
<dl class="facts">${rows.join("")}</dl>
${sections.join("\n")}
<footer>${escaped(foot)}</footer>
<script type="module">
${script}</script>
</body>
</html>
`;
}
