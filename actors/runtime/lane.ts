/**
 * The numbered commits of one shard. Role: collects writes into the next batch while one batch is in flight, and keeps
 * a ring of what was committed. Boundary: the committer sends; the shard's host hears what became of a batch.
 * Invariants: numbers rise by one, through all epochs; one batch is in flight, and it is asked again as it is (NoDupEffect);
 * when the store forgot, what it forgot is replayed verbatim from the ring and the shard begins anew, since whatever was
 * read in the meantime may be old; or the loss is reported (NoLostAck).
 */
import type { ClaimResult, Owner, Verdict, Write } from "../../store/store.ts";

/** The writes that stand or fall together, under one number of their shard. */
export interface Batch {
  readonly number: number;
  readonly writes: Write[];
  bytes: number;
}

/** What a lane tells its shard's host. */
export interface LaneHandler {
  /** Everything up to this number is durable. */
  onCommitted(number: number): void;
  /** Another fence stands in the store: this owner can write no more. */
  onFenced(epoch: number, owner: Owner): void;
  /** The store forgot commits that the ring does not hold any more, or the numbering broke: load everything anew. */
  onLost(last: number): void;
  /** The store had forgotten commits and has them again; what was loaded in between may be old: load everything anew. */
  onRestored(): void;
}

/** Sends a lane's batches. */
export interface LaneSender {
  /** There is something to send for this lane. */
  schedule(lane: Lane): void;
}

const ringBatches = 64;
const ringMaxBytes = 256 * 1024;
const pendingMaxWrites = 4000;
const pendingMaxBytes = 2 * 1024 * 1024;

/** One shard's commits under one epoch. */
export class Lane {
  readonly shard: number;
  readonly epoch: number;
  readonly #handler: LaneHandler;
  readonly #sender: LaneSender;
  #committed: number;
  #pending: Batch | undefined;
  #inFlight: Batch | undefined;
  #replay: Batch[] = [];
  #restoring = false;
  readonly #ring: Batch[];
  #ringBytes = 0;
  #doubts = 0;
  #resolved = 0;
  #closed = false;

  /** @param ring the batches before `last` that this process remembers, from the epoch before */
  constructor(
    sender: LaneSender,
    shard: number,
    epoch: number,
    last: number,
    handler: LaneHandler,
    ring: readonly Batch[] = [],
  ) {
    this.#sender = sender;
    this.shard = shard;
    this.epoch = epoch;
    this.#committed = last;
    this.#handler = handler;
    this.#ring = [...ring];
    this.#ringBytes = ring.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The number up to which everything is durable. */
  get committed(): number {
    return this.#committed;
  }

  /** The last committed batches, ascending without a hole, as long as they are remembered. */
  get ring(): readonly Batch[] {
    return this.#ring;
  }

  /** Whether intake has to wait: too much is not durable yet. */
  get saturated(): boolean {
    const pending = this.#pending;
    return (
      pending !== undefined && (pending.writes.length > pendingMaxWrites || pending.bytes > pendingMaxBytes)
    );
  }

  /** Whether nothing waits to become durable, or to be durable again. */
  get quiet(): boolean {
    return (
      this.#pending === undefined &&
      this.#inFlight === undefined &&
      this.#replay.length === 0 &&
      !this.doubted
    );
  }

  /** Adds writes to the next batch and returns its number. */
  add(writes: readonly Write[]): number {
    this.#pending ??= { number: (this.#inFlight?.number ?? this.#committed) + 1, writes: [], bytes: 0 };
    for (const write of writes) {
      this.#pending.writes.push(write);
      this.#pending.bytes += sizeOf(write);
    }
    this.#sender.schedule(this);
    return this.#pending.number;
  }

  /** Takes no part any more. */
  close(): void {
    this.#closed = true;
    this.#pending = undefined;
    this.#inFlight = undefined;
    this.#replay = [];
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** For the committer: the store may have forgotten; nothing may be sent before the claim was repeated. */
  doubt(): void {
    this.#doubts++;
  }

  /** How often it was doubted: a claim that was sent before the last doubt does not end it. */
  get doubts(): number {
    return this.#doubts;
  }

  /** Whether the claim has to be repeated. */
  get doubted(): boolean {
    return this.#doubts > this.#resolved;
  }

  /** For the committer: the batch to send now. */
  next(): Batch | undefined {
    if (this.#closed || this.doubted) return undefined;
    if (this.#restoring) return this.#replay[0];
    if (this.#inFlight === undefined && this.#pending !== undefined) {
      this.#inFlight = this.#pending;
      this.#pending = undefined;
    }
    return this.#inFlight;
  }

  /** For the committer: what became of the batch that `next` gave. True when the store must be claimed again. */
  settle(batch: Batch, verdict: Verdict): boolean {
    if (this.#closed) return false;
    switch (verdict.kind) {
      case "committed":
        if (this.#restoring) this.#restored(batch);
        else {
          this.#inFlight = undefined;
          this.#committed = batch.number;
          this.#remember(batch);
          this.#handler.onCommitted(batch.number);
        }
        return false;
      case "fenced":
        if (verdict.epoch < this.epoch) return true;
        this.close();
        this.#handler.onFenced(verdict.epoch, verdict.owner);
        return false;
      case "ahead":
        return true;
      case "stale":
        this.lose(verdict.last);
        return false;
    }
  }

  /** What waits here can never be committed. */
  lose(last: number): void {
    if (this.#closed) return;
    this.close();
    this.#handler.onLost(last);
  }

  /**
   * For the committer, with nothing of this lane in flight: the claim was repeated. Replays what the store forgot, or
   * reports it lost.
   * @param doubts the number of doubts when the claim was sent
   */
  reclaimed(result: ClaimResult, doubts: number): void {
    if (this.#closed) return;
    this.#resolved = Math.max(this.#resolved, doubts);
    if (result.kind === "fenced") {
      this.close();
      this.#handler.onFenced(result.epoch, result.owner);
      return;
    }
    const first = this.#ring[0]?.number ?? this.#committed + 1;
    const beyond = this.#inFlight?.number ?? this.#committed;
    const { last } = result;
    if (last > beyond || (last < this.#committed && last < first - 1)) return this.lose(last);
    if (last < this.#committed) {
      // What nobody was told of, and what may rest on old reads, is not written at all.
      this.#restoring = true;
      this.#pending = undefined;
      this.#inFlight = undefined;
      this.#replay = this.#ring.filter(({ number }) => number > last);
    } else if (this.#restoring) return this.#restored(undefined);
    this.#sender.schedule(this);
  }

  #restored(batch: Batch | undefined): void {
    this.#replay = this.#replay.filter(({ number }) => batch !== undefined && number > batch.number);
    if (this.#replay.length > 0) return;
    this.close();
    this.#handler.onRestored();
  }

  #remember(batch: Batch): void {
    this.#ring.push(batch);
    this.#ringBytes += batch.bytes;
    while (this.#ring.length > ringBatches || (this.#ringBytes > ringMaxBytes && this.#ring.length > 1)) {
      this.#ringBytes -= this.#ring.shift()?.bytes ?? 0;
    }
  }
}

function sizeOf(write: Write): number {
  switch (write.op) {
    case "append":
      return write.event.length + 32;
    case "set":
    case "keep":
    case "extend":
    case "owe":
    case "arm":
      return write.value.length + 64;
    default:
      return 64;
  }
}
