import { describe, expect, it } from "vitest";
import { Tab, type Hiding } from "../../sim/people/tab.ts";
import { freeCosts } from "../../sim/world/costs.ts";
import { World } from "../../sim/world/world.ts";

interface Page {
  readonly tab: Tab;
  /** Lets that much time pass. */
  pass(ms: number): Promise<void>;
  /** Sets a timer of the page; notes when it ran. */
  timer(name: string, delayMs: number): () => void;
  /** Something arrives from outside. */
  arrives(name: string, inMs: number): void;
  readonly ran: [name: string, atMs: number][];
}

/** Runs a script with a page whose seconds begin at 250 ms and whose minutes at 45,250 ms. */
async function withPage(script: (page: Page) => Promise<void>): Promise<Page["ran"]> {
  const onError = (error: unknown): never => {
    throw error;
  };
  const world = new World({ seed: 1, costs: freeCosts, onError });
  const { scheduler } = world;
  const process = world.process("page");
  const tab = new Tab(process, 45_250 / 60_000);
  const ran: Page["ran"] = [];
  const note = (name: string) => (): void => void ran.push([name, Math.round(scheduler.now)]);
  const page: Page = {
    tab,
    pass: (ms) => scheduler.sleep(ms),
    timer: (name, delayMs) => tab.after(delayMs, note(name)),
    arrives: (name, inMs) => void process.at(scheduler.now + inMs, note(name)),
    ran,
  };
  await world.run(() => script(page));
  return ran;
}

describe("tab", () => {
  it("leaves the timers of a page that is looked at alone", async () => {
    expect(
      await withPage(async ({ timer, pass }) => {
        timer("a", 10);
        timer("b", 700);
        await pass(1000);
      }),
    ).toEqual([
      ["a", 10],
      ["b", 700],
    ]);
  });

  it.each<[Hiding, number]>([
    ["fresh", 1250],
    ["late", 45_250],
  ])("holds the timers of a hidden page to the next beginning of a period: %s", async (hiding, at) => {
    const ran = await withPage(async ({ tab, timer, pass, arrives }) => {
      await pass(300);
      timer("first", 100);
      timer("second", 150);
      timer("cancelled", 120)();
      tab.hide(hiding);
      arrives("message", 200);
      await pass(100_000);
    });
    expect(ran).toEqual([
      ["message", 500],
      ["first", at],
      ["second", at],
    ]);
  });

  it("goes over to minutes when the page has been hidden for five", async () => {
    const ran = await withPage(async ({ tab, timer, pass }) => {
      tab.hide("fresh");
      timer("seconds", 299_000);
      timer("minutes", 301_000);
      await pass(400_000);
    });
    expect(ran).toEqual([
      ["seconds", 299_250],
      ["minutes", 345_250],
    ]);
  });

  it("does nothing at all while frozen, and everything in order when it is looked at", async () => {
    const ran = await withPage(async ({ tab, timer, pass, arrives }) => {
      timer("before", 50);
      tab.hide("frozen");
      arrives("message", 100);
      void tab.shown().then(() => timer("after", 0));
      await pass(10_000);
      tab.show();
      await pass(100);
    });
    expect(ran).toEqual([
      ["before", 10_000],
      ["message", 10_000],
      ["after", 10_001],
    ]);
  });

  it("lets go of what it held when it is looked at, at once and in order", async () => {
    const ran = await withPage(async ({ tab, timer, pass }) => {
      await pass(300);
      tab.hide("fresh");
      timer("a", 100);
      timer("b", 200);
      const cancel = timer("cancelled", 250);
      await pass(300);
      cancel();
      tab.show();
      timer("c", 1);
      await pass(5000);
    });
    expect(ran).toEqual([
      ["a", 600],
      ["b", 600],
      ["c", 601],
    ]);
  });
});
