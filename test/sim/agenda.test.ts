import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Agenda } from "../../sim/world/agenda.ts";

interface Task {
  readonly at: number;
  readonly order: number;
  live: boolean;
}

/** Steps: adds a task so many milliseconds ahead, takes one of those that were added back, or takes the earliest out. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ inMs: fc.integer({ min: 0, max: 100 }) }) },
  { weight: 2, arbitrary: fc.record({ cancel: fc.nat(99) }) },
  { weight: 3, arbitrary: fc.constant("pop" as const) },
  { weight: 1, arbitrary: fc.constant("compact" as const) },
);

describe("agenda", () => {
  it("gives tasks out by time and then by order, whatever was taken back in between", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 50, maxLength: 200, size: "max" }), (steps) => {
        const agenda = new Agenda<Task>();
        const all: Task[] = [];
        const waiting = new Set<Task>();
        let now = 0;
        const pop = (): boolean => {
          let taken = agenda.pop();
          while (taken?.live === false) taken = agenda.pop();
          const [first] = [...waiting].sort((a, b) => a.at - b.at || a.order - b.order);
          expect(taken).toBe(first);
          if (first === undefined) return false;
          waiting.delete(first);
          now = first.at;
          return true;
        };
        for (const one of steps) {
          if (one === "pop") pop();
          else if (one === "compact") {
            agenda.compact();
            expect(agenda.size).toBe(waiting.size);
          } else if ("inMs" in one) {
            const task = { at: now + one.inMs, order: all.length, live: true };
            all.push(task);
            waiting.add(task);
            agenda.push(task);
          } else {
            const task = all[one.cancel % Math.max(1, all.length)];
            if (task !== undefined && waiting.delete(task)) task.live = false;
          }
          expect(agenda.size).toBeGreaterThanOrEqual(waiting.size);
        }
        while (pop());
        expect(agenda.size).toBe(0);
      }),
    );
  });
});
