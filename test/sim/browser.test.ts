import { describe, expect, it } from "vitest";
import type { Cancel } from "../../base/clock.ts";
import { Browser, lockMs } from "../../sim/people/browser.ts";
import type { Process } from "../../sim/world/process.ts";
import { flowingWorld, type FlowingWorld } from "./flowing-world.ts";

/** Runs a script with a browser and a way to open pages in it. */
async function withBrowser(
  script: (browser: Browser, page: (name: string) => Process, world: FlowingWorld) => Promise<void>,
): Promise<void> {
  const flow = flowingWorld();
  await script(new Browser(), (name) => flow.world.process(name), flow);
  await flow.stop();
}

describe("the shelf of a browser", () => {
  it("gives a record to one page at a time, until that lets go of it or closes", async () => {
    await withBrowser(async (browser, page) => {
      const [one, two] = [page("one"), page("two")];
      const [first, second] = [browser.shelf(one), browser.shelf(two)];
      const held = await Promise.all([first.hold("a"), second.hold("a"), first.hold("b")]);
      const [mine, other, another] = held;
      expect([mine, other].filter((letGo) => letGo === undefined)).toHaveLength(1);
      expect(another).toBeDefined();
      (mine ?? other)?.();
      const again = await second.hold("a");
      expect(again).toBeDefined();
      expect(await second.hold("a")).toBeUndefined();
      expect(await second.hold("b")).toBeUndefined();
      one.kill();
      browser.closed(one);
      expect(await second.hold("b")).toBeDefined();
      // What a page let go of late is another's by then.
      another?.();
      expect(await browser.shelf(page("three")).hold("b")).toBeUndefined();
    });
  });

  it("keeps records and strings for the page after, and tells which records nobody holds", async () => {
    await withBrowser(async (browser, page) => {
      const one = page("one");
      const shelf = browser.shelf(one);
      await shelf.hold("a");
      shelf.write("a", "text");
      shelf.write("b", "of a page that has closed");
      browser.storage.set("attempt", "7");
      expect(browser.records).toEqual({ all: ["a", "b"], free: ["b"] });
      browser.closed(one);
      expect(browser.records.free).toEqual(["a", "b"]);
      const next = browser.shelf(page("two"));
      expect([next.names(), next.read("a"), next.read("c")]).toEqual([["a", "b"], "text", undefined]);
      next.remove("a");
      expect(shelf.names()).toEqual(["b"]);
      expect(browser.storage.get("attempt")).toBe("7");
    });
  });

  it("gives nothing to a page that closed while it asked, and nothing yet to one that is frozen", async () => {
    await withBrowser(async (browser, page, { pass }) => {
      const [closing, frozen, other] = [page("closing"), page("frozen"), page("other")];
      const granted: string[] = [];
      const ask = (asking: Process, name: string): void =>
        void browser
          .shelf(asking)
          .hold(name)
          .then((letGo: Cancel | undefined) => granted.push(`${asking.name} ${name} ${letGo !== undefined}`));
      ask(closing, "a");
      closing.kill();
      browser.closed(closing);
      ask(frozen, "b");
      frozen.pause();
      await pass(lockMs + 1);
      expect(granted).toEqual([]);
      ask(other, "a");
      ask(other, "b");
      await pass(lockMs + 1);
      frozen.resume();
      await pass(1);
      expect(granted.toSorted()).toEqual(["frozen b false", "other a true", "other b true"]);
    });
  });
});
