import { describe, expect, it } from "vitest";
import type { Socket } from "../../actors/socket.ts";
import { freeCosts } from "../../sim/world/costs.ts";
import { World } from "../../sim/world/world.ts";

describe("simulated socket", () => {
  it("loses what a frozen page was sent when its network changes, the end with the frames before it", async () => {
    const onError = (error: unknown): never => {
      throw error;
    };
    const world = new World({ seed: 1, costs: freeCosts, onError });
    const [node, page] = [world.process("n1"), world.process("page")];
    const seen: string[] = [];
    let served: Socket | undefined;
    await world.run(async () => {
      const { scheduler, sockets } = world;
      sockets.setDoor("n1", {
        process: node,
        accepting: () => true,
        open: (socket) => {
          served = socket;
          return { receive() {}, closed() {} };
        },
      });
      const socket = sockets.dial(page, "ws://n1/ws");
      socket.onopen = () => void seen.push("open");
      socket.onmessage = (text) => void seen.push(text);
      socket.onclose = (code) => void seen.push(`closed ${code}`);
      await scheduler.sleep(500);
      node.enter(() => served?.send("one"));
      await scheduler.sleep(500);
      page.pause();
      node.enter(() => {
        served?.send("busy, come back later");
        served?.close(4100, "overload");
      });
      await scheduler.sleep(500);
      sockets.abandon(page);
      page.resume();
      await scheduler.sleep(500);
    });
    expect(seen).toEqual(["open", "one", "closed 1006"]);
  });
});
