import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connect, type Client } from "../../client/client.ts";
import { conv, ModelServer, storm, textOf } from "./model-server.ts";
import { VirtualWorld, type Page } from "./virtual-world.ts";

type Move = { do: "send"; times: number } | { do: "pass"; ms: number } | { do: "turn" } | { do: "open" };
const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ do: fc.constant("send" as const), times: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 5_000 }) }),
  fc.constantFrom<Move>({ do: "turn" }, { do: "open" }),
);

interface Tab {
  readonly page: Page;
  readonly client: Client;
  readonly said: string[];
}

describe("pages that close at any moment", () => {
  it("leave to the next one what was not answered, which sends each message once and in order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        storm,
        fc.array(move, { maxLength: 25 }),
        async (seed, faults, moves) => {
          const world = new VirtualWorld(seed);
          const server = new ModelServer(world);
          const tabs: Tab[] = [];
          const kept: string[] = [];
          const open = (): void => {
            const page = world.page();
            const client = connect({ url: "ws://model/ws", token: "t", environment: page.environment });
            tabs.push({ page, client, said: [] });
          };
          const said: Tab[] = [];
          open();
          await world.pass(1000);
          Object.assign(server.faults, faults);
          for (const step of moves) {
            const [tab] = tabs;
            if (step.do === "pass") await world.pass(step.ms);
            else if (step.do === "open") open();
            else if (step.do === "turn" && tab !== undefined) {
              tab.page.close();
              said.push(...tabs.splice(0, 1));
              if (tabs.length === 0) open();
            } else if (step.do === "send" && tab !== undefined)
              for (let time = 0; time < step.times; time += 1) {
                const text = `${said.length} ${tab.said.length}`;
                tab.said.push(text);
                // Before the first welcome nobody knows whose it is, and nothing can be kept.
                if (tab.client.identity !== undefined) kept.push(text);
                void tab.client.send(conv, text);
              }
            // What a page is about to do when it is closed it has done.
            await world.pass(0);
          }
          Object.assign(server.faults, { cut: 0, busy: 0, mute: 0, skip: 0, twice: 0 });
          await world.pass(120_000);
          open();
          await world.pass(120_000);

          const log = server.items.map(textOf);
          expect(new Set(log).size).toBe(log.length);
          expect(log).toEqual(expect.arrayContaining(kept));
          for (const { said: texts } of [...said, ...tabs])
            expect(log.filter((text) => texts.includes(text))).toEqual(
              texts.filter((text) => log.includes(text)),
            );
          expect([...world.records]).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
