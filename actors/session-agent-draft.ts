/**
 * One step of a staff member's session in the making: collects effects, keeps state and stored fields in line, and holds
 * the few sentences that several handlers say (announce, watch, show).
 */
import type { Code } from "../protocol/codes.ts";
import type { ConversationId, DeskId } from "../protocol/ids.ts";
import { conversationAddress, deskAddress } from "./address.ts";
import type { Context, Effect, Step } from "./behavior.ts";
import type { AgentConfig } from "./directory.ts";
import type { DeskMessage, SessionMessage } from "./messages.ts";
import {
  agentFields,
  type AgentState,
  type Membership,
  type Presence,
  type Slot,
} from "./session-agent-state.ts";

type Offer = Extract<SessionMessage, { kind: "offer" }>;

const fallbackGraceMs = 60_000;

/** A step being written; `done` is its outcome. */
export class AgentDraft {
  state: AgentState;
  readonly effects: Effect[] = [];
  readonly context: Context;
  #presenceChanged = false;

  constructor(state: AgentState, context: Context) {
    this.state = state;
    this.context = context;
  }

  /** The outcome. */
  done(): Step<AgentState> {
    if (this.#presenceChanged) this.#set(agentFields.presence, this.state.presence);
    return { state: this.state, effects: this.effects };
  }

  /** Chats at a time that this person takes; 0 for one who is not listed. */
  capacity(): number {
    return this.#config()?.capacity ?? 0;
  }

  /** Slots that are not taken. */
  room(): number {
    return Math.max(0, this.capacity() - Object.keys(this.state.slots).length);
  }

  /** Changes presence; written once per step. */
  change(part: Partial<Presence>): void {
    this.state = { ...this.state, presence: { ...this.state.presence, ...part } };
    this.#presenceChanged = true;
  }

  /** Tells the desks of the room that is left, under the next version. */
  announce(): void {
    const available = this.state.presence.status === "available";
    const muted = available && this.context.devices === 0;
    const version = this.state.presence.version + 1;
    this.change({ version, muted });
    const free = available && !muted ? this.room() : 0;
    for (const desk of this.#config()?.desks ?? [])
      this.tellDesk(desk, { kind: "capacity", agent: this.state.user, free, version });
  }

  /** Whether it matters when the devices are gone. */
  watched(): boolean {
    return this.state.presence.status === "available" || Object.keys(this.state.slots).length > 0;
  }

  /** Sees to it that the presence timer runs while it matters. */
  watch(): void {
    if (this.state.presence.armed || !this.watched()) return;
    this.change({ armed: true });
    this.armPresence();
  }

  /** Starts a full period of grace. */
  armPresence(): void {
    const policy = this.context.directory.tenant(this.state.self.tenant)?.policy;
    this.effects.push({ do: "arm", id: "presence", delayMs: policy?.agentGraceMs ?? fallbackGraceMs });
  }

  /** Shows status and load on the own devices. */
  showPresence(): void {
    const { presence, slots } = this.state;
    const load = Object.keys(slots).length;
    const frame = { t: "presence", status: presence.status, load, capacity: this.capacity() } as const;
    this.effects.push({ do: "push", frame });
  }

  /** Takes a slot for an offer. */
  reserve(offer: Offer): void {
    this.setSlot(offer.assignment, { conv: offer.conv, accepted: false, since: this.context.ts });
  }

  /** Stores a slot. */
  setSlot(assignment: string, slot: Slot): void {
    this.state = { ...this.state, slots: { ...this.state.slots, [assignment]: slot } };
    this.#set(`${agentFields.slot}${assignment}`, slot);
  }

  /** Lets a slot go. */
  free(assignment: string): void {
    const { [assignment]: _gone, ...slots } = this.state.slots;
    this.state = { ...this.state, slots };
    this.effects.push({ do: "unset", field: `${agentFields.slot}${assignment}` });
  }

  /** Stores a membership. */
  setGroup(conv: ConversationId, membership: Membership): void {
    this.state = { ...this.state, groups: { ...this.state.groups, [conv]: membership } };
    this.#set(`${agentFields.group}${conv}`, membership);
  }

  /** Asks the conversation to take this person under the offer's assignment. */
  assign(offer: Offer): void {
    const { assignment, ticket, desk, takeover } = offer;
    const message = { kind: "assign", assignment, ticket, agent: this.state.user, desk, takeover } as const;
    this.effects.push({ do: "tell", to: conversationAddress(this.state.self.tenant, offer.conv), message });
  }

  /** Tells the conversation that this person cannot go on with it. */
  giveBack(assignment: string, conv: ConversationId): void {
    const message = { kind: "return", assignment, agent: this.state.user } as const;
    this.effects.push({ do: "tell", to: conversationAddress(this.state.self.tenant, conv), message });
  }

  /** Tells a desk. */
  tellDesk(desk: DeskId, message: DeskMessage): void {
    this.effects.push({ do: "tell", to: deskAddress(this.state.self.tenant, desk), message });
  }

  /** Tells the own devices why something that was acknowledged did not come about. */
  pushError(code: Code, msg: string): void {
    this.effects.push({ do: "push", frame: { t: "err", code, msg, retry: "never" } });
  }

  /** Acknowledges the command. */
  ack(): void {
    this.effects.push({ do: "answer", answer: { kind: "ack", seq: 0, epoch: 0, prev: 0, ts: 0 } });
  }

  /** Refuses the command. */
  nack(code: Code): void {
    this.effects.push({ do: "answer", answer: { kind: "nack", code } });
  }

  #config(): AgentConfig | undefined {
    return this.context.directory.agent(this.state.self.tenant, this.state.user);
  }

  #set(field: string, value: unknown): void {
    this.effects.push({ do: "set", field, value: JSON.stringify(value) });
  }
}
