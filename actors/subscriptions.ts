/**
 * What one connection follows. Role: begins, ends and replaces the following of conversations, by the session's word and
 * by the client's. Boundary: entitlement is decided before. Invariants: at most one subscription per conversation speaks
 * to the client (MonotonicDelivery); one that was replaced or ended says nothing more, whatever it still waits for; a
 * connection that is gone follows nothing.
 */
import { sleep, type Clock } from "../base/clock.ts";
import { SparseMap } from "../base/sparse-map.ts";
import { closeCodes } from "../protocol/codes.ts";
import type { Audience } from "../protocol/events.ts";
import type { Cursor, ServerFrame } from "../protocol/frames.ts";
import { isStaff, visitorOf, type ConversationId } from "../protocol/ids.ts";
import { conversationAddress, encodeAddress, sessionId } from "./address.ts";
import type { ConnectionParts } from "./client-port.ts";
import type { Ack } from "./commands.ts";
import type { Hub } from "./hub.ts";
import type { Described, Principal, SessionDescription } from "./messages.ts";
import { Subscription, type SubscriptionPort } from "./subscription.ts";

/** What subscriptions need of their connection. */
export interface SubscriptionsPort {
  readonly parts: ConnectionParts;
  /** Whose connection it is. */
  who(): Principal;
  /** Whether it is still there. */
  readonly open: boolean;
  /** Whether deliveries are taken now. */
  ready(): boolean;
  /** Writes a delivery; false when no more is taken now. */
  deliver(text: string): boolean;
  ephemeral(text: string): void;
  frame(frame: ServerFrame): void;
  close(code: number, reason: string): void;
}

const enterAgainMs = 1000;

/** The subscriptions of one connection. */
export class Subscriptions implements SubscriptionPort {
  readonly #port: SubscriptionsPort;
  readonly #byConv = new SparseMap<string, Subscription>();
  /** Conversations that are left as soon as everything of them was delivered. */
  readonly #leaving = new SparseMap<string, true>();

  constructor(port: SubscriptionsPort) {
    this.#port = port;
  }

  // What a subscription does through its connection.

  get hub(): Hub {
    return this.#port.parts.hub;
  }

  get clock(): Clock {
    return this.#port.parts.clock;
  }

  ready(): boolean {
    return this.#port.ready();
  }

  deliver(text: string): boolean {
    return this.#port.deliver(text);
  }

  ephemeral(text: string): void {
    this.#port.ephemeral(text);
  }

  frame(frame: ServerFrame): void {
    this.#port.frame(frame);
  }

  stuck(): void {
    this.#port.close(closeCodes.gap, "deliveries stay unconfirmed");
  }

  /** How many conversations are followed. */
  get size(): number {
    return this.#byConv.size;
  }

  /** The subscription of a conversation. */
  get(conv: string): Subscription | undefined {
    return this.#byConv.get(conv);
  }

  /**
   * Begins to follow, in the place of an earlier subscription; undefined when the connection is gone.
   * @param cursor what the device holds, if it said so
   */
  begin(conv: ConversationId, cursor?: Cursor): Subscription | undefined {
    this.end(conv);
    if (!this.#port.open) return undefined;
    const { tenant, role, user } = this.#port.who();
    const log = encodeAddress(conversationAddress(tenant, conv));
    const reader: Audience = isStaff(role) ? "staff" : "all";
    const subscription = new Subscription(this, conv, log, sessionId(role, user), reader, cursor);
    this.#byConv.set(conv, subscription);
    return subscription;
  }

  /** Whether this one was neither ended nor replaced. */
  isCurrent(subscription: Subscription): boolean {
    return this.#byConv.get(subscription.conv) === subscription;
  }

  /** Follows a conversation no more; false when it was not followed. */
  end(conv: string): boolean {
    this.#byConv.get(conv)?.close();
    return this.#byConv.delete(conv);
  }

  /** Ends all but these. */
  keep(convs: ReadonlySet<string>): void {
    for (const { conv } of [...this.#byConv.values()]) if (!convs.has(conv)) this.end(conv);
  }

  /** The session begins to follow a conversation that has just begun. */
  async enter(conv: ConversationId, described?: Described): Promise<void> {
    this.#leaving.delete(conv);
    if (this.#byConv.has(conv)) return;
    const subscription = this.begin(conv);
    if (subscription === undefined) return;
    while (await subscription.followed) {
      const beginning = await subscription.begin(described, undefined);
      if (!this.isCurrent(subscription)) return;
      if (beginning !== undefined) {
        this.#port.frame({ t: "conv", ...beginning.frame, recovered: beginning.recovered });
        return beginning.go();
      }
      await sleep(this.#port.parts.clock, enterAgainMs);
    }
  }

  /**
   * The session follows a conversation no more. Staff stay entitled to a support conversation and are owed its events up
   * to the leaving, the close among them; who is out of a group hears nothing more at once.
   */
  async exit(conv: string): Promise<void> {
    const subscription = this.#byConv.get(conv);
    if (subscription === undefined) return;
    if (visitorOf(subscription.conv) !== undefined) {
      this.#leaving.set(conv, true);
      await subscription.finish(this.#port.parts.clock);
      if (!this.#leaving.delete(conv) || !this.isCurrent(subscription)) return;
    }
    this.end(conv);
    this.#port.frame({ t: "left", conv });
  }

  /**
   * After the session was away: what it said meanwhile went to nobody.
   * @returns false when it could not be found out of every group whether this person is still in it
   */
  async catchUp({ follows, status }: SessionDescription): Promise<boolean> {
    // An agent without a device for long enough was signed off.
    if (status !== undefined) this.#port.frame({ t: "presence", ...status });
    for (const known of follows) if (known.open) void this.enter(known.conv, known);
    const named = new Set<string>(follows.map(({ conv }) => conv));
    const { tenant, role, user } = this.#port.who();
    let known = true;
    for (const { conv } of [...this.#byConv.values()]) {
      if (named.has(conv) || visitorOf(conv) !== undefined) continue;
      const member = await this.#port.parts.isMember(tenant, conv, sessionId(role, user));
      if (member === false) await this.exit(conv);
      known &&= member !== undefined;
    }
    return known;
  }

  /** Writes the acknowledgement of an own message in its place among what is delivered of that conversation. */
  own(conv: string, ack: Ack): void {
    const subscription = this.#byConv.get(conv);
    if (subscription === undefined) this.#port.frame(ack);
    else subscription.own(ack);
  }

  /** The device holds these conversations up to these numbers. */
  ack(acks: Readonly<Record<string, number>>): void {
    for (const [conv, seq] of Object.entries(acks)) this.#byConv.get(conv)?.ack(seq);
  }

  /** Deliveries are taken again. */
  resume(): void {
    for (const subscription of this.#byConv.values()) subscription.resume();
  }

  /** Whether no deliveries need looking after now. */
  get settled(): boolean {
    for (const subscription of this.#byConv.values()) if (!subscription.settled) return false;
    return true;
  }

  /** Every few seconds: looks after what stays unconfirmed. */
  sweep(): void {
    for (const subscription of this.#byConv.values()) subscription.sweep();
  }

  /** Ends all. */
  close(): void {
    for (const subscription of this.#byConv.values()) subscription.close();
    this.#byConv.clear();
  }
}
