import { Pump, type PumpPort } from "../../actors/pump.ts";
import type { Audience, LogEvent } from "../../protocol/events.ts";
import type { Cursor } from "../../protocol/frames.ts";
import { modelDevice, modelLog, type ModelDevice, type ModelLog } from "./model-log.ts";

/** Lets all promises settle. */
export const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A pump between a log and a device, and all that a test does to them. */
export interface Bench {
  readonly log: ModelLog;
  readonly device: ModelDevice;
  readonly pump: Pump<LogEvent>;
  readonly pushed: number[];
  readonly reader: Audience;
  reads: number;
  resets: number;
  gaveUp: number;
  away: boolean;
  blocked: boolean;
  /** A read that a test answers itself; undefined: answered at once. */
  hold: (() => Promise<void>) | undefined;
}

/** Makes one. */
export function bench(reader: Audience = "staff", from: Cursor = [0, 0], log = modelLog()): Bench {
  const device = modelDevice(from);
  const pushed: number[] = [];
  const port: PumpPort<LogEvent> = {
    ready: () => !made.blocked,
    push(event) {
      if (made.blocked) return false;
      pushed.push(event.seq);
      device.take(event, reader);
      return true;
    },
    async read(after) {
      made.reads++;
      await made.hold?.();
      if (made.away) return undefined;
      const events = log.events.filter(({ seq }) => seq > after).slice(0, 50);
      return { events, end: log.end?.seq ?? 0 };
    },
    reset() {
      made.resets++;
      device.reset([0, 0]);
      return Promise.resolve([0, 0]);
    },
    giveUp: () => void made.gaveUp++,
  };
  const made: Bench = {
    log,
    device,
    pushed,
    reader,
    pump: new Pump(port, reader, from),
    reads: 0,
    resets: 0,
    gaveUp: 0,
    away: false,
    blocked: false,
    hold: undefined,
  };
  return made;
}
