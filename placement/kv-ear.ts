import type { Clock } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Kv, KvChange, KvWatch } from "./kv.ts";
import type { PlacementTimings } from "./timings.ts";

/**
 * Keeps one watch of the bucket in force although watches lie: the own beat has to come back through it.
 *
 * Invariant: changes of one watch only reach the handler; an older watch is silent from the moment a newer is begun.
 */
export interface KvEarPorts {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly log: Log;
  readonly timings: PlacementTimings;
  /** When the newest own beat that came back had been sent. */
  readonly lastEchoAt: () => number;
  readonly onChange: (change: KvChange) => void;
  /** A new watch is in force: what it does not tell has to be read. */
  readonly onListen: () => void;
}

/** See the file's head. */
export class KvEar {
  private readonly ports: KvEarPorts;
  private watch: KvWatch | undefined;
  private current = 0;
  private begunAt = 0;
  private stopped = false;

  constructor(ports: KvEarPorts) {
    this.ports = ports;
  }

  /** Begins a new watch in place of the present one. */
  listen(): void {
    if (!this.stopped) void this.begin();
  }

  /** Begins a new watch if own beats are acknowledged but have not come back for `echoLostMs`. */
  tick(beating: boolean): void {
    const { clock, timings, lastEchoAt } = this.ports;
    if (!beating || clock.now() - Math.max(lastEchoAt(), this.begunAt) <= timings.echoLostMs) return;
    this.ports.log.warn("the watch has gone deaf; watching anew");
    this.listen();
  }

  /** Listens no more. */
  stop(): void {
    this.stopped = true;
    this.current += 1;
    this.watch?.stop();
  }

  private async begin(): Promise<void> {
    const { kv, clock, log } = this.ports;
    const mine = ++this.current;
    this.begunAt = clock.now();
    this.watch?.stop();
    this.watch = undefined;
    try {
      const watch = await kv.watch((change) => {
        if (this.current === mine) this.ports.onChange(change);
      });
      if (this.current !== mine) return watch.stop();
      this.watch = watch;
      this.ports.onListen();
    } catch (error) {
      log.debug("no watch", { code: codeOf(error), error: messageOf(error) });
      if (this.current === mine) clock.after(this.ports.timings.beatRetryMs, () => this.retry(mine));
    }
  }

  private retry(mine: number): void {
    if (this.current === mine) this.listen();
  }
}
