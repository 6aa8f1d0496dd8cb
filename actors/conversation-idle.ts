/**
 * How a support conversation ends by silence. One durable timer ("idle") is armed again when it fires, not at each
 * message: it fires four times in `idleMs` and counts the slices without activity by event numbers, never by clocks, so
 * the notice comes `idleMs` to 1.25 x `idleMs` after the last activity and never early (TimerOnce). Waiting at a desk is
 * no silence: nobody loses a place in the queue by patience.
 */
import { system, type ConversationDraft } from "./conversation-draft.ts";
import { close } from "./conversation-routing.ts";

const slices = 4;

/** Starts counting anew from the present end of the log. */
export function armIdle(draft: ConversationDraft): void {
  draft.write("idle", { mark: draft.state.log.activity, quiet: 0 });
  armAfter(draft, Math.ceil(draft.policy.idleMs / slices));
}

/** A slice is over. */
export function onIdleTimer(draft: ConversationDraft): void {
  const { log, idle } = draft.state;
  if (log.phase === "unborn" || log.phase === "closed" || log.phase === "group") return;
  if (log.phase === "waiting" || log.activity !== idle.mark) return armIdle(draft);
  if (log.seq > log.activity) return void close(draft, system, "idle");
  draft.write("idle", { mark: idle.mark, quiet: idle.quiet + 1 });
  if (idle.quiet + 1 < slices) return armAfter(draft, Math.ceil(draft.policy.idleMs / slices));
  draft.append(system, { kind: "idle", closesInMs: draft.policy.idleNoticeMs });
  armAfter(draft, draft.policy.idleNoticeMs);
}

function armAfter(draft: ConversationDraft, delayMs: number): void {
  draft.effects.push({ do: "arm", id: "idle", delayMs });
}
