/**
 * The storm that all designs go through: who comes when, who says what to whom when, whose network changes, which nodes
 * die, come back and join. Drawn from the seed before anything runs, so it is the same whatever a design does.
 */
import { Stream } from "../world/chance.ts";

/** What a storm is drawn from. */
export interface StormSettings {
  readonly seed: number;
  readonly users: number;
  readonly nodes: number;
  /** How many nodes die at once. */
  readonly kill: number;
}

/** Somebody wants to say something. */
export interface Intent {
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** A device changes its network: its connection is gone, its node finds out later. */
export interface Switch {
  readonly at: number;
  readonly user: number;
  /** Until the node notices, which is what its heartbeats are for. */
  readonly noticeMs: number;
}

/** A storm. Times are milliseconds from its beginning; users are numbered from 0. */
export interface Storm extends StormSettings {
  /** By user. */
  readonly arrivals: readonly number[];
  readonly intents: readonly Intent[];
  readonly switches: readonly Switch[];
  /** The nodes at the beginning, in the order of their starts. */
  readonly names: readonly string[];
  /** Those that die. */
  readonly victims: readonly string[];
  /** The node that joins later. */
  readonly newcomer: string;
}

/** When what happens. */
export const stormTimes = {
  arriveMs: 5000,
  talkFromMs: 6000,
  killMs: 20_000,
  backMs: 45_000,
  joinMs: 70_000,
  talkUntilMs: 100_000,
  endMs: 130_000,
} as const;

/** Between two messages of one user: at a steady pace, so that silence means trouble and not a pause for thought. */
const thinkMinMs = 500;
const thinkMaxMs = 1500;
const switchShare = 0.4;
/** Of those, this share changes again right away: into a tunnel and out. */
const againShare = 0.25;
const againMs = 400;
const noticeMinMs = 1000;
const noticeMaxMs = 20_000;

/** Draws it. Users talk in pairs (0 and 1, 2 and 3); the first of the nodes is among those that die. */
export function drawStorm({ seed, users, nodes, kill }: StormSettings): Storm {
  if (users < 2 || users % 2 === 1) throw new Error("users talk in pairs: --users has to be even");
  if (kill < 1 || kill >= nodes) throw new Error("--kill has to leave a node and to take one");
  const names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
  const arriving = new Stream(seed, "compare/arrivals");
  const intents: Intent[] = [];
  const switches: Switch[] = [];
  for (let user = 0; user < users; user++) {
    const talk = new Stream(seed, `compare/talk/${user}`);
    const pause = (): number => thinkMinMs + talk.next() * (thinkMaxMs - thinkMinMs);
    for (let at = stormTimes.talkFromMs + pause(); at < stormTimes.talkUntilMs; at += pause())
      intents.push({ at, from: user, to: user ^ 1 });
    const net = new Stream(seed, `compare/network/${user}`);
    if (net.next() >= switchShare) continue;
    const first =
      stormTimes.talkFromMs + net.next() * (stormTimes.talkUntilMs - stormTimes.talkFromMs - noticeMaxMs);
    const notice = (): number => noticeMinMs + net.next() * (noticeMaxMs - noticeMinMs);
    switches.push({ at: first, user, noticeMs: notice() });
    if (net.next() < againShare) switches.push({ at: first + againMs, user, noticeMs: notice() });
  }
  return {
    seed,
    users,
    nodes,
    kill,
    arrivals: Array.from({ length: users }, () => arriving.next() * stormTimes.arriveMs),
    intents: intents.sort((a, b) => a.at - b.at || a.from - b.from),
    switches,
    names,
    victims: names.slice(0, kill),
    newcomer: `n${nodes + 1}`,
  };
}
