/**
 * The simulated coordination bucket: the in-memory one behind ways that delay and lose, with the faults of real ones.
 * Answers that are lost though the write was applied come from the weather on the way back from `bus`.
 */
import { Failure } from "../../base/errors.ts";
import { memoryBucket, memoryKv, type MemoryBucket } from "../../placement/kv-memory.ts";
import type { Kv, KvChange, KvEntry, KvWatch, KvWrite } from "../../placement/kv.ts";
import { Stream } from "./chance.ts";
import type { Process } from "./process.ts";
import { Remote, type RemoteParts, type RemoteServer } from "./remote.ts";

/** The bucket of one world and what is wrong with it. */
export class KvServer implements RemoteServer {
  readonly party = "bus";
  readonly process: Process;
  readonly bucket: MemoryBucket = memoryBucket();
  /** It refuses everybody. */
  down = false;
  /** Share of the updates that lost their race and are acknowledged all the same (nats-server#4320, R3 at 2.9.10). */
  falseWinners = 0;
  /** Processes whose present watches hear nothing any more. */
  readonly #deaf = new Map<string, number>();
  #remembered: readonly KvEntry[] = [];

  constructor(process: Process) {
    this.process = process;
  }

  /** It answers nothing. */
  get silent(): boolean {
    return this.process.paused;
  }

  /** The watches that a process has now hear nothing any more; new ones do. `*`: those of everybody. */
  deafen(name: string): void {
    this.#deaf.set(name, (this.#deaf.get(name) ?? 0) + 1);
  }

  /** Which generation of watches a process has now. */
  hearing(name: string): number {
    return (this.#deaf.get(name) ?? 0) + (this.#deaf.get("*") ?? 0);
  }

  /** Remembers what is in it, for a later restore. */
  remember(): void {
    this.#remembered = this.bucket.dump();
  }

  /** Comes back empty, or as it was remembered. */
  restore(how: "empty" | "old"): void {
    this.bucket.restore(how === "old" ? this.#remembered : []);
  }
}

const failures = {
  unavailable: (message: string) => new Failure("KV_UNAVAILABLE", message),
  unknown: (message: string) => new Failure("KV_UNKNOWN_OUTCOME", message),
};

/** One process's access to the bucket. */
export function simulatedKv(parts: RemoteParts, process: Process, server: KvServer): Kv {
  const remote = new Remote(parts, failures, process, server, "kv");
  const inner = memoryKv(server.process.clock, server.bucket);
  const races = new Stream(parts.seed, `kv-races/${process.name}`);
  let open = true;

  function call<T>(what: string, changes: boolean, run: () => Promise<T>): Promise<T> {
    if (!open) return Promise.reject(failures.unavailable("the bucket is closed"));
    return remote.call(what, changes, run);
  }

  async function race(key: string, outcome: KvWrite): Promise<KvWrite> {
    if (outcome.kind === "written" || server.falseWinners === 0 || races.next() >= server.falseWinners)
      return outcome;
    const entry = await inner.get(key);
    return entry === undefined ? outcome : { kind: "written", revision: entry.revision };
  }

  return {
    connected: () => open && remote.uplink.up,
    get: (key) => call(`get ${key}`, false, () => inner.get(key)),
    list: (prefix) => call(`list ${prefix}`, false, () => inner.list(prefix)),
    delete: (key) => call(`delete ${key}`, false, () => inner.delete(key)),
    create: (key, value) => call(`create ${key}=${value}`, true, () => inner.create(key, value)),
    update: (key, value, revision) =>
      call(`update ${key}=${value}`, true, async () => race(key, await inner.update(key, value, revision))),
    watch(handler) {
      const hearing = server.hearing(process.name);
      let watching = true;
      const stopped = (): boolean => !watching || !open || server.hearing(process.name) !== hearing;
      const hear = (change: KvChange): void => {
        if (stopped()) return;
        remote.tell(`${change.key}=${change.value}`, () => {
          if (!stopped()) handler(change);
        });
      };
      return call("watch", false, async (): Promise<KvWatch> => {
        const watch = await inner.watch(hear);
        const stop = (): void => {
          watching = false;
          watch.stop();
        };
        process.atEnd(stop);
        return { stop };
      });
    },
    async close() {
      open = false;
      remote.close();
      await inner.close();
    },
  };
}
