import type { Violation } from "./history.ts";

/** Quantiles in milliseconds. */
export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What a run comes to. */
export interface Summary {
  readonly scenario: string;
  readonly seed: number;
  readonly hash: string;
  readonly users: number;
  readonly nodes: number;
  readonly virtualMs: number;
  readonly wallMs: number;
  readonly rssMb: number;
  readonly events: number;
  readonly sends: number;
  readonly acked: number;
  readonly delivered: number;
  readonly duplicatesSuppressed: number;
  /** Sends that left while another of their producer was unanswered, and the most of one that were so at a time. */
  readonly sentBeside: number;
  readonly mostInFlight: number;
  /** Pages that their customers closed, and messages without an answer that these kept for the next. */
  readonly pagesClosed: number;
  readonly messagesKept: number;
  readonly attempts: number;
  readonly refused: number;
  readonly recoveredMs: Quantiles;
  readonly ackMs: Quantiles;
  readonly peakQueue: number;
  /** Waits for an agent, most who waited at one time, and who still does in the end. */
  readonly waitedMs: Quantiles;
  readonly peakWaiting: number;
  readonly leftWaiting: number;
  /** From the end of the faults until all was well; -1 when it never was. */
  readonly convergedMs: number;
  readonly violations: readonly Violation[];
  /** How often each guarantee was violated, also beyond those that are listed. */
  readonly violationCounts: Readonly<Record<string, number>>;
}

/** Median, 99th percentile and largest; zeros for none. */
export function quantiles(values: readonly number[]): Quantiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** The summary for people. */
export function summaryText(summary: Summary): string {
  const { recoveredMs, ackMs, waitedMs, violations, violationCounts } = summary;
  const spread = ({ p50, p99, max }: Quantiles): string => `p50 ${p50}  p99 ${p99}  max ${max} ms`;
  const lines = [
    `${summary.scenario}, seed ${summary.seed}: ${summary.users} users, ${summary.nodes} nodes`,
    `  time        ${(summary.virtualMs / 1000).toFixed(1)} s virtual in ${(summary.wallMs / 1000).toFixed(1)} s, ${summary.events} events, ${summary.rssMb} MB`,
    `  messages    ${summary.sends} sent, ${summary.acked} acknowledged, ${summary.delivered} deliveries, ${summary.duplicatesSuppressed} repeats suppressed`,
    `  in flight   ${summary.mostInFlight} of one producer at most, ${summary.sentBeside} left beside another`,
    ...(summary.pagesClosed === 0
      ? []
      : [
          `  pages       ${summary.pagesClosed} closed, which left ${summary.messagesKept} messages to the next`,
        ]),
    `  answered    ${spread(ackMs)}`,
    `  connections ${summary.attempts} attempts, ${summary.refused} refused`,
    `  recovered   ${spread(recoveredMs)}`,
    ...(summary.peakWaiting === 0
      ? []
      : [
          `  for agents  ${spread(waitedMs)}; ${summary.peakWaiting} waited at once, ${summary.leftWaiting} in the end`,
        ]),
    `  queue       ${summary.peakQueue} tasks at most before a node's processor`,
    `  converged   ${summary.convergedMs < 0 ? "never" : `${summary.convergedMs} ms after the last fault`}`,
    `  hash        ${summary.hash}`,
  ];
  if (violations.length === 0) lines.push("  no violation");
  for (const [guarantee, count] of Object.entries(violationCounts)) {
    lines.push(`  VIOLATED    ${guarantee}, ${count} times`);
    for (const one of violations.filter((other) => other.guarantee === guarantee).slice(0, 5))
      lines.push(`              ${one.text}`);
  }
  return `${lines.join("\n")}\n`;
}
