/**
 * How far this device holds each conversation, and what to do with the next event.
 *
 * Role: accepts each event exactly once and in order, says what to ask for when one is missing, and counts what has
 * to be acknowledged. Boundary: pure; `feed.ts` performs the asking. Invariants: an accepted event's `prev` is the
 * position (NoSkip), positions only rise between resets (MonotonicDelivery); repairs without progress escalate -
 * follow, read the log, start anew, reconnect with backoff - and so never loop (Converges).
 *
 * The server leaves nothing out: a pump pushes only what follows what it sent, and a WebSocket keeps the order. The
 * simulator demands that of every connection (sim/people/tap.ts), so none of its faults brings about a gap here. This
 * looks all the same, lest a server that is wrong, or what stands in front of it, takes events away unnoticed; what it
 * does about them is tested with a server that skips (test/client/client.test.ts).
 */
import { limits } from "../protocol/limits.ts";
import type { Cursor } from "../protocol/frames.ts";

/** What to ask the server for when an event is missing; each next step follows when the one before did not help. */
export type Repair = "follow" | "sync" | "restart" | "reconnect";

/** What an incoming event is. `ignored`: a repair is under way, or the conversation is not followed. */
export type Verdict =
  | { readonly kind: "accepted" }
  | { readonly kind: "duplicate" }
  | { readonly kind: "ignored" }
  | { readonly kind: "gap"; readonly repair: Repair };

/** Number, epoch and predecessor of an event. */
export interface Step {
  readonly seq: number;
  readonly epoch: number;
  readonly prev: number;
}

interface Position {
  seq: number;
  epoch: number;
  /** Repairs tried since the last progress. */
  repairs: number;
  repairing: boolean;
  acked: number;
}

const repairs: readonly Repair[] = ["follow", "sync", "restart", "reconnect"];

/** The positions of one device. */
export class Cursors {
  readonly #positions = new Map<string, Position>();
  #events = 0;
  #bytes = 0;

  /** The position of a conversation, if it is followed. */
  get(conv: string): Cursor | undefined {
    const position = this.#positions.get(conv);
    return position && [position.seq, position.epoch];
  }

  /** Positions for `auth`, at most as many as a connection may follow. */
  all(): Record<string, [number, number]> {
    const latest = [...this.#positions].slice(-limits.maxFollowed);
    return Object.fromEntries(latest.map(([conv, { seq, epoch }]) => [conv, [seq, epoch]]));
  }

  /** Sets a position: at first, or after a reset. Only an accepted event counts as progress. */
  set(conv: string, [seq, epoch]: Cursor): void {
    const tried = this.#positions.get(conv)?.repairs ?? 0;
    this.#positions.set(conv, { seq, epoch, repairs: tried, repairing: false, acked: seq });
  }

  /** The repair that was asked for is over; events count again. */
  repaired(conv: string): void {
    const position = this.#positions.get(conv);
    if (position) position.repairing = false;
  }

  /** Forgets a conversation. */
  drop(conv: string): void {
    this.#positions.delete(conv);
  }

  /** Judges an event and moves the position if it is the next one; `bytes` is its size on the wire. */
  take(conv: string, step: Step, bytes: number): Verdict {
    const position = this.#positions.get(conv);
    if (!position) return { kind: "ignored" };
    if (step.seq <= position.seq) {
      this.#count(bytes);
      return { kind: "duplicate" };
    }
    if (step.prev === position.seq) {
      Object.assign(position, { seq: step.seq, epoch: step.epoch, repairs: 0, repairing: false });
      this.#count(bytes);
      return { kind: "accepted" };
    }
    const repair = this.missing(conv);
    return repair ? { kind: "gap", repair } : { kind: "ignored" };
  }

  /** Something is missing behind the position: the next repair to try; undefined while one is under way. */
  missing(conv: string): Repair | undefined {
    const position = this.#positions.get(conv);
    if (!position || position.repairing) return undefined;
    const repair = repairs[Math.min(position.repairs, repairs.length - 1)] ?? "reconnect";
    position.repairs += 1;
    position.repairing = true;
    return repair;
  }

  /** The connection is gone, and with it every repair under way and what it had to acknowledge. */
  disconnected(): void {
    for (const position of this.#positions.values())
      Object.assign(position, { repairing: false, acked: position.seq });
    this.#events = 0;
    this.#bytes = 0;
  }

  /** Whether anything is unacknowledged. */
  ackIsOwed(): boolean {
    return this.#events > 0;
  }

  /** Whether so much is unacknowledged that it cannot wait for the next ping. */
  ackIsDue(): boolean {
    return this.#events >= limits.dackEvents || this.#bytes >= limits.dackBytes;
  }

  /** What to acknowledge now: positions that moved since the last time; undefined when none did. */
  takeAcks(): Record<string, number> | undefined {
    this.#events = 0;
    this.#bytes = 0;
    const acks: Record<string, number> = {};
    for (const [conv, position] of this.#positions) {
      if (position.seq === position.acked) continue;
      acks[conv] = position.seq;
      position.acked = position.seq;
    }
    return Object.keys(acks).length === 0 ? undefined : acks;
  }

  #count(bytes: number): void {
    this.#events += 1;
    this.#bytes += bytes;
  }
}
