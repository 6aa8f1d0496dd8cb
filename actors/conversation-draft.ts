/**
 * One step of a conversation in the making. Role: collects effects and keeps the state in line with them, so that each
 * verb reads as what it does. Boundary: lives within one `receive`; nothing outside sees it half done.
 * Invariants: SeqDense (numbers come from here alone); every change of a ledger is written in the same step; visitors
 * cannot count what they may not see (`prevAll` and `countAll` skip staff events).
 */
import {
  audienceOf,
  isContent,
  prevFor,
  type Audience,
  type Author,
  type EventBody,
  type LogEvent,
} from "../protocol/events.ts";
import type { Code } from "../protocol/codes.ts";
import type { ConversationId, DeskId, UserId } from "../protocol/ids.ts";
import { deskAddress, sessionAddress } from "./address.ts";
import type { Context, Effect, Step } from "./behavior.ts";
import { applyEvent, snapshotEvery, type ConversationState, type Ledger } from "./conversation-state.ts";
import type { ConversationPolicy } from "./directory.ts";
import type { DeskMessage, SessionMessage } from "./messages.ts";

/** The author of what nobody did. */
export const system: Author = { role: "system", id: "system" };

const fallbackPolicy: ConversationPolicy = {
  idleMs: 600_000,
  idleNoticeMs: 60_000,
  robotTries: 3,
  agentGraceMs: 60_000,
};

/** A step being written; `done` is its outcome. */
export class ConversationDraft {
  state: ConversationState;
  readonly effects: Effect[] = [];
  readonly context: Context;
  readonly #startedAt: number;

  constructor(state: ConversationState, context: Context) {
    this.state = state;
    this.context = context;
    this.#startedAt = state.log.seq;
  }

  /** The conversation's own id. */
  get conv(): ConversationId {
    return this.state.self.id as ConversationId;
  }

  /** The tenant's rules; sensible ones for a tenant that is not configured any more. */
  get policy(): ConversationPolicy {
    return this.context.directory.tenant(this.state.self.tenant)?.policy ?? fallbackPolicy;
  }

  /** Appends an event; `command` is the one that caused it, `aud` differs from its kind's only for a recalled note. */
  append(
    by: Author,
    body: EventBody,
    command?: { readonly p?: string; readonly n?: number },
    aud: Audience = audienceOf(body.kind),
  ): LogEvent {
    const { log } = this.state;
    const content = isContent(body.kind) ? 1 : 0;
    const event: LogEvent = {
      seq: log.seq + 1,
      epoch: this.context.epoch,
      ts: this.context.ts,
      by,
      p: command?.p,
      n: command?.n,
      aud,
      prevAll: log.lastAll,
      countAll: log.countAll + (aud === "all" ? content : 0),
      countStaff: log.countStaff + content,
      body,
    };
    this.effects.push({ do: "append", event });
    this.state = { ...this.state, log: applyEvent(log, event) };
    return event;
  }

  /** Changes a ledger and stores it. */
  write<L extends Ledger>(ledger: L, value: ConversationState[L]): void {
    this.state = { ...this.state, [ledger]: value };
    this.effects.push({ do: "set", field: ledger, value: JSON.stringify(value) });
  }

  /** Acknowledges the command, with the event that it appended as its author sees it. */
  ack(event?: LogEvent, reader: Audience = "staff"): void {
    this.effects.push({
      do: "answer",
      answer:
        event === undefined
          ? { kind: "ack", seq: 0, epoch: 0, prev: 0, ts: 0 }
          : {
              kind: "ack",
              seq: event.seq,
              epoch: event.epoch,
              prev: prevFor(event, reader),
              ts: event.ts,
            },
    });
  }

  /** Refuses the command. */
  nack(code: Code): void {
    this.effects.push({ do: "answer", answer: { kind: "nack", code } });
  }

  /** Tells who asked that it was taken note of. */
  reply(): void {
    this.effects.push({ do: "reply", value: null });
  }

  /** Tells the session of a staff member. */
  tellStaff(user: UserId, message: SessionMessage): void {
    this.effects.push({
      do: "tell",
      to: sessionAddress(this.state.self.tenant, "agent", user),
      message,
    });
  }

  /** Tells the session of a visitor. */
  tellVisitor(user: UserId, message: SessionMessage): void {
    this.effects.push({
      do: "tell",
      to: sessionAddress(this.state.self.tenant, "visitor", user),
      message,
    });
  }

  /** Tells a desk. */
  tellDesk(desk: DeskId, message: DeskMessage): void {
    this.effects.push({ do: "tell", to: deskAddress(this.state.self.tenant, desk), message });
  }

  /** The outcome, with a snapshot when the log has passed another multiple of `snapshotEvery`. */
  done(): Step<ConversationState> {
    const { log } = this.state;
    if (Math.floor(log.seq / snapshotEvery) > Math.floor(this.#startedAt / snapshotEvery))
      this.effects.push({ do: "set", field: "snap", value: JSON.stringify(log) });
    return { state: this.state, effects: this.effects };
  }
}
