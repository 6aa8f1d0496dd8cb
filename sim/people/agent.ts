/** An agent: is available, answers customers, hands some of them on, ends conversations, and goes after a shift. */
import { isContent } from "../../protocol/events.ts";
import { sleep } from "../../base/clock.ts";
import type { Stream } from "../world/chance.ts";
import type { Device } from "./device.ts";

/** How an agent behaves. */
export interface AgentHabits {
  /** Mean time before an answer. */
  readonly thinkMs: number;
  /** Shares of the customers' messages that are answered with a close, a transfer or a note instead. */
  readonly closes: number;
  readonly transfers: number;
  readonly notes: number;
  readonly desks: readonly string[];
  readonly over: () => boolean;
  /** Whether the shift still lasts. */
  readonly onDuty: () => boolean;
}

const lookAgainMs = 1000;

/** Works until `over`. Runs in the device's process. */
export async function work(device: Device, habits: AgentHabits, chance: Stream): Promise<void> {
  const { client, process } = device;
  const busy = (): boolean => habits.onDuty() && !habits.over();
  const thinking = new Set<string>();
  client.on("message", ({ conv, ev }) => {
    if (ev.by.role !== "visitor" || !isContent(ev.body.kind) || !busy()) return;
    // Whoever has waited for long has written much: it gets one answer, and so has what comes while an answer is written.
    if (thinking.has(conv)) return;
    thinking.add(conv);
    process.clock.after(chance.exponential(habits.thinkMs), () => {
      thinking.delete(conv);
      if (busy() && client.cursor(conv) !== undefined) void answer(device, conv, habits, chance);
    });
  });
  // Away too long, an agent was signed off by the server; at the next sight of that it comes back.
  client.on("presence", ({ status }) => {
    if (status === "away" && habits.onDuty()) void client.status("available").catch(() => undefined);
  });
  await client.status("available");
}

/**
 * The shift is over: takes nothing more, hands every chat back to its desk, and goes when none is left; what was offered
 * a moment ago may still come. Runs in the device's process.
 */
export async function goHome(device: Device): Promise<void> {
  const { client, process } = device;
  await client.status("away").catch(() => undefined);
  for (;;) {
    const chats = client.conversations.filter(({ kind, open }) => kind === "support" && open);
    for (const { conv } of chats) await client.transfer(conv).catch(() => undefined);
    await sleep(process.clock, lookAgainMs);
    if (chats.length === 0 && client.unanswered === 0) return device.stop();
  }
}

/** A refusal is fine here: the conversation may have ended or gone to somebody else meanwhile. */
async function answer(device: Device, conv: string, habits: AgentHabits, chance: Stream): Promise<void> {
  const { client } = device;
  const lot = chance.next();
  const { closes, transfers, notes } = habits;
  if (lot < closes) return void (await client.close(conv).catch(() => undefined));
  if (lot < closes + transfers) {
    const desk = habits.desks[chance.below(habits.desks.length)];
    return void (await client.transfer(conv, desk).catch(() => undefined));
  }
  if (lot < closes + transfers + notes)
    return void (await client.note(conv, "a note").catch(() => undefined));
  await device.say(conv);
}
