/** What became of every message of one design's storm. Counts what a node cannot know; judges at the end. */
import { quantiles, type Quantiles } from "../summary.ts";
import type { Message } from "./design.ts";

/** What one design came to. */
export interface DesignResult {
  readonly name: string;
  /** Handed over by a device, and received by the other. */
  readonly sent: number;
  readonly delivered: number;
  /** Never received. */
  readonly lost: number;
  /** Received again. */
  readonly repeated: number;
  /** Times that a message went to where its user was not: a node without, with only the remains of a connection, or dead. */
  readonly misrouted: number;
  /** Users whose owner changed though their node lived: when nodes died, came back, and one joined. */
  readonly moved: number;
  readonly movedAt: { readonly died: number; readonly back: number; readonly joined: number };
  /** Connections that a design itself ended because their users had to move. */
  readonly sentAway: number;
  /** Messages between nodes, and calls to shared services, per message received. */
  readonly betweenNodes: number;
  readonly calls: number;
  /** How often a user got no messages, and how often that never ended. */
  readonly cutOff: number;
  readonly forGood: number;
  /** From the first message that came late or never until the user got messages again. */
  readonly recoveredMs: Quantiles;
  readonly hash: string;
}

/** Stretches of time in which a user got no messages. */
export interface Outage {
  readonly user: number;
  readonly from: number;
  /** Infinity: never again. */
  readonly to: number;
}

/** A message that took longer counts as late: something was in its way. */
const lateMs = 1000;

interface Fate {
  readonly to: number;
  readonly sentAt: number;
  deliveredAt: number | undefined;
}

/** The measure of one design. */
export class Measure {
  readonly #fates = new Map<number, Fate>();
  readonly #moved = { died: 0, back: 0, joined: 0 };
  #repeated = 0;
  misrouted = 0;
  sentAway = 0;
  betweenNodes = 0;
  calls = 0;
  /** What happened last to the nodes. */
  stage: "calm" | "died" | "back" | "joined" = "calm";

  /** A device hands it over; again changes nothing. */
  sent({ id, to }: Message, now: number): void {
    if (!this.#fates.has(id)) this.#fates.set(id, { to, sentAt: now, deliveredAt: undefined });
  }

  /** A device receives it. */
  delivered({ id }: Message, now: number): void {
    const fate = this.#fates.get(id);
    if (fate === undefined) return;
    if (fate.deliveredAt === undefined) fate.deliveredAt = now;
    else this.#repeated++;
  }

  /** Another node is responsible for a user, though the one that was lives. */
  moved(users: number): void {
    if (this.stage !== "calm") this.#moved[this.stage] += users;
  }

  /** When users got no messages, by when it began. */
  outages(): readonly Outage[] {
    const byUser = new Map<number, Fate[]>();
    for (const fate of this.#fates.values()) {
      const list = byUser.get(fate.to);
      if (list === undefined) byUser.set(fate.to, [fate]);
      else list.push(fate);
    }
    const found: Outage[] = [];
    for (const [user, fates] of byUser) {
      fates.sort((a, b) => a.sentAt - b.sentAt);
      let clearFrom = -1;
      for (const [i, { sentAt, deliveredAt }] of fates.entries()) {
        if (sentAt <= clearFrom || (deliveredAt !== undefined && deliveredAt - sentAt <= lateMs)) continue;
        const to = Math.min(...fates.slice(i).map((one) => one.deliveredAt ?? Infinity));
        found.push({ user, from: sentAt, to });
        clearFrom = to;
      }
    }
    return found.sort((a, b) => a.from - b.from || a.user - b.user);
  }

  /**
   * The sum.
   * @param endMs when the storm ended: what never recovered counts until then
   */
  result(name: string, endMs: number, hash: string): DesignResult {
    const fates = [...this.#fates.values()];
    const delivered = fates.filter(({ deliveredAt }) => deliveredAt !== undefined).length;
    const outages = this.outages();
    const { died, back, joined } = this.#moved;
    const each = (count: number): number => Math.round((count / Math.max(1, delivered)) * 100) / 100;
    return {
      name,
      sent: fates.length,
      delivered,
      lost: fates.length - delivered,
      repeated: this.#repeated,
      misrouted: this.misrouted,
      moved: died + back + joined,
      movedAt: { died, back, joined },
      sentAway: this.sentAway,
      betweenNodes: each(this.betweenNodes),
      calls: each(this.calls),
      cutOff: outages.length,
      forGood: outages.filter(({ to }) => to === Infinity).length,
      recoveredMs: quantiles(outages.map(({ from, to }) => Math.min(to, endMs) - from)),
      hash,
    };
  }
}
