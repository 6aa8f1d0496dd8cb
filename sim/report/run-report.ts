/** What a run's page shows: the settings, what it came to, and charts over virtual time. */
import type { Settings } from "../settings.ts";
import { quantiles, type Quantiles, type Summary } from "../summary.ts";
import { chartHtml, type Chart, type Frame, type Series } from "./chart.ts";
import { pageHtml } from "./page.ts";
import { joined, type Sample, type Sampler } from "./sampler.ts";
import { durationText, numberText } from "./scale.ts";
import { bandsOf, phasesOf, timelineHtml } from "./timeline.ts";

/** More nodes than these are not drawn one by one. */
const singleNodes = 8;
/** As many as say what is wrong; the verdict counts them all. */
const shownViolations = 8;
/** Rates and percentiles are of at least this long. */
const smoothMs = 1000;

/**
 * The page of a run.
 * @param command what makes it again
 */
export function runReport(summary: Summary, settings: Settings, sampler: Sampler, command: string): string {
  const { samples, marks, sampled } = sampler;
  const endMs = Math.max(summary.virtualMs, samples.at(-1)?.at ?? 0);
  const names = sampled?.nodes.map(({ name }) => name) ?? [];
  const bands = bandsOf(marks, samples, names, endMs);
  const frame: Frame = { end: endMs / 1000, bands };
  const smooth = smoothed(samples);
  const charts = [
    devices(samples),
    connections(smooth),
    messages(smooth),
    spread(
      "Time until a message is acknowledged",
      "No message was acknowledged.",
      smooth,
      sampled?.tally.answers ?? [],
      ({ answered }) => answered,
    ),
    spread(
      "Time to come back",
      "Nobody lost a connection.",
      smooth,
      sampled?.recoveries ?? [],
      ({ recovered }) => recovered,
    ),
    queues(samples, names),
    shards(samples, names),
    moves(samples),
  ];
  const { violations, violationCounts } = summary;
  const kinds = Object.entries(violationCounts).map(([name, count]) => `${name} (${count})`);
  return pageHtml({
    title: `${summary.scenario}, seed ${summary.seed}`,
    lead: `${summary.users} users on ${summary.nodes} nodes, ${durationText(summary.virtualMs)} of virtual time.`,
    verdict: {
      good: violations.length === 0,
      text: violations.length === 0 ? "No guarantee was violated" : `Violated: ${kinds.join(", ")}`,
      details: violations.slice(0, shownViolations).map(({ guarantee, text }) => `${guarantee}: ${text}`),
    },
    command,
    facts: facts(summary, settings),
    sections: [
      timelineHtml(phasesOf(marks, endMs), bands, samples, names, frame.end),
      ...charts.map((chart) => chartHtml(chart, frame)),
    ],
    foot: `Simulated in ${durationText(summary.wallMs)}, ${numberText(summary.events)} events, ${summary.rssMb} MB. Times are virtual seconds since the first node started.`,
  });
}

function facts(summary: Summary, settings: Settings): [string, string][] {
  const spreadText = ({ p50, p99, max }: Quantiles): string =>
    `${durationText(p50)}, ${durationText(p99)}, ${durationText(max)}`;
  return [
    ["Hash", summary.hash],
    ["Seed", String(summary.seed)],
    ["Users, agents", `${settings.users}, ${settings.agents}`],
    ["Nodes, shards", `${settings.nodes}, ${settings.shards}`],
    ["Admitted per second and node", String(settings.admit)],
    ["Work takes time", settings.costs ? "yes" : "no"],
    ["Messages sent, acknowledged", `${summary.sends}, ${summary.acked}`],
    ["Deliveries", String(summary.delivered)],
    ["Repeats suppressed", String(summary.duplicatesSuppressed)],
    ["Connection attempts, refused", `${summary.attempts}, ${summary.refused}`],
    ["Acknowledged p50, p99, max", spreadText(summary.ackMs)],
    ["Came back p50, p99, max", spreadText(summary.recoveredMs)],
    ["Longest queue of a node", `${summary.peakQueue} tasks`],
    ["Converged", summary.convergedMs < 0 ? "never" : `${durationText(summary.convergedMs)} after the heal`],
  ];
}

function devices(samples: readonly Sample[]): Chart {
  const series: Series[] = [
    { name: "online", color: "c0", shape: "area", values: samples.map(({ online }) => online) },
    { name: "came so far", color: "muted", shape: "dashed", values: samples.map((one) => one.devices) },
  ];
  return {
    title: "Devices online",
    about: "Devices that hold a welcomed connection, agents and second devices included.",
    times: timesOf(samples),
    series,
    text: numberText,
    empty: "No device was ever online.",
  };
}

function connections(samples: readonly Sample[]): Chart {
  return {
    title: "Connections",
    about: "Attempts to connect, and those that were refused or found no node, per second.",
    times: timesOf(samples),
    series: [
      {
        name: "attempts",
        color: "c0",
        shape: "area",
        values: rates(samples, ({ attempts }) => attempts),
      },
      { name: "refused", color: "bad", shape: "line", values: rates(samples, ({ refused }) => refused) },
    ],
    text: perSecond,
    empty: "Nobody tried to connect.",
  };
}

function messages(samples: readonly Sample[]): Chart {
  return {
    title: "Messages",
    about: "Events that devices received, messages that they sent and that were acknowledged, per second.",
    times: timesOf(samples),
    series: [
      {
        name: "received",
        color: "c5",
        shape: "area",
        values: rates(samples, ({ delivered }) => delivered),
      },
      { name: "sent", color: "c0", shape: "line", values: rates(samples, ({ sends }) => sends) },
      {
        name: "acknowledged",
        color: "c1",
        shape: "dashed",
        values: rates(samples, ({ answered }) => answered),
      },
    ],
    text: perSecond,
    empty: "Nobody said anything.",
  };
}

/** Percentiles of what ended within each window. */
function spread(
  title: string,
  empty: string,
  samples: readonly Sample[],
  all: readonly number[],
  until: (sample: Sample) => number,
): Chart {
  const windows = samples.map((sample, i): Quantiles | undefined => {
    const before = samples[i - 1];
    const within = all.slice(before === undefined ? 0 : until(before), until(sample));
    return within.length === 0 ? undefined : quantiles(within);
  });
  const line = (name: keyof Quantiles, color: string, shape: Series["shape"]): Series => ({
    name,
    color,
    shape,
    // A logarithmic axis has no zero.
    values: windows.map((window) => (window === undefined ? undefined : Math.max(1, window[name]))),
  });
  return {
    title,
    about: "Percentiles of what ended within each second, in milliseconds; the axis is logarithmic.",
    times: timesOf(samples),
    series: [line("p50", "c0", "line"), line("p99", "c1", "line"), line("max", "muted", "dashed")],
    text: durationText,
    logarithmic: true,
    empty,
  };
}

function queues(samples: readonly Sample[], names: readonly string[]): Chart {
  const depth = (sample: Sample, node: number): number => sample.nodes[node]?.queue ?? 0;
  const nodes: Series[] =
    names.length <= singleNodes
      ? names.map((name, node) => ({
          name,
          color: `c${node}`,
          shape: "line",
          values: samples.map((sample) => depth(sample, node)),
        }))
      : [
          {
            name: "longest of all nodes",
            color: "c1",
            shape: "line",
            values: samples.map((sample) => Math.max(...sample.nodes.map(({ queue }) => queue))),
          },
          {
            name: "median of the nodes",
            color: "c0",
            shape: "line",
            values: samples.map((sample) => quantiles(sample.nodes.map(({ queue }) => queue)).p50),
          },
        ];
  return {
    title: "Queues",
    about: "Tasks that waited for a processor, the most at a time within each window.",
    times: timesOf(samples),
    series: [
      ...nodes,
      {
        name: "store",
        color: "muted",
        shape: "dashed",
        values: samples.map(({ storeQueue }) => storeQueue),
      },
    ],
    text: numberText,
    empty: "No task ever had to wait for a processor.",
  };
}

function shards(samples: readonly Sample[], names: readonly string[]): Chart {
  const few = names.length <= singleNodes;
  const owned = (sample: Sample): number[] => sample.nodes.map((node) => node.shards);
  const series: Series[] = few
    ? names.map((name, node) => ({
        name,
        color: `c${node}`,
        shape: "area",
        values: samples.map((sample) => owned(sample)[node] ?? 0),
      }))
    : [
        {
          name: "most",
          color: "c1",
          shape: "line",
          values: samples.map((sample) => Math.max(...owned(sample))),
        },
        {
          name: "median",
          color: "c0",
          shape: "line",
          values: samples.map((sample) => quantiles(owned(sample)).p50),
        },
        {
          name: "least",
          color: "c5",
          shape: "line",
          values: samples.map((sample) => Math.min(...owned(sample))),
        },
      ];
  return {
    title: few ? "Shards by owner" : "Shards of a node",
    about: few
      ? "Which node the newest shard table that any node knows gives the shards to."
      : "How many shards the newest table gives to the nodes that have most, half-way and least.",
    times: timesOf(samples),
    series,
    text: numberText,
    stacked: few,
    empty: "There was no shard table.",
  };
}

function moves(samples: readonly Sample[]): Chart {
  return {
    title: "Shard moves",
    about: "Shards that changed their node within each window, and shards on their way (most at a time).",
    times: timesOf(samples),
    series: [
      {
        name: "changed their node",
        color: "c1",
        shape: "area",
        values: samples.map(({ moved }, i) => moved - (samples[i - 1]?.moved ?? moved)),
      },
      { name: "on their way", color: "c4", shape: "line", values: samples.map(({ moving }) => moving) },
    ],
    text: numberText,
    empty: "No shard changed its node.",
  };
}

function timesOf(samples: readonly Sample[]): number[] {
  return samples.map(({ at }) => at / 1000);
}

/** Windows of at least a second. */
function smoothed(samples: readonly Sample[]): readonly Sample[] {
  const found: Sample[] = [];
  let open: Sample | undefined;
  for (const sample of samples) {
    open = open === undefined ? sample : joined(open, sample);
    if (found.length > 0 && open.at - (found.at(-1)?.at ?? 0) < smoothMs - 1) continue;
    found.push(open);
    open = undefined;
  }
  if (open !== undefined && found.length > 1) found.push(joined(found.pop() ?? open, open));
  return found;
}

function rates(samples: readonly Sample[], total: (sample: Sample) => number): (number | undefined)[] {
  return samples.map((sample, i) => {
    const before = samples[i - 1];
    if (before === undefined) return undefined;
    return ((total(sample) - total(before)) / (sample.at - before.at)) * 1000;
  });
}

function perSecond(value: number): string {
  return `${numberText(value)}/s`;
}
