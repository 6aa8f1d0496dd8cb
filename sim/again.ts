import type { Settings } from "./settings.ts";
import { swarmSettings } from "./swarm.ts";

/** The options of the command line by which a run of the swarm can differ from what its seed draws. */
const flags = {
  nodes: "nodes",
  users: "users",
  agents: "agents",
  desks: "desks",
  shards: "shards",
  masters: "masters",
  syncMs: "sync",
  thinkMs: "think",
  bursts: "bursts",
  human: "human",
  closes: "closes",
  background: "background",
  mobile: "mobile",
  reloads: "reloads",
  admit: "admit",
  plant: "plant",
} as const satisfies Partial<Record<keyof Settings, string>>;

/** The command that runs exactly this run of the swarm again. */
export function againCommand(settings: Settings): string {
  const drawn = swarmSettings(settings.seed, {});
  const words = ["npm run -s sim -- swarm", `--seed ${settings.seed}`];
  for (const [name, flag] of Object.entries(flags) as [keyof typeof flags, string][])
    if (settings[name] !== drawn[name]) words.push(`--${flag} ${settings[name]}`);
  words.push(`--faults '${JSON.stringify(settings.faults)}'`);
  return words.join(" ");
}
