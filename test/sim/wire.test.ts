import { describe, expect, it } from "vitest";
import { fromStored, storedForm, wireOf } from "../../actors/encoded-event.ts";
import type { ClientSocket } from "../../client/environment.ts";
import type { LogEvent } from "../../protocol/events.ts";
import type { ConversationId } from "../../protocol/ids.ts";
import { newTally, Tap } from "../../sim/people/tap.ts";
import { Wire } from "../../sim/people/wire.ts";

const conv = "s.ann.1";

/** A wire at an announced conversation that ends at 3. */
function watched(repeats: "fault" | "allowed"): { wire: Wire; faults: string[] } {
  const faults: string[] = [];
  const wire = new Wire((guarantee) => void faults.push(guarantee), repeats);
  wire.receive({ t: "conv", conv, recovered: true, base: [3, 1] } as never);
  return { wire, faults };
}

function event(seq: number): LogEvent {
  const head = { seq, epoch: 1, aud: "all", prevAll: seq - 1, countAll: seq, countStaff: seq } as const;
  const body = { kind: "message", body: { kind: "text", text: 'a "quoted" word' } } as const;
  return { ...head, ts: 0, by: { role: "agent", id: "amy" }, body };
}

describe("a watched wire", () => {
  it("finds what was skipped, and what was never announced", () => {
    const { wire, faults } = watched("fault");
    wire.deliver(conv, 4, 3);
    wire.deliver(conv, 6, 5);
    wire.deliver("s.bob.1", 1, 0);
    expect(faults).toEqual(["NoSkip", "NoPhantom"]);
  });

  it("finds repeats where they are a fault", () => {
    for (const repeats of ["fault", "allowed"] as const) {
      const { wire, faults } = watched(repeats);
      for (const seq of [4, 5, 4, 6]) wire.deliver(conv, seq, seq - 1);
      expect(faults).toEqual(repeats === "fault" ? ["MonotonicDelivery"] : []);
    }
  });

  it("takes an own acknowledged send for its delivery, and nobody else's", () => {
    const { wire, faults } = watched("fault");
    const ack = { t: "ack", conv, p: "p", n: 1, seq: 4, epoch: 1, prev: 3, ts: 0 } as const;
    wire.receive(ack);
    wire.sends.add(`${conv} p 1`);
    wire.receive(ack);
    wire.deliver(conv, 5, 4);
    expect(faults).toEqual([]);
  });
});

describe("the tap of a simulated device", () => {
  it("sees the deliveries that a server writes", () => {
    const faults: string[] = [];
    const tally = newTally();
    const socket: ClientSocket = {
      send() {},
      close() {},
      onopen() {},
      onmessage() {},
      onclose() {},
    };
    const tapped = new Tap(tally, (guarantee) => void faults.push(guarantee)).watch(socket);
    const heard: string[] = [];
    tapped.onmessage = (text) => void heard.push(text);
    socket.onmessage(JSON.stringify({ t: "conv", conv, recovered: true, base: [3, 1] }));
    for (const seq of [4, 6]) {
      const encoded = fromStored(storedForm(wireOf(event(seq))));
      socket.onmessage(encoded.frame(conv as ConversationId, "all"));
    }
    expect(faults).toEqual(["NoSkip"]);
    expect(heard).toHaveLength(3);
  });
});
