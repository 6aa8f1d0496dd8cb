/** Lanes as hosts drive them, for tests of what becomes of their commits. */
import { Committer } from "../../../actors/runtime/commits.ts";
import { Lane } from "../../../actors/runtime/lane.ts";
import { silentMetrics } from "../../../base/metrics.ts";
import { faultyStore, type FaultyStore } from "../../support/faulty-store.ts";
import { recordingLog, type LogLine } from "../../support/recording-log.ts";
import { virtualTime, type VirtualTime } from "../../support/virtual-clock.ts";

const owner = "n/1";

/** One shard as a host would drive it: numbers its events, begins anew under a higher epoch when it is told to. */
export class LaneHost {
  readonly acked: number[] = [];
  readonly fences: number[] = [];
  lost = 0;
  restored = 0;
  /** The store has forgotten something since this lane began. */
  forgotten = false;
  lane: Lane | undefined;
  #waiting: { number: number; id: number }[] = [];
  #seq = 0;
  #ids = 0;
  readonly rig: CommitRig;
  readonly shard: number;

  constructor(rig: CommitRig, shard: number) {
    this.rig = rig;
    this.shard = shard;
  }

  async begin(epoch: number): Promise<void> {
    const { store, committer } = this.rig;
    const [claimed] = await store.claim(owner, [{ shard: this.shard, epoch }]);
    if (claimed?.kind !== "claimed") return this.begin((claimed?.epoch ?? epoch) + 1);
    this.#seq = (await this.stored()).length;
    this.#waiting = [];
    this.forgotten = false;
    const again = (): void => {
      this.lane = undefined;
    };
    this.lane = new Lane(committer, this.shard, epoch, claimed.last, {
      onCommitted: (number) => {
        const done = this.#waiting.filter((one) => one.number <= number);
        this.#waiting = this.#waiting.filter((one) => one.number > number);
        this.acked.push(...done.map(({ id }) => id));
      },
      onFenced: (fence) => {
        this.fences.push(fence);
        again();
      },
      onLost: () => {
        this.lost++;
        again();
      },
      onRestored: () => {
        this.restored++;
        again();
      },
    });
  }

  async stored(): Promise<number[]> {
    const [slice] = await this.rig.store.readLogs([{ shard: this.shard, log: "l", limit: 100_000 }]);
    return slice?.events.map(({ event }) => Number(event)) ?? [];
  }

  add(): void {
    if (this.lane === undefined) return;
    const id = ++this.#ids;
    const seq = ++this.#seq;
    const number = this.lane.add([{ op: "append", log: "l", seq, event: String(id) }]);
    this.#waiting.push({ number, id });
  }
}

/** A committer on a faulty store under a virtual clock. */
export interface CommitRig {
  readonly time: VirtualTime;
  readonly store: FaultyStore;
  readonly committer: Committer;
  readonly lines: LogLine[];
  frozen: boolean;
}

/** Nothing is wrong with it at first. */
export function commitRig(): CommitRig {
  const time = virtualTime();
  const clock = time.clock();
  const store = faultyStore(clock);
  const lines: LogLine[] = [];
  const made: CommitRig = {
    time,
    store,
    lines,
    frozen: false,
    committer: new Committer({
      store,
      clock,
      random: { float: () => 0.5, id: () => "id" },
      log: recordingLog(lines),
      metrics: silentMetrics(),
      owner: () => owner,
      frozen: () => made.frozen,
    }),
  };
  return made;
}

/** So many shards, claimed. */
export async function hosts(made: CommitRig, count: number): Promise<LaneHost[]> {
  const all = Array.from({ length: count }, (_, shard) => new LaneHost(made, shard));
  for (const host of all) await host.begin(1);
  return all;
}

/** One shard, claimed. */
export async function one(): Promise<{ made: CommitRig; host: LaneHost; lane: Lane }> {
  const made = commitRig();
  const [host] = await hosts(made, 1);
  if (host?.lane === undefined) throw new Error("it was claimed");
  return { made, host, lane: host.lane };
}
