import { describe, expect, it } from "vitest";
import { History, type SendRecord } from "../../sim/history.ts";
import { lockMs, type Browser } from "../../sim/people/browser.ts";
import { Crowd } from "../../sim/people/crowd.ts";
import { Device } from "../../sim/people/device.ts";
import { turnPages } from "../../sim/people/habits.ts";
import { Pages } from "../../sim/people/pages.ts";
import { newTally } from "../../sim/people/tap.ts";
import { visit } from "../../sim/people/visitor.ts";
import { simulate } from "../../sim/run.ts";
import { usualSettings } from "../../sim/settings.ts";
import { swarmSettings } from "../../sim/swarm.ts";
import { Stream } from "../../sim/world/chance.ts";
import { freeCosts } from "../../sim/world/costs.ts";
import { World } from "../../sim/world/world.ts";
import { collectGarbage } from "../support/garbage.ts";
import { welcomingNode } from "./welcoming-node.ts";

const conv = "s.u.1";

function emptyWorld(): World {
  const onError = (error: unknown): never => {
    throw error;
  };
  return new World({ seed: 1, costs: freeCosts, onError });
}

interface Scene {
  readonly world: World;
  readonly pages: Pages;
  /** The first of them; a page that has closed is nobody's any more. */
  readonly first: Device;
  readonly sends: readonly SendRecord[];
  readonly tally: ReturnType<typeof newTally>;
  /** What the server answers to a message from now on; nothing by default. */
  answer: object | undefined;
  /** The messages that reached the server: producer, number and text. */
  readonly arrived: string[];
  pass(ms: number): Promise<void>;
}

/** Runs a script with the first page of a customer whom a server has welcomed. */
async function withPages(script: (scene: Scene) => Promise<void>): Promise<Scene> {
  const world = emptyWorld();
  const history = new History();
  const tally = newTally();
  const parts = { world, history, tally, recoveries: [], environmentThrough: <T>(own: T): T => own };
  let found: Scene | undefined;
  await world.run(async () => {
    serve(world, () => found);
    const open = (number: number, browser: Browser): Device =>
      new Device(parts, "visitor", "u", `u-${number}`, browser);
    const pages = new Pages("u", open);
    const pass = (ms: number): Promise<void> => world.scheduler.sleep(ms);
    const { sends } = history;
    found = { world, pages, first: pages.open(), sends, tally, answer: undefined, arrived: [], pass };
    await pass(1000);
    await script(found);
    pages.oldest?.stop();
    await pass(100);
  });
  if (found === undefined) throw new Error("there was no scene");
  return found;
}

/** A node that notes what arrives and answers as the scene has it. */
function serve(world: World, scene: () => Scene | undefined): void {
  welcomingNode(world, ({ p, n, body, say }) => {
    scene()?.arrived.push(`${p} ${n} ${body.text}`);
    const answer = scene()?.answer;
    if (answer !== undefined) say({ ...answer, conv, p, n });
  });
}

const acked = { t: "ack", seq: 1, epoch: 1, prev: 0, ts: 0 };

function say(page: Device | undefined): void {
  void page?.process.enter(() => page.say(conv));
}

describe("a page that closes", () => {
  it("leaves what was not answered to the next one, which sends it as it was and notes the answer", async () => {
    const { sends, arrived, tally } = await withPages(async (scene) => {
      const { pages, first, pass } = scene;
      say(first);
      await pass(100);
      pages.close(first, false);
      expect(pages.oldest).toBeUndefined();
      expect(pages.lacks()).toHaveLength(1);
      await pass(5000);
      scene.answer = acked;
      pages.open();
      await pass(1000);
      expect(pages.lacks()).toEqual([]);
    });
    const [first, again] = arrived;
    expect([arrived.length, again]).toEqual([2, first]);
    expect(sends).toMatchObject([{ text: "u-1#1", device: "u-1", kept: true, inherited: { seq: 1 } }]);
    expect(sends[0]?.seq).toBeUndefined();
    expect([tally.pagesClosed, tally.online]).toEqual([1, 0]);
  });

  it("notes what the next one was refused for good, and nothing of a refusal for the moment", async () => {
    for (const [code, retry, inherited] of [
      ["CLOSED", "never", { refused: "CLOSED" }],
      ["BUSY", "same", undefined],
    ] as const) {
      const { sends } = await withPages(async (scene) => {
        say(scene.first);
        await scene.pass(100);
        scene.pages.close(scene.first, true);
        scene.answer = { t: "nack", code, retry };
        scene.pages.open();
        await scene.pass(1000);
      });
      if (inherited === undefined) expect(sends[0]?.inherited).toBeUndefined();
      else expect(sends[0]?.inherited).toMatchObject(inherited);
    }
  });

  it("keeps nothing before a server has said whose it is, and all of it a moment later", async () => {
    for (const [livesMs, kept] of [
      [20, undefined],
      [1000, true],
    ] as const) {
      const { sends } = await withPages(async ({ pages, first, pass }) => {
        pages.close(first, false);
        const page = pages.open();
        say(page);
        await pass(livesMs);
        pages.close(page, false);
        await pass(lockMs);
      });
      expect(sends[0]?.kept, `after ${livesMs} ms`).toBe(kept);
    }
  });

  it("has nothing of it happen any more, nor is it online", async () => {
    await withPages(async ({ pages, first: page, tally, pass, arrived }) => {
      expect(tally.online).toBe(1);
      pages.close(page, false);
      expect([tally.online, page.gone, page.process.dead]).toEqual([0, true, true]);
      say(page);
      page.changeNetwork();
      page.settle();
      await pass(60_000);
      expect([tally.online, arrived]).toEqual([0, []]);
    });
  });

  it.each([true, false])(
    "takes no memory any more, with its connections (silently: %s)",
    async (silently) => {
      const closed: WeakRef<Device>[] = [];
      const scene = await withPages(async ({ pages, pass }) => {
        for (let page = 0; page < 3; page++) {
          closed.push(open(pages));
          await pass(1000);
          close(pages, closed[page]?.deref(), silently);
        }
        await pass(60_000);
      });
      await collectGarbage();
      expect(closed.map((page) => page.deref())).toEqual([undefined, undefined, undefined]);
      expect(scene.world.sockets.count("n1")).toBe(silently ? 3 : 0);
    },
  );
});

describe("the crowd", () => {
  it("holds those devices alone whose pages are open", async () => {
    const world = emptyWorld();
    const history = new History();
    const settings = { ...usualSettings, scenario: "test", seed: 1, faults: [], agents: 0, reloads: 1 };
    const crowd = new Crowd(world, settings, history);
    welcomingNode(world, () => {});
    await world.run(async () => {
      crowd.arrive();
      await world.scheduler.sleep(60_000);
    });
    expect(crowd.tally.pagesClosed).toBeGreaterThan(100);
    expect(crowd.devices.filter(({ gone }) => gone)).toEqual([]);
    expect(crowd.size).toBe(crowd.devices.length);
    expect(history.devices.length).toBe(crowd.size + crowd.tally.pagesClosed);
  });
});

/** Functions of their own: a script that waits keeps its variables. */
function open(pages: Pages): WeakRef<Device> {
  const page = pages.open();
  say(page);
  return new WeakRef(page);
}

function close(pages: Pages, page: Device | undefined, silently: boolean): void {
  if (page !== undefined) pages.close(page, silently);
}

describe("customers who turn pages", () => {
  it("close one at any moment, often just after saying something, and sometimes have two", async () => {
    const world = emptyWorld();
    const { scheduler } = world;
    const closed: { afterMs: number; left: number }[] = [];
    const counts = new Set<number>();
    const lives: Promise<void>[] = [];
    const over = (): boolean => scheduler.now >= 90_000;
    const live = (customer: number): void => {
      let open = 0;
      const pages = new Pages(`u${customer}`, () => {
        counts.add(++open);
        let saidAt = -Infinity;
        const began: (() => void)[] = [];
        const talk = (): void => {
          saidAt = scheduler.now;
          for (const tell of began.splice(0)) tell();
          scheduler.schedule(scheduler.now + 2500, undefined, talk);
        };
        talk();
        return {
          messages: { begun: () => new Promise<void>((resolve) => void began.push(resolve)) },
          close() {
            counts.add(--open);
            closed.push({ afterMs: scheduler.now - saidAt, left: open });
            expect(over()).toBe(false);
          },
        } as unknown as Device;
      });
      pages.open();
      lives.push(turnPages(pages, scheduler, new Stream(1, `turns/${customer}`), over));
    };
    await world.run(async () => {
      for (let customer = 0; customer < 40; customer++) live(customer);
      await Promise.all(lives);
    });
    const share = (of: (one: (typeof closed)[0]) => boolean): number =>
      closed.filter(of).length / closed.length;
    expect(closed.length).toBeGreaterThan(300);
    expect(counts).toEqual(new Set([0, 1, 2]));
    expect(share(({ afterMs }) => afterMs < 100)).toBeGreaterThan(0.5);
    expect(share(({ afterMs }) => afterMs > 500)).toBeGreaterThan(0.25);
    expect(share(({ left }) => left === 1)).toBeGreaterThan(0.2);
  });

  it("come back in the end where no page is open or something is left, and only there", async () => {
    const opened: Browser[] = [];
    const fake = { close: () => {} } as unknown as Device;
    const pages = new Pages("u", (_number, browser) => {
      opened.push(browser);
      return fake;
    });
    pages.open();
    pages.settle();
    expect(opened).toHaveLength(1);
    pages.close(fake, false);
    pages.settle();
    expect(opened).toHaveLength(2);
    opened[0]?.shelf(emptyWorld().process("closed")).write("left", "behind");
    expect(pages.lacks()).toHaveLength(1);
    pages.settle();
    expect(opened).toHaveLength(3);
  });

  it("go on in the conversation that they had, and remember the one that they begin", async () => {
    const world = emptyWorld();
    const said: string[] = [];
    const memory: { conv: string | undefined } = { conv: "c7" };
    await world.run(async () => {
      const { scheduler } = world;
      const client = { unanswered: 0, open: () => Promise.resolve("c8") };
      const device = {
        client,
        process: world.process("u"),
        tab: { shown: () => Promise.resolve() },
        say(to: string) {
          said.push(to);
          return Promise.resolve(to === "c7" ? "CLOSED" : undefined);
        },
      } as unknown as Device;
      const habits = {
        ...{ channel: "ask", earlier: "c1", memory, human: false, thinkMs: 1000, returning: 1 },
        ...{ bursts: undefined, over: () => said.length > 2, onRefusal: () => {} },
      };
      void device.process.enter(() => visit(device, habits, new Stream(1, "visitor")));
      await scheduler.sleep(60_000);
    });
    expect(said).toEqual(["c7", "c8", "c8"]);
    expect(memory.conv).toBe("c8");
  });
});

describe("the swarm", () => {
  it("has pages that close with messages unanswered, all of which their next ones send", async () => {
    let [kept, calm] = [0, 0];
    for (let seed = 1; seed <= 8; seed++) {
      const settings = swarmSettings(seed, {});
      const { violations, messagesKept, pagesClosed } = await simulate(settings);
      expect(violations, `seed ${seed}`).toEqual([]);
      if (settings.reloads === 0) expect(pagesClosed).toBe(0);
      if (settings.reloads === 0) calm++;
      kept += messagesKept;
    }
    expect(kept).toBeGreaterThan(30);
    expect(calm).toBeGreaterThan(0);
  }, 60_000);
});
