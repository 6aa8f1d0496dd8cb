/**
 * Grouped, numbered commits. Role: a lane per shard collects writes into the next batch while one batch is in flight;
 * the committer sends the batches of many shards in one call. Boundary: knows no actor; lanes are told what became of a
 * batch. Invariants: a lane's numbers rise by one, through all epochs; one batch of a lane is in flight; a batch whose
 * outcome is unknown is asked again under its number (NoDupEffect); frozen, nothing is sent; when the store forgot, what
 * it forgot is replayed verbatim from the ring, or reported as lost (NoLostAck).
 */
import { codeOf, messageOf } from "../../base/errors.ts";
import { fullJitterMs, type Random } from "../../base/random.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Counter, Histogram, Metrics } from "../../base/metrics.ts";
import type { ClaimResult, Owner, ShardCommit, Store, Verdict, Write } from "../../store/store.ts";

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
  /** A higher fence stands in the store: this owner can write no more. */
  onFenced(epoch: number, owner: Owner): void;
  /** The store forgot commits that the ring does not hold any more, or the numbering broke: load everything anew. */
  onLost(last: number): void;
}

const ringBatches = 64;
const ringMaxBytes = 256 * 1024;
const pendingMaxWrites = 4000;
const pendingMaxBytes = 2 * 1024 * 1024;
const callsInFlight = 2;
const retryBaseMs = 25;
const retryCapMs = 1000;

/** One shard's commits under one epoch. */
export class Lane {
  readonly shard: number;
  readonly epoch: number;
  readonly handler: LaneHandler;
  readonly #committer: Committer;
  #committed: number;
  #pending: Batch | undefined;
  #inFlight: Batch | undefined;
  #replay: Batch[] = [];
  readonly #ring: Batch[] = [];
  #ringBytes = 0;
  #closed = false;

  constructor(committer: Committer, shard: number, epoch: number, last: number, handler: LaneHandler) {
    this.#committer = committer;
    this.shard = shard;
    this.epoch = epoch;
    this.#committed = last;
    this.handler = handler;
  }

  /** The number up to which everything is durable. */
  get committed(): number {
    return this.#committed;
  }

  /** Whether intake has to wait: too much is not durable yet. */
  get saturated(): boolean {
    const pending = this.#pending;
    return (
      pending !== undefined && (pending.writes.length > pendingMaxWrites || pending.bytes > pendingMaxBytes)
    );
  }

  /** Whether nothing waits to become durable. */
  get quiet(): boolean {
    return this.#pending === undefined && this.#inFlight === undefined;
  }

  /** Adds writes to the next batch and returns its number. */
  add(writes: readonly Write[]): number {
    this.#pending ??= { number: (this.#inFlight?.number ?? this.#committed) + 1, writes: [], bytes: 0 };
    for (const write of writes) {
      this.#pending.writes.push(write);
      this.#pending.bytes += sizeOf(write);
    }
    this.#committer.schedule(this);
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

  /** For the committer: the batch to send now. */
  next(): Batch | undefined {
    if (this.#closed) return undefined;
    if (this.#replay.length > 0) return this.#replay[0];
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
        if (this.#replay[0] === batch) {
          this.#replay.shift();
          return false;
        }
        this.#inFlight = undefined;
        this.#committed = batch.number;
        this.#remember(batch);
        this.handler.onCommitted(batch.number);
        return false;
      case "fenced":
        if (verdict.epoch < this.epoch) return true;
        this.close();
        this.handler.onFenced(verdict.epoch, verdict.owner);
        return false;
      case "ahead":
        return true;
      case "stale":
        this.close();
        this.handler.onLost(verdict.last);
        return false;
    }
  }

  /** The claim was repeated: replays what the store forgot, or reports it lost. */
  reclaimed(result: ClaimResult): void {
    if (this.#closed) return;
    if (result.kind === "fenced") {
      this.close();
      this.handler.onFenced(result.epoch, result.owner);
      return;
    }
    const first = this.#ring[0]?.number ?? this.#committed + 1;
    const beyond = this.#inFlight?.number ?? this.#committed;
    if (result.last > beyond || (result.last < this.#committed && result.last < first - 1)) {
      this.close();
      this.handler.onLost(result.last);
      return;
    }
    this.#replay = this.#ring.filter((batch) => batch.number > result.last);
    this.#committer.schedule(this);
  }

  #remember(batch: Batch): void {
    this.#ring.push(batch);
    this.#ringBytes += batch.bytes;
    while (this.#ring.length > ringBatches || (this.#ringBytes > ringMaxBytes && this.#ring.length > 1)) {
      this.#ringBytes -= this.#ring.shift()?.bytes ?? 0;
    }
  }
}

/** What a committer is made of. */
export interface CommitterParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly owner: () => Owner;
  /** Whether nothing may be committed now. */
  readonly frozen: () => boolean;
}

/** Sends the batches of all lanes of a node, many shards a call, at most two calls at a time. */
export class Committer {
  readonly #parts: CommitterParts;
  readonly #dirty = new Set<Lane>();
  readonly #busy = new Set<Lane>();
  readonly #commits: Counter;
  readonly #failures: Counter;
  readonly #latency: Histogram;
  #calls = 0;
  #scheduled = false;

  constructor(parts: CommitterParts) {
    this.#parts = parts;
    this.#commits = parts.metrics.counter("usher_commits_total", "Shard commits that became durable");
    this.#failures = parts.metrics.counter(
      "usher_commit_failures_total",
      "Commit calls that failed and were asked again",
    );
    this.#latency = parts.metrics.histogram(
      "usher_commit_ms",
      "Time of one commit call in milliseconds",
      [0.5, 1, 2, 5, 10, 20, 50, 100, 250, 500, 1000, 2500],
    );
  }

  /** There is something to send for this lane. */
  schedule(lane: Lane): void {
    this.#dirty.add(lane);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#parts.clock.soon(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  /** Sends what waited while the node was frozen or the store away. */
  kick(): void {
    this.#pump();
  }

  /** Claims the lanes again, since the store may have forgotten (another run of it answers). */
  reclaim(lanes: readonly Lane[]): void {
    const free = lanes.filter((lane) => !lane.closed && !this.#busy.has(lane));
    for (const lane of free) this.#busy.add(lane);
    if (free.length > 0) void this.#claimAgain(free, 0);
  }

  #pump(): void {
    if (this.#calls >= callsInFlight || this.#dirty.size === 0 || this.#parts.frozen()) return;
    const lanes: Lane[] = [];
    const batches: Batch[] = [];
    for (const lane of this.#dirty) {
      if (this.#busy.has(lane)) continue;
      this.#dirty.delete(lane);
      const batch = lane.next();
      if (batch === undefined) continue;
      lanes.push(lane);
      batches.push(batch);
      this.#busy.add(lane);
    }
    if (lanes.length > 0) void this.#call(lanes, batches, 0);
  }

  async #call(lanes: readonly Lane[], batches: readonly Batch[], attempt: number): Promise<void> {
    const { clock, store, owner } = this.#parts;
    this.#calls++;
    const started = clock.now();
    let verdicts: readonly Verdict[];
    try {
      verdicts = await store.commit(
        owner(),
        lanes.map((lane, i) => commitOf(lane, batches[i])),
      );
    } catch (error) {
      this.#calls--;
      this.#later(lanes, attempt, error);
      return;
    }
    this.#calls--;
    this.#latency.observe(clock.now() - started);
    this.#commits.add(lanes.length);
    const forgotten: Lane[] = [];
    lanes.forEach((lane, i) => {
      const batch = batches[i];
      const verdict = verdicts[i];
      this.#busy.delete(lane);
      if (batch === undefined || verdict === undefined) return;
      if (lane.settle(batch, verdict)) forgotten.push(lane);
      else this.#dirty.add(lane);
    });
    if (forgotten.length > 0) {
      this.#parts.log.warn("the store forgot commits; claiming again", {
        shards: forgotten.map((lane) => lane.shard),
      });
      this.reclaim(forgotten);
    }
    this.#pump();
  }

  /** The outcome is unknown or nothing was done: the same numbers are asked again, after a jittered while. */
  #later(lanes: readonly Lane[], attempt: number, error: unknown): void {
    const { clock, random, log } = this.#parts;
    this.#failures.add();
    if (attempt === 0)
      log.warn("commit failed, asking again", { code: codeOf(error), error: messageOf(error) });
    clock.after(5 + fullJitterMs(random, retryBaseMs, retryCapMs, attempt), () =>
      this.#retry(lanes, attempt + 1),
    );
  }

  #retry(lanes: readonly Lane[], attempt: number): void {
    const open = lanes.filter((lane) => !lane.closed);
    for (const lane of lanes) if (lane.closed) this.#busy.delete(lane);
    if (open.length === 0) return this.#pump();
    if (this.#parts.frozen()) {
      for (const lane of open) {
        this.#busy.delete(lane);
        this.#dirty.add(lane);
      }
      return;
    }
    const batches: Batch[] = [];
    const ready: Lane[] = [];
    for (const lane of open) {
      const batch = lane.next();
      if (batch === undefined) this.#busy.delete(lane);
      else {
        ready.push(lane);
        batches.push(batch);
      }
    }
    if (ready.length > 0) void this.#call(ready, batches, attempt);
  }

  async #claimAgain(lanes: readonly Lane[], attempt: number): Promise<void> {
    const { clock, random, store, owner } = this.#parts;
    let results: readonly ClaimResult[];
    try {
      results = await store.claim(
        owner(),
        lanes.map(({ shard, epoch }) => ({ shard, epoch })),
      );
    } catch {
      const open = lanes.filter((lane) => !lane.closed);
      clock.after(
        5 + fullJitterMs(random, retryBaseMs, retryCapMs, attempt),
        () => void this.#claimAgain(open, attempt + 1),
      );
      return;
    }
    lanes.forEach((lane, i) => {
      this.#busy.delete(lane);
      const result = results[i];
      if (result !== undefined) lane.reclaimed(result);
    });
    this.#pump();
  }
}

function commitOf(lane: Lane, batch: Batch | undefined): ShardCommit {
  return { shard: lane.shard, epoch: lane.epoch, number: batch?.number ?? 0, writes: batch?.writes ?? [] };
}

function sizeOf(write: Write): number {
  switch (write.op) {
    case "append":
      return write.event.length + 32;
    case "set":
    case "keep":
    case "owe":
    case "arm":
      return write.value.length + 64;
    default:
      return 64;
  }
}
