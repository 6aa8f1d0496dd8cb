import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { prevFor, visibleTo, type Audience, type LogEvent } from "../../protocol/events.ts";
import type { Cursor } from "../../protocol/frames.ts";
import { modelLog } from "./model-log.ts";
import { bench, settle, type Bench } from "./pump-bench.ts";

type Step =
  | { readonly do: "append"; readonly aud: Audience; readonly offered: boolean }
  | { readonly do: "own" }
  | { readonly do: "offer" | "kick" | "ack" | "forget"; readonly part: number }
  | { readonly do: "away" | "blocked"; readonly on: boolean }
  | { readonly do: "sweep" | "settle" };

const part = fc.double({ min: 0, max: 1, noNaN: true });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("append" as const),
        aud: fc.constantFrom<Audience>("all", "staff"),
        offered: fc.boolean(),
      }),
    },
    fc.record({ do: fc.constant("own" as const) }),
    fc.record({ do: fc.constantFrom("offer" as const, "kick" as const, "ack" as const), part }),
    fc.record({ do: fc.constant("forget" as const), part }),
    fc.record({ do: fc.constantFrom("away" as const, "blocked" as const), on: fc.boolean() }),
    fc.record({ do: fc.constantFrom("sweep" as const, "settle" as const) }),
  ),
  { maxLength: 80, size: "max" },
);

/** Events that were published once: those that the log has forgotten meanwhile still arrive. */
async function run(made: Bench, script: readonly Step[]): Promise<void> {
  const published: LogEvent[] = [...made.log.events];
  const pick = (share: number): LogEvent | undefined => published[Math.floor(share * published.length)];
  const { pump, log, device, reader } = made;
  for (const step of script) {
    switch (step.do) {
      case "append": {
        const event = log.append(step.aud);
        published.push(event);
        if (step.offered) pump.offer(event);
        break;
      }
      case "own": {
        const event = log.append("all");
        published.push(event);
        const prev = prevFor(event, reader);
        pump.own(event.seq, event.epoch, prev);
        device.own(event.seq, event.epoch, prev);
        break;
      }
      case "offer": {
        const event = pick(step.part);
        if (event !== undefined) pump.offer(event);
        break;
      }
      case "kick":
        pump.kick(pick(step.part));
        break;
      case "ack":
        pump.ack(Math.floor(step.part * device.position));
        break;
      case "forget":
        log.forgetAfter(Math.floor((0.5 + step.part / 2) * log.events.length));
        break;
      case "away":
        made.away = step.on;
        break;
      case "blocked":
        made.blocked = step.on;
        if (!step.on) pump.resume();
        break;
      case "sweep":
        pump.sweep();
        break;
      case "settle":
        await settle();
    }
  }
}

/** All faults are over: the owner says where the log ends, the client reads and confirms. */
async function heal(made: Bench): Promise<void> {
  made.away = false;
  made.blocked = false;
  made.pump.resume();
  made.pump.kick(made.log.end);
  for (let i = 0; i < 12; i++) {
    await settle();
    made.pump.ack(made.device.position);
    made.pump.sweep();
  }
  await settle();
}

/** Pushed again after a silence, while the log had lost what the device held beyond its confirmations. */
const rewound: [number, number, Step[]] = [
  0,
  0,
  [
    { do: "append", aud: "all", offered: true },
    { do: "sweep" },
    { do: "forget", part: 0 },
    { do: "sweep" },
    { do: "sweep" },
    { do: "sweep" },
  ],
];

/** A page read after the log had lost its end and grown anew under the position. */
const overtaken: [number, number, Step[]] = [
  1,
  0,
  [
    { do: "append", aud: "all", offered: false },
    { do: "append", aud: "all", offered: true },
    { do: "forget", part: 0 },
    { do: "forget", part: 0 },
    { do: "append", aud: "staff", offered: false },
    { do: "append", aud: "all", offered: false },
    { do: "settle" },
  ],
];

/** An event that the log had lost was passed over as not for this reader, and the next page was read from there. */
const passedOver: [number, number, Step[]] = [
  0,
  0,
  [
    { do: "append", aud: "staff", offered: false },
    { do: "blocked", on: true },
    { do: "forget", part: 0 },
    { do: "append", aud: "all", offered: false },
    { do: "append", aud: "all", offered: true },
    { do: "offer", part: 0 },
  ],
];

/** A page whose first event followed a number that the log had lost and given again. */
const regrown: [number, number, Step[]] = [
  3,
  0,
  [
    { do: "settle" },
    { do: "append", aud: "all", offered: false },
    { do: "append", aud: "all", offered: true },
    { do: "forget", part: 0 },
    { do: "append", aud: "all", offered: false },
    { do: "append", aud: "all", offered: false },
    { do: "settle" },
  ],
];

describe("pump under random schedules", () => {
  for (const reader of ["all", "staff"] as const) {
    it(`brings a reader of audience ${reader} exactly the log that it may see, in order`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(30), part, steps, async (before, at, script) => {
          const log = modelLog();
          for (let i = 0; i < before; i++) log.append(i % 3 === 2 ? "staff" : "all");
          const visible = log.events.filter((event) => visibleTo(event, reader));
          const from = visible[Math.floor(at * visible.length)];
          const cursor: Cursor = from === undefined ? [0, 0] : [from.seq, from.epoch];
          const made = bench(reader, cursor, log);
          made.pump.kick(log.end);
          await run(made, script);
          await heal(made);
          expect(made.device.gaps).toEqual([]);
          expect(made.device.held).toEqual(log.visible(reader, made.resets > 0 ? 0 : cursor[0]));
        }),
        { numRuns: 1000, examples: [rewound, overtaken, passedOver, regrown] },
      );
    });
  }
});
