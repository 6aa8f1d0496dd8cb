/** Small pairs, fan-out and storm against one peer: errors and gross losses of speed, in less than a minute. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Report } from "../report.ts";
import { socketIoStreams } from "../systems/peers.ts";
import { usher } from "../systems/usher.ts";
import { nodesOf, type Bench, type Round } from "./bench.ts";
import { fanout } from "./fanout.ts";
import { joined, pairs } from "./pairs.ts";
import { storm } from "./storm.ts";

const parts = [
  { bench: pairs, size: 20, window: 4, seconds: 4 },
  { bench: fanout, size: 300, window: 4, seconds: 2 },
  { bench: storm, size: 600, window: 0, seconds: 0 },
] as const;
/** Seconds; all three have to be done within a minute. */
const warmUp = 1.5;
const compared = ["throughput", "perCpuSecond"] as const;
/** What a ratio may fall to, as a share of the recorded one: CI machines are noisy. */
const tolerated = 0.5;
const recordFile = new URL("../recorded.json", import.meta.url);

/** All three on the same running system. */
export const smoke: Bench = {
  name: "smoke",
  about: "small pairs, fanout and storm against one peer; fails on loss, or on half of a recorded ratio",
  systems: [usher, socketIoStreams],
  spec: nodesOf,
  ratios: Object.fromEntries(
    parts.flatMap(({ bench }) =>
      compared.map((name) => [`${bench.name}.${name}`, `${bench.name}.${bench.ratios[name] ?? name}`]),
    ),
  ),
  async round(system, context) {
    let whole: Round = { figures: {}, integrity: { lost: 0, duplicated: 0, disordered: 0, troubles: {} } };
    for (const { bench, size, window, seconds } of parts) {
      const options = { ...context.options, size, window, seconds, warmUp };
      const { figures, integrity } = await bench.round(system, { ...context, options });
      const named = Object.entries(figures).map(([key, value]) => [`${bench.name}.${key}`, value] as const);
      whole = {
        figures: { ...whole.figures, ...Object.fromEntries(named) },
        integrity: joined(whole.integrity, integrity),
      };
    }
    return whole;
  },
};

/** What a report falls short of, one line each: a ratio below half of the recorded one. */
export function shortfalls({ ratios }: Report): string[] {
  const recorded = JSON.parse(readFileSync(recordFile, "utf8")) as Report["ratios"];
  return Object.entries(recorded).flatMap(([peer, known]) =>
    Object.entries(known).flatMap(([name, usual]) => {
      const now = ratios[peer]?.[name];
      if (now === undefined || now >= usual * tolerated) return [];
      return [`${name}: ${now} times ${peer}, less than half of the recorded ${usual}`];
    }),
  );
}

/** Keeps the ratios of a report as those that later ones are held against. */
export function record({ ratios }: Report): void {
  writeFileSync(recordFile, `${JSON.stringify(ratios, null, 2)}\n`);
}
