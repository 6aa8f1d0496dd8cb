import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connect } from "../../client/client.ts";
import { conv, ModelServer, storm, textOf } from "./model-server.ts";
import { VirtualWorld } from "./virtual-world.ts";
import type { Item } from "../../protocol/frames.ts";

type Move = { do: "send" | "speak"; times: number } | { do: "pass"; ms: number };
const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({
    do: fc.constantFrom("send" as const, "speak" as const),
    times: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
);

describe("client in a storm", () => {
  it("sends each message once and in order, and shows the log without a hole or a repeat", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        storm,
        fc.array(move, { maxLength: 25 }),
        async (seed, faults, moves) => {
          const world = new VirtualWorld(seed);
          const server = new ModelServer(world);
          const client = connect({ url: "ws://model/ws", token: "t", environment: world.environment() });
          const view: Item[] = [];
          const promised: Promise<{ seq: number }>[] = [];
          client.on("event", (event) => void view.push(event));
          client.on("reset", () => void (view.length = 0));
          await world.pass(1000);
          Object.assign(server.faults, faults);
          for (const step of moves) {
            if (step.do === "pass") await world.pass(step.ms);
            else
              for (let time = 0; time < step.times; time += 1) {
                if (step.do === "speak") server.speak(`agent ${server.items.length}`);
                else promised.push(client.send(conv, `visitor ${promised.length}`));
              }
          }
          Object.assign(server.faults, { cut: 0, busy: 0, mute: 0, skip: 0, twice: 0 });
          await world.pass(120_000);
          server.speak("the end");
          await world.pass(120_000);

          const receipts = await Promise.all(promised);
          const own = server.items.filter(({ ev }) => ev.by.role === "visitor").map(textOf);
          expect(own).toEqual(promised.map((_, index) => `visitor ${index}`));
          receipts.forEach(({ seq }, index) => {
            expect(textOf(server.items[seq - 1] as Item)).toBe(`visitor ${index}`);
          });
          const first = view[0]?.seq ?? 1;
          expect(view.map(({ seq }) => seq)).toEqual(view.map((_, index) => first + index));
          expect(view.map(textOf)).toEqual(server.items.slice(first - 1).map(textOf));
          client.stop();
        },
      ),
      { numRuns: 100 },
    );
  });
});
