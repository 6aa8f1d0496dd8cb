import type { Clock } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Kv, KvWrite } from "./kv.ts";
import { decodeRecord, encodeRecord, nodeKey, type NodeRecord } from "./node-record.ts";
import type { PlacementTimings } from "./timings.ts";

/**
 * Renews this node's key by compare-and-set, one renewal in flight at a time.
 *
 * Boundary: knows the key and nothing of what follows from it; reports every acknowledged renewal with the time it was
 * sent at, and when another process has taken the key.
 * Invariants: a renewal counts from when it was sent, not from when it was answered; an unknown outcome is read back;
 * the key of a run that came after ours is not overwritten while that run beats.
 */
export interface HeartbeatPorts {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
  readonly timings: PlacementTimings;
  /** A renewal is about to be sent. */
  readonly onSent: (incarnation: string, beat: number) => void;
  /** A renewal of this run that was sent at this own time is acknowledged. */
  readonly onRenewed: (incarnation: string, sentAt: number) => void;
  /** The bucket has no key of ours although we wrote one: it has forgotten, or somebody swept it. */
  readonly onForgotten: () => void;
  /** Another process goes by our node id; this one has to stand back for good. */
  readonly onReplaced: (incarnation: string) => void;
}

type Step = "renewed" | "again" | "failed" | "replaced";

const stepsAtOnce = 3;

/** See the file's head. */
export class Heartbeat {
  private readonly ports: HeartbeatPorts;
  private record: NodeRecord;
  private readonly own: Set<string>;
  private revision: number | undefined;
  private established = false;
  /** A later run that holds our key, with the beat and the time at which it was first seen. */
  private rival: { readonly incarnation: string; readonly beat: number; readonly since: number } | undefined;
  private stopped = false;
  private inFlight: Promise<void> | undefined;
  private cancelTimer = (): void => {};

  constructor(ports: HeartbeatPorts, record: NodeRecord) {
    this.ports = ports;
    this.record = record;
    this.own = new Set([record.incarnation]);
  }

  /** Sends the first renewal now, and one every `beatMs`. */
  start(): void {
    this.cycle();
  }

  /** Changes what the record says, and says it at once. */
  change(change: Partial<Pick<NodeRecord, "incarnation" | "state">>): void {
    const life = this.record.life + Number(change.incarnation !== undefined);
    this.record = { ...this.record, ...change, life };
    this.own.add(this.record.incarnation);
    if (this.stopped) return;
    this.cancelTimer();
    this.cycle();
  }

  /** Renews no more. */
  stop(): void {
    this.stopped = true;
    this.cancelTimer();
  }

  /** Renews no more, and tells the others that this run has left; one attempt. */
  async leave(): Promise<void> {
    this.stop();
    await this.inFlight;
    if (!this.established) return;
    this.record = { ...this.record, state: "left" };
    await this.renew();
  }

  /** One renewal, unless one is in flight; the next is arranged in the very moment in which this one ends. */
  private cycle(): void {
    if (this.inFlight !== undefined) return;
    const said = this.record;
    const startedAt = this.ports.clock.now();
    this.inFlight = this.renew().then((step) => {
      this.inFlight = undefined;
      if (this.stopped || step === "replaced") return;
      const { beatMs, beatRetryMs } = this.ports.timings;
      const changed = said.state !== this.record.state || said.incarnation !== this.record.incarnation;
      const spent = this.ports.clock.now() - startedAt;
      const pause = step === "renewed" ? Math.max(0, beatMs - spent) : beatRetryMs;
      this.cancelTimer = this.ports.clock.after(changed ? 0 : pause, () => this.cycle());
    });
  }

  private async renew(): Promise<Step> {
    let step: Step = "again";
    for (let i = 0; i < stepsAtOnce && step === "again"; i++) step = await this.step();
    return step;
  }

  private async step(): Promise<Step> {
    const { clock } = this.ports;
    this.record = { ...this.record, beat: this.record.beat + 1 };
    const record = this.record;
    const sentAt = clock.now();
    this.ports.onSent(record.incarnation, record.beat);
    try {
      const write = await this.write(nodeKey(record.node), encodeRecord(record));
      if (write.kind === "lost") return await this.readBack(record, sentAt);
      this.renewed(record, write.revision, sentAt);
      return "renewed";
    } catch (error) {
      if (codeOf(error) !== "KV_UNKNOWN_OUTCOME") return this.failed(error);
    }
    try {
      return await this.readBack(record, sentAt);
    } catch (error) {
      return this.failed(error);
    }
  }

  private write(key: string, value: string): Promise<KvWrite> {
    const { kv } = this.ports;
    return this.revision === undefined ? kv.create(key, value) : kv.update(key, value, this.revision);
  }

  private async readBack(record: NodeRecord, sentAt: number): Promise<Step> {
    const entry = await this.ports.kv.get(nodeKey(record.node));
    if (entry === undefined) {
      if (this.revision !== undefined) this.ports.onForgotten();
      this.revision = undefined;
      return "again";
    }
    const stored = decodeRecord(record.node, entry.value);
    if (stored?.incarnation === record.incarnation && stored.beat === record.beat) {
      this.renewed(record, entry.revision, sentAt);
      return "renewed";
    }
    if (stored !== undefined && !this.own.has(stored.incarnation) && !this.mayTakeOver(stored)) {
      return this.contend(stored, entry.revision);
    }
    this.rival = undefined;
    this.revision = entry.revision;
    return "again";
  }

  /**
   * A run that came after this one holds the key. One that beats is another process, and this one stands back for good.
   * One that stays silent as long as the dead do is a ghost that an older bucket has brought back: this run outlives it.
   */
  private contend(stored: NodeRecord, revision: number): Step {
    const { clock, timings } = this.ports;
    if (this.rival?.incarnation !== stored.incarnation) {
      this.rival = { incarnation: stored.incarnation, beat: stored.beat, since: clock.now() };
      return "failed";
    }
    if (this.rival.beat !== stored.beat) {
      this.stop();
      this.ports.onReplaced(stored.incarnation);
      return "replaced";
    }
    if (clock.now() - this.rival.since < timings.deathMs) return "failed";
    this.ports.log.warn("a dead run of this node held its key", { incarnation: stored.incarnation });
    this.record = { ...this.record, life: stored.life + 1 };
    this.rival = undefined;
    this.revision = revision;
    return "again";
  }

  /** At the start any key is taken over; later only that of an earlier run, which an older bucket has brought back. */
  private mayTakeOver(stored: NodeRecord): boolean {
    const { life, incarnation } = this.record;
    if (this.established)
      return stored.life < life || (stored.life === life && stored.incarnation < incarnation);
    this.record = { ...this.record, life: Math.max(life, stored.life + 1) };
    return true;
  }

  private renewed(record: NodeRecord, revision: number, sentAt: number): void {
    this.revision = revision;
    this.established = true;
    this.ports.onRenewed(record.incarnation, sentAt);
  }

  private failed(error: unknown): Step {
    this.ports.log.debug("a renewal failed", { code: codeOf(error), error: messageOf(error) });
    return "failed";
  }
}
