/** An agent: is available, answers customers, hands some of them on, ends conversations, and goes after a shift. */
import { isContent } from "../../protocol/events.ts";
import { sleep } from "../../base/clock.ts";
import { codeOf } from "../../base/errors.ts";
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
  /** Hears of refusals that the life of a conversation does not explain. */
  readonly onRefusal: (code: string) => void;
}

/** The conversation has ended, or gone to somebody else; the agent has gone. */
const explained: ReadonlySet<string> = new Set(["CLOSED", "FORBIDDEN", "WRONG_STATE", "STOPPED"]);

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

async function answer(device: Device, conv: string, habits: AgentHabits, chance: Stream): Promise<void> {
  const code = await refusalOf(device, conv, habits, chance);
  if (code !== undefined && !explained.has(code)) habits.onRefusal(code);
}

/** Does what comes next in this chat; why it was refused, if it was. */
function refusalOf(
  device: Device,
  conv: string,
  { closes, transfers, notes, desks }: AgentHabits,
  chance: Stream,
): Promise<string | undefined> {
  const { client } = device;
  const lot = chance.next();
  const done = (): undefined => undefined;
  if (lot < closes) return client.close(conv).then(done, codeOf);
  if (lot < closes + transfers)
    return client.transfer(conv, desks[chance.below(desks.length)]).then(done, codeOf);
  if (lot < closes + transfers + notes) return client.note(conv, "a note").then(done, codeOf);
  return device.say(conv);
}
