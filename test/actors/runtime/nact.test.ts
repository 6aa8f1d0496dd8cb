import { describe, expect, it } from "vitest";
import { nactSystem } from "../../../actors/runtime/nact.ts";
import { eventually } from "../../support/eventually.ts";

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("nact system", () => {
  it("keeps the state of an actor from run to run", async () => {
    const system = nactSystem();
    let last = 0;
    const mailbox = system.family("f").spawn("a", 1, (state) => (last = state * 2));
    for (const expected of [2, 4, 8]) {
      mailbox.wake();
      await eventually(() => last === expected);
    }
    system.stop();
  });

  it("runs once for many wakes in one turn", async () => {
    const system = nactSystem();
    let runs = 0;
    const mailbox = system.family("f").spawn("a", 0, () => ++runs);
    for (let i = 0; i < 100; i++) mailbox.wake();
    await eventually(() => runs > 0);
    await turn();
    await turn();
    expect(runs).toBe(1);
    system.stop();
  });

  it("runs again when it is woken from within a run", async () => {
    const system = nactSystem();
    let runs = 0;
    const mailbox = system.family("f").spawn("a", 0, (state) => {
      if (++runs < 5) mailbox.wake();
      return state;
    });
    mailbox.wake();
    await eventually(() => runs === 5);
    system.stop();
  });

  it("begins no run after an actor, its family or the system was stopped", async () => {
    const system = nactSystem();
    const family = system.family("f");
    let runs = 0;
    const one = family.spawn("a", 0, () => ++runs);
    one.wake();
    one.stop();
    one.stop();
    one.wake();
    const two = family.spawn("b", 0, () => ++runs);
    family.stop();
    two.wake();
    const other = system.family("g").spawn("a", 0, () => ++runs);
    system.stop();
    other.wake();
    for (let i = 0; i < 5; i++) await turn();
    expect(runs).toBe(0);
  });

  it("goes on with the last state after a run that threw", async () => {
    const system = nactSystem();
    const seen: number[] = [];
    const mailbox = system.family("f").spawn("a", 1, (state) => {
      seen.push(state);
      if (seen.length === 2) throw new Error("scripted");
      return state + 1;
    });
    for (const count of [1, 2, 3]) {
      mailbox.wake();
      await eventually(() => seen.length === count);
      await turn();
    }
    expect(seen).toEqual([1, 2, 2]);
    system.stop();
  });
});
