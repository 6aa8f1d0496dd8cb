/**
 * Sends the lanes' batches, many shards in one call. Role: gathers what waits, asks again what failed, claims again what
 * is in doubt. Boundary: knows no actor and looks into no batch.
 * Invariants: one call is in flight, and beside it at most one that repeats another, so that what fails for one part of the
 * store holds up nothing else for long; a lane is in one call or one claim at a time; frozen, nothing is committed.
 */
import { codeOf, messageOf } from "../../base/errors.ts";
import { fullJitterMs, type Random } from "../../base/random.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Counter, Histogram, Metrics } from "../../base/metrics.ts";
import { answersOf } from "../../store/partial-answer.ts";
import type { ClaimResult, Owner, Store, Verdict } from "../../store/store.ts";
import type { Batch, Lane, LaneSender } from "./lane.ts";

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

/** Lanes whose call failed, to be asked again together. */
interface Group {
  readonly lanes: readonly Lane[];
  readonly attempt: number;
}

const retryBaseMs = 25;
const retryCapMs = 1000;

/** Commits for all lanes of a node. */
export class Committer implements LaneSender {
  readonly #parts: CommitterParts;
  readonly #dirty = new Set<Lane>();
  /** In a call, waiting for its repetition, or being claimed. */
  readonly #busy = new Set<Lane>();
  readonly #claims = new Set<Lane>();
  readonly #again: Group[] = [];
  readonly #commits: Counter;
  readonly #failures: Counter;
  readonly #latency: Histogram;
  /** When the calls under way were sent: a fresh one, and one that repeats another. */
  readonly #sentAt: Record<"fresh" | "repeat", number | undefined> = { fresh: undefined, repeat: undefined };
  /** The longest that a call took since somebody asked. */
  #slowestMs = 0;
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
    this.#soon();
  }

  /** Sends what waited while the node was frozen or the store away. */
  kick(): void {
    this.#pump();
  }

  /** The store may have forgotten commits of these lanes: they are claimed again before anything else is sent. */
  doubt(lanes: Iterable<Lane>): void {
    for (const lane of lanes) {
      if (lane.closed) continue;
      lane.doubt();
      if (!this.#busy.has(lane)) this.#claimSoon(lane);
    }
  }

  /** The longest that a call has taken since this was asked last, or takes now, in milliseconds. */
  takeSlowestMs(): number {
    const now = this.#parts.clock.now();
    let slowest = this.#slowestMs;
    for (const at of Object.values(this.#sentAt)) slowest = Math.max(slowest, now - (at ?? now));
    this.#slowestMs = 0;
    return slowest;
  }

  #soon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#parts.clock.soon(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #claimSoon(lane: Lane): void {
    this.#busy.add(lane);
    this.#claims.add(lane);
    this.#soon();
  }

  #pump(): void {
    if (this.#claims.size > 0) {
      const lanes = [...this.#claims];
      this.#claims.clear();
      void this.#claimAgain(lanes, 0);
    }
    if (this.#parts.frozen()) return;
    if (this.#sentAt.repeat === undefined) {
      const group = this.#again.shift();
      if (group !== undefined) this.#send(group.lanes, group.attempt);
    }
    if (this.#sentAt.fresh !== undefined || this.#dirty.size === 0) return;
    const fresh = [...this.#dirty].filter((lane) => !this.#busy.has(lane));
    for (const lane of fresh) this.#dirty.delete(lane);
    this.#send(fresh, 0);
  }

  #send(lanes: readonly Lane[], attempt: number): void {
    const ready: Lane[] = [];
    const batches: Batch[] = [];
    for (const lane of lanes) {
      const batch = lane.next();
      if (batch === undefined) {
        this.#busy.delete(lane);
        if (lane.doubted && !lane.closed) this.#claimSoon(lane);
        continue;
      }
      ready.push(lane);
      batches.push(batch);
      this.#busy.add(lane);
    }
    if (ready.length > 0) void this.#call(ready, batches, attempt);
    else if (this.#again.length > 0 && this.#sentAt.repeat === undefined) this.#soon();
  }

  async #call(lanes: readonly Lane[], batches: readonly Batch[], attempt: number): Promise<void> {
    const { clock, store, owner } = this.#parts;
    const kind = attempt > 0 ? "repeat" : "fresh";
    const sentAt = clock.now();
    this.#sentAt[kind] = sentAt;
    const commits = batches.map(({ number, writes }, i) => {
      const lane = lanes[i];
      return { shard: lane?.shard ?? -1, epoch: lane?.epoch ?? 0, number, writes };
    });
    let verdicts: readonly (Verdict | undefined)[];
    try {
      verdicts = await store.commit(owner(), commits);
      this.#latency.observe(clock.now() - sentAt);
    } catch (error) {
      const given = answersOf<Verdict>(error);
      verdicts = lanes.map((_, i) => given.get(i));
      this.#failed(
        lanes.filter((_, i) => !given.has(i)),
        attempt,
        error,
      );
    }
    this.#sentAt[kind] = undefined;
    this.#slowestMs = Math.max(this.#slowestMs, clock.now() - sentAt);
    this.#settle(lanes, batches, verdicts);
    this.#pump();
  }

  /** What has no verdict is asked again. */
  #settle(
    lanes: readonly Lane[],
    batches: readonly Batch[],
    verdicts: readonly (Verdict | undefined)[],
  ): void {
    this.#commits.add(verdicts.filter((verdict) => verdict?.kind === "committed").length);
    for (const [i, lane] of lanes.entries()) {
      const batch = batches[i];
      const verdict = verdicts[i];
      if (batch === undefined || verdict === undefined) continue;
      this.#busy.delete(lane);
      if (lane.settle(batch, verdict)) lane.doubt();
      if (lane.closed) continue;
      if (lane.doubted) this.#claimSoon(lane);
      else this.#dirty.add(lane);
    }
  }

  /** The outcome is unknown or nothing was done: the same numbers are asked again, after a jittered while. */
  #failed(lanes: readonly Lane[], attempt: number, error: unknown): void {
    const { log, store } = this.#parts;
    this.#failures.add();
    const failure = { code: codeOf(error), error: messageOf(error), shards: lanes.length };
    if (failure.code === "STORE_CORRUPT") return this.#isolate(lanes, failure);
    if (attempt === 0) log.warn("commit failed, asking again", failure);
    // One of them may be to blame, when the store is not away: the others must get free of it.
    const half = store.connected() ? Math.ceil(lanes.length / 2) : lanes.length;
    for (const part of [lanes.slice(0, half), lanes.slice(half)])
      if (part.length > 0) this.#later({ lanes: part, attempt: attempt + 1 });
  }

  /** A commit that the store refuses as impossible is a bug of ours; its shard begins anew, the others go on. */
  #isolate(lanes: readonly Lane[], failure: Readonly<Record<string, unknown>>): void {
    const [lane] = lanes;
    if (lane === undefined || lanes.length > 1) {
      for (const one of lanes) this.#again.push({ lanes: [one], attempt: 1 });
      return;
    }
    this.#parts.log.error("the store refused a commit as impossible", { ...failure, shard: lane.shard });
    this.#busy.delete(lane);
    lane.lose(lane.committed);
  }

  #later(group: Group): void {
    this.#parts.clock.after(this.#backoffMs(group.attempt - 1), () => {
      this.#again.push(group);
      this.#pump();
    });
  }

  #backoffMs(attempt: number): number {
    return 5 + fullJitterMs(this.#parts.random, retryBaseMs, retryCapMs, attempt);
  }

  async #claimAgain(lanes: readonly Lane[], attempt: number): Promise<void> {
    const { clock, store, owner, log } = this.#parts;
    for (const lane of lanes) if (lane.closed) this.#busy.delete(lane);
    const open = lanes.filter((lane) => !lane.closed);
    if (open.length === 0) return;
    const doubts = open.map((lane) => lane.doubts);
    let results: ReadonlyMap<number, ClaimResult>;
    try {
      const claims = open.map(({ shard, epoch }) => ({ shard, epoch }));
      results = new Map((await store.claim(owner(), claims)).entries());
    } catch (error) {
      log.debug("claiming again failed", { error: messageOf(error) });
      results = answersOf<ClaimResult>(error);
    }
    const unanswered: Lane[] = [];
    for (const [i, lane] of open.entries()) {
      const result = results.get(i);
      if (result === undefined) {
        unanswered.push(lane);
        continue;
      }
      this.#busy.delete(lane);
      lane.reclaimed(result, doubts[i] ?? 0);
      if (lane.closed) continue;
      if (lane.doubted) this.#claimSoon(lane);
      else this.#dirty.add(lane);
    }
    if (unanswered.length > 0)
      clock.after(this.#backoffMs(attempt), () => void this.#claimAgain(unanswered, attempt + 1));
    this.#pump();
  }
}
