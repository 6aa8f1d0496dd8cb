/** An agent: is available, answers customers, hands some of them on, and ends conversations. */
import { isContent } from "../../protocol/events.ts";
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
}

/** Works until `over`. Runs in the device's process. */
export async function work(device: Device, habits: AgentHabits, chance: Stream): Promise<void> {
  const { client, process } = device;
  client.on("message", ({ conv, ev }) => {
    if (ev.by.role !== "visitor" || !isContent(ev.body.kind) || habits.over()) return;
    process.clock.after(chance.exponential(habits.thinkMs), () => {
      if (!habits.over() && client.cursor(conv) !== undefined) void answer(device, conv, habits, chance);
    });
  });
  // Away too long, an agent was signed off by the server; at the next sight of that it comes back.
  client.on("presence", ({ status }) => {
    if (status === "away") void client.status("available").catch(() => undefined);
  });
  await client.status("available");
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
