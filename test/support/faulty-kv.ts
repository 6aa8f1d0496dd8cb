import type { Clock } from "../../base/clock.ts";
import { Failure } from "../../base/errors.ts";
import type { Kv, KvChange, KvEntry, KvWrite } from "../../placement/kv.ts";

/** One node's access to a bucket, with faults that a test switches. */
export interface FaultyKv extends Kv {
  /** Nothing can be reached. */
  cut: boolean;
  /** Watches that exist hear nothing any more; new ones do. */
  deafen(): void;
  /** Writes happen, but their answers are lost. */
  loseAnswers: boolean;
  /** The next write over the key that loses its race is acknowledged all the same (nats-server#4320). */
  falseWinner: string | undefined;
}

/** Puts switchable faults before a bucket. */
export function faultyKv(inner: Kv, clock: Clock): FaultyKv {
  let hearing = {};

  async function reach<T>(run: () => Promise<T>): Promise<T> {
    if (faulty.cut) throw new Failure("KV_UNAVAILABLE", "cut off");
    const value = await run();
    if (faulty.cut) throw new Failure("KV_UNAVAILABLE", "cut off");
    return value;
  }

  async function write(key: string, run: () => Promise<KvWrite>): Promise<KvWrite> {
    if (faulty.cut) throw new Failure("KV_UNAVAILABLE", "cut off");
    const outcome = await run();
    if (faulty.loseAnswers || faulty.cut) {
      await new Promise<void>((resolve) => void clock.after(1500, resolve));
      throw new Failure("KV_UNKNOWN_OUTCOME", "the answer was lost");
    }
    if (outcome.kind === "lost" && faulty.falseWinner === key) {
      faulty.falseWinner = undefined;
      const entry: KvEntry | undefined = await inner.get(key);
      return { kind: "written", revision: entry?.revision ?? 1 };
    }
    return outcome;
  }

  const faulty: FaultyKv = {
    cut: false,
    loseAnswers: false,
    falseWinner: undefined,
    deafen: () => void (hearing = {}),
    connected: () => !faulty.cut && inner.connected(),
    get: (key) => reach(() => inner.get(key)),
    list: (prefix) => reach(() => inner.list(prefix)),
    delete: (key) => reach(() => inner.delete(key)),
    create: (key, value) => write(key, () => inner.create(key, value)),
    update: (key, value, revision) => write(key, () => inner.update(key, value, revision)),
    watch(handler) {
      const mine = hearing;
      return reach(() =>
        inner.watch((change: KvChange) => {
          if (mine === hearing && !faulty.cut) handler(change);
        }),
      );
    },
    close: () => inner.close(),
  };
  return faulty;
}
