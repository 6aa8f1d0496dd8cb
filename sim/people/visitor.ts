/** A customer: opens a conversation, asks the robot or a person, says something now and then, begins anew when it ended. */
import type { Stream } from "../world/chance.ts";
import { sleep } from "../../base/clock.ts";
import type { Device } from "./device.ts";

/** What a customer knows on every page. */
export interface Memory {
  /** The conversation; undefined before the first, and after one that has ended. */
  conv: string | undefined;
}

/** How a customer behaves. */
export interface VisitorHabits {
  readonly channel: string;
  /** The conversation from before; undefined for one who begins with a new one. */
  readonly earlier: string | undefined;
  /** What is known from the pages before; this one adds to it. */
  readonly memory: Memory;
  /** Whether a person is asked for right away. */
  readonly human: boolean;
  /** Mean time between two messages; undefined for one who only opens. */
  readonly thinkMs: number | undefined;
  /** Lots of one who writes in bursts, and does not wait until they are answered; undefined for one who says one thing at a time. */
  readonly bursts: Stream | undefined;
  /** Chance to begin another conversation when one has ended. */
  readonly returning: number;
  /** Whether it is time to be silent. */
  readonly over: () => boolean;
  /** Answers that may come to a message, since conversations end and agents change. */
  readonly onRefusal: (code: string, device: Device) => void;
}

/** Share of those who ask for a person and end the conversation at once: about when an agent is found. */
const secondThoughts = 0.15;
const secondThoughtsMs = 60;
/** Messages of a burst. */
const fewest = 2;
const most = 6;
/** Who sees so many without a mark that they arrived waits for it: more than may be in flight, so that some wait behind those. */
const patience = 40;
/** After which a customer begins anew. */
const ended = "CLOSED";

/** Lives until `over`; resolves with the last conversation. Runs in the device's process. */
export async function visit(
  device: Device,
  habits: VisitorHabits,
  chance: Stream,
): Promise<string | undefined> {
  const { client, process } = device;
  const { memory } = habits;
  // Who knows the conversation from another page does not wait until this one shows it.
  const awaited = memory.conv === undefined ? habits.earlier : undefined;
  let conv = memory.conv ?? awaited;
  let closed: string | undefined;
  const say = async (to: string): Promise<void> => {
    const refused = await device.say(to);
    if (refused === ended) closed = to;
    else if (refused !== undefined) habits.onRefusal(refused, device);
  };
  if (awaited !== undefined && habits.thinkMs !== undefined) await welcomed(device);
  while (!habits.over()) {
    if (conv !== undefined && conv === closed) {
      if (habits.returning < 1 && chance.next() >= habits.returning) return conv;
      conv = memory.conv = undefined;
    }
    if (conv === undefined) {
      conv = await client.open(habits.channel);
      if (habits.human) await client.human(conv).catch(() => undefined);
      if (habits.human && chance.next() < secondThoughts) {
        await sleep(process.clock, chance.exponential(secondThoughtsMs));
        await client.close(conv).catch(() => undefined);
      }
    }
    memory.conv = conv;
    if (habits.thinkMs === undefined) return conv;
    const to = conv;
    const messages = lengthOf(habits.bursts);
    await sleep(process.clock, chance.exponential(habits.thinkMs * messages));
    await device.tab.shown();
    if (habits.over()) return conv;
    const said = Promise.all(Array.from({ length: messages }, () => say(to)));
    if (habits.bursts === undefined || client.unanswered > patience) await said;
  }
  return conv;
}

/** Who writes more at once thinks longer before it: all say equally much. */
function lengthOf(bursts: Stream | undefined): number {
  return bursts === undefined ? 1 : fewest + Math.floor(bursts.next() * (most - fewest + 1));
}

/** Only then does one see the conversation from before. */
function welcomed({ client }: Device): Promise<void> {
  return new Promise((resolve) => {
    const stop = client.on("welcome", () => {
      stop();
      resolve();
    });
  });
}
