/** Results as a table for people and as one line for programs. */
import { round, rounded, spreadOf, type Spread } from "./measure/spread.ts";
import type { Rounds } from "./runs/alternate.ts";
import type { Bench } from "./runs/bench.ts";

/** The figures of a system over all rounds. */
export type Figures = Readonly<Record<string, Spread>>;

/** A bench's outcome: medians and spread, Usher's ratio to each peer (of medians), and what went wrong in Usher's rounds. */
export interface Report {
  readonly bench: string;
  readonly usher: Figures;
  readonly peers: Readonly<Record<string, Figures>>;
  readonly ratios: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly lost: number;
  readonly duplicated: number;
  readonly disordered: number;
}

/** Sums up all rounds. */
export function reportOf(bench: Bench, rounds: Rounds): Report {
  const figures = new Map<string, Figures>();
  for (const [name, of] of rounds) {
    const keys = new Set(of.flatMap((one) => Object.keys(one.figures)));
    const spreads = [...keys].map((key) => [key, spreadOf(of.map((one) => one.figures[key] ?? 0))] as const);
    figures.set(name, Object.fromEntries(spreads));
  }
  const usher = figures.get("usher") ?? {};
  figures.delete("usher");
  const ratios: Record<string, Record<string, number>> = {};
  for (const [peer, theirs] of figures) {
    const ofPeer: Record<string, number> = {};
    for (const [name, key] of Object.entries(bench.ratios)) {
      const [ours, other] = [usher[key]?.median ?? 0, theirs[key]?.median ?? 0];
      if (other !== 0) ofPeer[name] = round(ours / other);
    }
    ratios[peer] = ofPeer;
  }
  const sum = (what: "lost" | "duplicated" | "disordered"): number =>
    (rounds.get("usher") ?? []).reduce((total, { integrity }) => total + integrity[what], 0);
  return {
    bench: bench.name,
    usher,
    peers: Object.fromEntries(figures),
    ratios,
    lost: sum("lost"),
    duplicated: sum("duplicated"),
    disordered: sum("disordered"),
  };
}

/** A table: one line per figure, one column per system, median (least-most), and the ratios below. */
export function tableOf(report: Report, rounds: Rounds): string {
  const systems = [["usher", report.usher], ...Object.entries(report.peers)] as const;
  const keys = [...new Set(systems.flatMap(([, figures]) => Object.keys(figures)))];
  const lines = [["", ...systems.map(([name]) => name)]];
  for (const key of keys) lines.push([key, ...systems.map(([, figures]) => cell(figures[key]))]);
  for (const what of ["lost", "duplicated", "disordered"] as const) {
    const counts = systems.map(([name]) =>
      String((rounds.get(name) ?? []).reduce((sum, { integrity }) => sum + integrity[what], 0)),
    );
    lines.push([what, ...counts]);
  }
  for (const name of new Set(Object.values(report.ratios).flatMap((ofPeer) => Object.keys(ofPeer)))) {
    const cells = systems.map(([system]) => {
      const value = report.ratios[system]?.[name];
      return value === undefined ? "" : `${value.toFixed(2)}x`;
    });
    lines.push([`usher / ${name}`, ...cells]);
  }
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? "").length)),
  );
  return lines
    .map((line) =>
      line
        .map((text, i) => text.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cell(spread: Spread | undefined): string {
  if (spread === undefined) return "-";
  return `${rounded(spread.median)} (${rounded(spread.min)}-${rounded(spread.max)})`;
}
