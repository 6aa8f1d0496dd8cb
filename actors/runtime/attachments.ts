/**
 * Which connection each device of a session is attached by. Role: decides between connections of one device by the
 * device's own rising attempt number, never by a clock. Invariants: a late older attempt is refused; an older
 * connection's late close changes nothing (generations); all ends with the shard's epoch, and connections attach again.
 */
import type { NodeRun } from "../../placement/hosting.ts";
import { sameRun } from "../../placement/shard-table.ts";
import { RunCounts } from "./run-counts.ts";

/** One attached connection. */
export interface Attachment {
  readonly run: NodeRun;
  /** The connection's id on that node. */
  readonly conn: number;
  readonly attempt: number;
  readonly gen: number;
}

/** `attached`, perhaps in the place of another connection; or a later attempt is attached already. */
export type AttachOutcome =
  | {
      readonly kind: "attached";
      readonly gen: number;
      readonly replaced: Attachment | undefined;
      readonly fresh: boolean;
    }
  | { readonly kind: "superseded" };

const generationsPerEpoch = 2 ** 24;

/** The attached devices of one shard's sessions. */
export class Attachments {
  readonly #sessions = new Map<string, Map<string, Attachment>>();
  /** Attachments that may have ended unheard, and since when. */
  readonly #doubted = new Map<Attachment, number>();
  readonly #counts = new RunCounts();
  #gen: number;

  constructor(epoch: number) {
    this.#gen = epoch * generationsPerEpoch;
  }

  /** A device asks to be attached; asking again over the same connection changes nothing. */
  attach(session: string, device: string, attempt: number, run: NodeRun, conn: number): AttachOutcome {
    const devices = this.#sessions.get(session) ?? new Map<string, Attachment>();
    const old = devices.get(device);
    if (old !== undefined && sameConnection(old, run, conn)) {
      this.#doubted.delete(old);
      return { kind: "attached", gen: old.gen, replaced: undefined, fresh: false };
    }
    if (old !== undefined && old.attempt > attempt) return { kind: "superseded" };
    const gen = ++this.#gen;
    if (old !== undefined) this.#counts.remove(old.run);
    this.#counts.add(run);
    devices.set(device, { run, conn, attempt, gen });
    this.#sessions.set(session, devices);
    return { kind: "attached", gen, replaced: old, fresh: true };
  }

  /** A connection has closed. True when it was the attached one. */
  detach(session: string, device: string, run: NodeRun, conn: number): boolean {
    const devices = this.#sessions.get(session);
    const old = devices?.get(device);
    if (devices === undefined || old === undefined || !sameConnection(old, run, conn)) return false;
    devices.delete(device);
    this.#counts.remove(old.run);
    if (devices.size === 0) this.#sessions.delete(session);
    return true;
  }

  /** The attached devices of a session. */
  of(session: string): Iterable<Attachment> {
    return this.#sessions.get(session)?.values() ?? [];
  }

  /** How many devices of a session are attached. */
  count(session: string): number {
    return this.#sessions.get(session)?.size ?? 0;
  }

  /** Something that this run sent is lost, perhaps the end of a connection: those that live attach again. */
  doubt(run: NodeRun, now: number): void {
    for (const devices of this.#sessions.values())
      for (const attachment of devices.values())
        if (sameConnection(attachment, run, attachment.conn)) this.#doubted.set(attachment, now);
  }

  /** Drops those that were doubted before `before` and have not attached again, like `retain`. */
  dropDoubted(before: number): string[] {
    if (this.#doubted.size === 0) return [];
    const over = new Set([...this.#doubted].filter(([, since]) => since < before).map(([one]) => one));
    for (const one of over) this.#doubted.delete(one);
    return over.size === 0 ? [] : this.#drop((one) => over.has(one));
  }

  /** Drops those whose run is gone for good, and returns the sessions that lost one. */
  retain(alive: (run: NodeRun) => boolean): string[] {
    if (!this.#counts.some((run) => !alive(run))) return [];
    return this.#drop(({ run }) => !alive(run));
  }

  #drop(over: (attachment: Attachment) => boolean): string[] {
    const changed: string[] = [];
    for (const [session, devices] of this.#sessions) {
      const before = devices.size;
      for (const [device, attachment] of devices) {
        if (!over(attachment)) continue;
        devices.delete(device);
        this.#counts.remove(attachment.run);
      }
      if (devices.size === before) continue;
      changed.push(session);
      if (devices.size === 0) this.#sessions.delete(session);
    }
    return changed;
  }
}

function sameConnection(attachment: Attachment, run: NodeRun, conn: number): boolean {
  return attachment.conn === conn && sameRun(attachment.run, run);
}
