/**
 * What a run records for the checkers: sends as their devices lived them, events as devices saw them. Times are the
 * world's. Memory is linear in what happens; nothing is judged here.
 */
import type { Audience, EventBody } from "../protocol/events.ts";

/** One send as its device lived it. */
export interface SendRecord {
  /** The message's text: unique in the whole history. */
  readonly text: string;
  readonly conv: string;
  readonly device: string;
  readonly startedAt: number;
  /** Highest number that the device had seen when it began. */
  readonly seen: number;
  settledAt?: number;
  seq?: number;
  /** The code of a refusal. */
  refused?: string;
  /** Its page closed before it was answered, and keeps it for the next one in the same browser, which has to send it. */
  kept?: true;
  /** What such a page was answered about it, and when: where it stands, or the code of a refusal. */
  inherited?: { readonly at: number; readonly seq?: number; readonly refused?: string };
}

/** One event as one device saw it. */
export interface SeenRecord {
  readonly seq: number;
  readonly prev: number;
  readonly epoch: number;
  /** Of a message that is a text. */
  readonly text: string | undefined;
}

/** A violated guarantee of the design's section 5, in words. */
export interface Violation {
  readonly guarantee: string;
  readonly text: string;
}

/** What one device saw, conversation by conversation, since it last started anew with it. */
export interface DeviceHistory {
  readonly device: string;
  readonly audience: Audience;
  readonly seen: Map<string, SeenRecord[]>;
  /** Its page has closed, whatever was on its way to it. */
  closed?: true;
}

/** Violations beyond these are only counted: one bug violates often. */
const keptPerGuarantee = 20;

/** Collects what happens. */
export class History {
  readonly sends: SendRecord[] = [];
  readonly devices: DeviceHistory[] = [];
  readonly violations: Violation[] = [];
  readonly #counts = new Map<string, number>();

  /** A new device's history. */
  device(device: string, audience: Audience): DeviceHistory {
    const history: DeviceHistory = { device, audience, seen: new Map() };
    this.devices.push(history);
    return history;
  }

  /** Something is wrong. */
  violate(guarantee: string, text: string): void {
    const count = (this.#counts.get(guarantee) ?? 0) + 1;
    this.#counts.set(guarantee, count);
    if (count <= keptPerGuarantee) this.violations.push({ guarantee, text });
  }

  /** How often each guarantee was violated. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

/** The text of a message, if the event is one. */
export function textOf(body: EventBody): string | undefined {
  return body.kind === "message" && body.body.kind === "text" ? body.body.text : undefined;
}
