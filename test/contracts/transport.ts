import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Transport } from "../../transport/transport.ts";
import { eventually } from "../support/eventually.ts";

/** Two nodes' transports on one network, and how to let go of what they stand on. */
export interface TransportPair {
  readonly a: Transport;
  readonly b: Transport;
  close(): Promise<void>;
}

/** What every transport promises. */
export function transportContract(name: string, open: () => Promise<TransportPair>): void {
  describe(`${name} transport`, () => {
    let pair: TransportPair;
    beforeEach(async () => {
      pair = await open();
    });
    afterEach(() => pair.close());

    it("delivers in the order sent, and never inside the send", async () => {
      const seen: string[] = [];
      await pair.b.subscribe("b", (payload) => seen.push(payload));
      const sent = Array.from({ length: 200 }, (_, i) => `m${i} ünïcode`);
      for (const payload of sent) expect(pair.a.send("b", payload)).toBe(true);
      expect(seen).toEqual([]);
      await eventually(() => seen.length === sent.length);
      expect(seen).toEqual(sent);
    });

    it("delivers to the named node only, and to itself", async () => {
      const atA: string[] = [];
      const atB: string[] = [];
      await pair.a.subscribe("a", (payload) => atA.push(payload));
      await pair.b.subscribe("b", (payload) => atB.push(payload));
      pair.a.send("a", "to a");
      pair.a.send("b", "to b");
      await eventually(() => atA.length > 0 && atB.length > 0);
      expect([atA, atB]).toEqual([["to a"], ["to b"]]);
    });

    it("loses what nobody takes, without an error", async () => {
      expect(pair.a.send("nobody", "lost")).toBe(true);
      await pair.a.flush();
    });

    it("delivers nothing after the end of a subscription", async () => {
      const seen: string[] = [];
      const subscription = await pair.b.subscribe("b", (payload) => seen.push(payload));
      const other: string[] = [];
      await pair.b.subscribe("other", (payload) => other.push(payload));
      pair.a.send("b", "first");
      await eventually(() => seen.length === 1);
      subscription.unsubscribe();
      await pair.b.flush();
      pair.a.send("b", "second");
      pair.a.send("other", "marker");
      await eventually(() => other.length === 1);
      expect(seen).toEqual(["first"]);
    });

    it("refuses a payload over its bound and takes one at the bound", async () => {
      const sizes: number[] = [];
      await pair.b.subscribe("b", (payload) => sizes.push(payload.length));
      expect(pair.a.send("b", "x".repeat(pair.a.maxPayloadBytes + 1))).toBe(false);
      expect(pair.a.send("b", "ü".repeat(Math.ceil((pair.a.maxPayloadBytes + 1) / 2)))).toBe(false);
      expect(pair.a.send("b", "x".repeat(pair.a.maxPayloadBytes))).toBe(true);
      await eventually(() => sizes.length === 1);
      expect(sizes).toEqual([pair.a.maxPayloadBytes]);
    });

    it("tells a node that listens from one that is not there", async () => {
      expect(await pair.a.probe("b", 1000)).toBe("no-responders");
      const subscription = await pair.b.subscribe("b", () => {});
      expect(await pair.a.probe("b", 1000)).toBe("answered");
      subscription.unsubscribe();
      await pair.b.flush();
      expect(await pair.a.probe("b", 1000)).toBe("no-responders");
    });

    it("answers a probe without troubling the handler", async () => {
      const seen: string[] = [];
      await pair.b.subscribe("b", (payload) => seen.push(payload));
      await pair.a.probe("b", 1000);
      pair.a.send("b", "after");
      await eventually(() => seen.length > 0);
      expect(seen).toEqual(["after"]);
    });

    it("goes on delivering when a handler throws", async () => {
      const seen: string[] = [];
      const thrown: unknown[] = [];
      const keep = (error: unknown): void => void thrown.push(error);
      const before = process.listeners("uncaughtException");
      process.removeAllListeners("uncaughtException");
      process.on("uncaughtException", keep);
      try {
        await pair.b.subscribe("b", (payload) => {
          seen.push(payload);
          if (payload === "bad") throw new Error("a broken handler");
        });
        for (const payload of ["bad", "good", "better"]) pair.a.send("b", payload);
        await eventually(() => seen.length === 3);
        expect(seen).toEqual(["bad", "good", "better"]);
      } finally {
        process.off("uncaughtException", keep);
        for (const listener of before) process.on("uncaughtException", listener);
      }
    });

    it("refuses to send once it is closed", async () => {
      expect(pair.a.connected()).toBe(true);
      await pair.a.close();
      expect(pair.a.connected()).toBe(false);
      expect(pair.a.send("b", "late")).toBe(false);
    });
  });
}
