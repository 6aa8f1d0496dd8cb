/** The pause that a conversation sees when a node leaves, dies, or falls silent. */
import type { Integrity } from "../load/job.ts";
import { WatchedChat } from "../load/watched-chat.ts";
import type { RunningSystem } from "../systems/system.ts";
import { usher } from "../systems/usher.ts";
import type { Bench } from "./bench.ts";

const faults = [
  { name: "drain", signal: "SIGTERM", watchMs: 8000 },
  { name: "kill", signal: "SIGKILL", watchMs: 15_000 },
  { name: "silence", signal: "SIGSTOP", watchMs: 60_000 },
] as const;
/** Two nodes live through all of it: clients elsewhere are attached there. */
const safeNodes = 2;
const warmUpMs = 3000;
const calmMs = 10_000;

/** Each fault takes one of five nodes. Half of the visitors are attached to it, all others elsewhere. */
export const failover: Bench = {
  name: "failover",
  about:
    "pauses of conversations (--size, 60) when a node drains, is killed, or is silent; over the real SDK",
  systems: [usher],
  spec: () => ({ nodes: safeNodes + faults.length, env: { USHER_DRAIN_MS: "2000" } }),
  ratios: {},
  async round(system, { options, say }) {
    const figures: Record<string, number> = {};
    const totals = { lost: 0, duplicated: 0, disordered: 0 };
    for (const [i, fault] of faults.entries()) {
      const victim = system.nodes.length - 1 - i;
      const { pauses, integrity } = await suffer(system, victim, fault, options.size || 60);
      for (const [key, values] of Object.entries(pauses)) {
        figures[`${fault.name}.${key}.p50`] = at(values, 0.5);
        figures[`${fault.name}.${key}.p99`] = at(values, 0.99);
      }
      totals.lost += integrity.lost;
      totals.duplicated += integrity.duplicated;
      totals.disordered += integrity.disordered;
      say(`${fault.name} is over`);
      await pause(calmMs);
    }
    return { figures, integrity: { ...totals, troubles: {} } };
  },
};

async function suffer(
  system: RunningSystem,
  victim: number,
  { name, signal, watchMs }: (typeof faults)[number],
  size: number,
): Promise<{ pauses: Record<"elsewhere" | "there", number[]>; integrity: Integrity }> {
  const begin = (i: number): Promise<WatchedChat> =>
    WatchedChat.begin({
      ports: system.ports,
      visitorAt: i % 2 === 0 ? (i / 2) % safeNodes : victim,
      agentAt: (i + 1) % safeNodes,
      i,
      tag: name,
    });
  const chats = await Promise.all(Array.from({ length: size }, (_, i) => begin(i)));
  await pause(warmUpMs);
  for (const chat of chats) chat.watch();
  system.nodes[victim]?.signal(signal);
  await pause(watchMs);
  const pauses = chats.map((chat) => chat.pauseMs);
  if (signal === "SIGSTOP") system.nodes[victim]?.signal("SIGKILL");
  await Promise.all(chats.map((chat) => chat.end()));
  const sum = (of: (chat: WatchedChat) => number): number =>
    chats.reduce((total, chat) => total + of(chat), 0);
  return {
    pauses: {
      elsewhere: pauses.filter((_, i) => i % 2 === 0),
      there: pauses.filter((_, i) => i % 2 === 1),
    },
    integrity: {
      lost: sum(({ tally }) => tally.open),
      duplicated: sum(({ tally }) => tally.duplicated),
      disordered: sum(({ tally, violations }) => tally.disordered + violations),
      troubles: {},
    },
  };
}

/** The value below which that share of the values lies. */
function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
