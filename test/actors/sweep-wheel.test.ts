import { describe, expect, it } from "vitest";
import { SweepWheel, type Swept } from "../../actors/sweep-wheel.ts";

/** One that is looked at, with what its looks answer. */
class Watched implements Swept {
  open = true;
  quiet = true;
  inMs: number;
  readonly looks: number[] = [];
  readonly pumps: number[] = [];

  constructor(inMs: number) {
    this.inMs = inMs;
  }

  sweep(now: number, pumps: boolean): number {
    this.looks.push(now / 1000);
    if (pumps) this.pumps.push(now / 1000);
    return this.inMs;
  }

  rest(): boolean {
    return this.quiet;
  }
}

function turned(wheel: SweepWheel<Watched>, from: number, to: number): void {
  for (let second = from; second <= to; second++) wheel.turn(second * 1000);
}

describe("sweep wheel", () => {
  it("looks at who is quiet when its deadline may have come, and at least every fifteen seconds", () => {
    const wheel = new SweepWheel<Watched>();
    const [soon, late, now] = [new Watched(4500), new Watched(90_000), new Watched(-3)];
    for (const one of [soon, late, now]) wheel.add(one);
    turned(wheel, 1, 32);
    expect(soon.looks).toEqual([1, 6, 11, 16, 21, 26, 31]);
    expect(late.looks).toEqual([1, 16, 31]);
    expect(now.looks).toHaveLength(32);
  });

  it("looks at who is stirred every second until it rests, with its pumps every third", () => {
    const wheel = new SweepWheel<Watched>();
    const one = new Watched(90_000);
    wheel.add(one);
    turned(wheel, 1, 2);
    wheel.stir(one);
    one.quiet = false;
    turned(wheel, 3, 8);
    one.quiet = true;
    turned(wheel, 9, 20);
    expect(one.looks).toEqual([1, 3, 4, 5, 6, 7, 8, 9, 16]);
    expect(one.pumps).toEqual([3, 6, 9]);
  });

  it("looks at nobody who is gone", () => {
    const wheel = new SweepWheel<Watched>();
    const [forgotten, closed] = [new Watched(1000), new Watched(1000)];
    for (const one of [forgotten, closed]) {
      wheel.add(one);
      wheel.stir(one);
      one.quiet = false;
    }
    turned(wheel, 1, 2);
    wheel.forget(forgotten);
    closed.open = false;
    turned(wheel, 3, 9);
    expect([forgotten.looks, closed.looks]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });
});
