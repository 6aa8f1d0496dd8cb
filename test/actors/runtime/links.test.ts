import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NodeEnvelope } from "../../../actors/runtime/envelope.ts";
import { encodeEnvelope } from "../../../actors/runtime/envelope-codec.ts";
import { Links } from "../../../actors/runtime/links.ts";
import { silentMetrics } from "../../../base/metrics.ts";
import type { NodeRun } from "../../../placement/hosting.ts";
import type { Transport } from "../../../transport/transport.ts";
import { recordingLog, type LogLine } from "../../support/recording-log.ts";
import { virtualTime, type VirtualTime } from "../../support/virtual-clock.ts";

/** What the network does with a payload: how often it arrives, and when. */
type Fate = readonly number[];

interface Peer {
  run: NodeRun;
  readonly links: Links;
  /** Ids of what arrived; -1 stands for a gap. */
  readonly got: number[];
}

interface Net {
  readonly time: VirtualTime;
  readonly lines: LogLine[];
  /** The next fates; after them everything arrives once after 1 ms. */
  fates: Fate[];
  /** Everything is lost. */
  cut: boolean;
  readonly largest: { bytes: number };
  /** Hears of every payload. */
  onSend: (payload: string) => void;
  peer(node: string): Peer;
}

const gap = -1;
const never = (): boolean => false;

function network(maxPayloadBytes = 4000): Net {
  const time = virtualTime();
  const clock = time.clock();
  const peers = new Map<string, Peer>();
  const lines: LogLine[] = [];
  const net: Net = {
    time,
    lines,
    fates: [],
    cut: false,
    largest: { bytes: 0 },
    onSend: () => {},
    peer(node) {
      const transport = {
        maxPayloadBytes,
        send(to: string, payload: string): boolean {
          net.onSend(payload);
          const bytes = Buffer.byteLength(payload);
          net.largest.bytes = Math.max(net.largest.bytes, bytes);
          if (bytes > maxPayloadBytes || net.cut) return false;
          for (const delayMs of net.fates.shift() ?? [1])
            clock.after(delayMs, () => peers.get(to)?.links.take(payload));
          return true;
        },
      } as Transport;
      const got: number[] = [];
      const made: Peer = {
        run: { node, incarnation: `${node}1` },
        got,
        links: new Links({
          transport,
          clock,
          log: recordingLog(lines),
          metrics: silentMetrics(),
          self: () => made.run,
          handler: {
            onEnvelope(_from, envelope) {
              if (envelope.k === "bounce") throw new Error("cannot be handled");
              if (envelope.k === "reply") got.push(envelope.ask);
            },
            onGap: () => void got.push(gap),
          },
        }),
      };
      made.links.start();
      peers.set(node, made);
      return made;
    },
  };
  return net;
}

function numbered(ask: number, bytes = 0): NodeEnvelope {
  return { k: "reply", ask, reply: { kind: "value", value: 'é"'.repeat(bytes / 2) } };
}

/** A batch as the wire has it, with one numbered envelope. */
function batch(from: NodeRun, to: NodeRun, n: number, id: number): string {
  const e = [JSON.parse(encodeEnvelope(numbered(id))) as unknown];
  return JSON.stringify({ from: from.node, fi: from.incarnation, ti: to.incarnation, l: 1, n, e });
}

function pair(maxPayloadBytes?: number): {
  net: Net;
  a: Peer;
  b: Peer;
  say: (id: number, bytes?: number) => boolean;
} {
  const net = network(maxPayloadBytes);
  const [a, b] = [net.peer("a"), net.peer("b")];
  return { net, a, b, say: (id, bytes) => a.links.send(b.run, numbered(id, bytes)) };
}

describe("links", () => {
  it("deliver in order what was sent in one turn and in several", async () => {
    const { net, b, say } = pair();
    say(1);
    say(2);
    await net.time.advance(5);
    say(3);
    await net.time.advance(5);
    expect(b.got).toEqual([1, 2, 3]);
  });

  it("notice that the last batch was lost", async () => {
    const { net, b, say } = pair();
    net.fates = [[]];
    say(1);
    await net.time.advance(1500);
    expect(b.got).toEqual([1]);
  });

  it("deliver an envelope that no payload can hold", async () => {
    const { net, b, say } = pair(2000);
    say(1);
    say(2, 9000);
    say(3);
    await net.time.advance(2000);
    expect(b.got).toEqual([1, 2, 3]);
    expect(net.largest.bytes).toBeLessThanOrEqual(2000);
  });

  it("repeat a lost piece of a large envelope", async () => {
    const { net, b, say } = pair(2000);
    net.fates = [[1], [], [1]];
    say(1, 9000);
    await net.time.advance(3000);
    expect(b.got).toEqual([1]);
  });

  it("deliver no envelope whose beginning is beyond the ring", async () => {
    const { net, b, say } = pair(2000);
    net.cut = true;
    say(1, 9000);
    await net.time.advance(10);
    for (let id = 2; id < 260; id++) {
      say(id);
      await net.time.advance(1);
    }
    net.cut = false;
    await net.time.advance(3000);
    expect(b.got[0]).toBe(gap);
    expect(b.got).not.toContain(1);
    expect(b.got.at(-1)).toBe(259);
  });

  it("signal a gap when more was lost than the ring holds, and go on", async () => {
    const { net, b, say } = pair();
    net.cut = true;
    for (let id = 1; id <= 300; id++) {
      say(id);
      await net.time.advance(1);
    }
    net.cut = false;
    say(301);
    await net.time.advance(3000);
    expect(b.got[0]).toBe(gap);
    expect(b.got.filter((id) => id === gap)).toHaveLength(1);
    expect(b.got.slice(1)).toEqual(Array.from({ length: 256 }, (_, i) => i + 46));
  });

  it("signal a gap when a full link refused something", async () => {
    const { net, b, say } = pair(4_000_000);
    let id = 0;
    while (say(++id, 1_000_000));
    await net.time.advance(3000);
    say(100);
    await net.time.advance(3000);
    expect(b.got).toEqual([...Array.from({ length: id - 1 }, (_, i) => i + 1), gap, 100]);
  });

  it("signal a gap when a link was given up and begins anew, and lose nothing after it", async () => {
    const { net, a, b, say } = pair();
    for (let id = 1; id <= 5; id++) {
      say(id);
      await net.time.advance(5);
    }
    a.links.retain(never);
    say(6);
    await net.time.advance(3000);
    expect(b.got).toEqual([1, 2, 3, 4, 5, gap, 6]);
  });

  it("believe nothing twice from a peer that was away for long", async () => {
    const { net, b, say } = pair();
    say(1);
    await net.time.advance(5);
    b.links.retain(never);
    say(2);
    await net.time.advance(3000);
    expect(b.got).toEqual([1, 2]);
  });

  it("ask for what came too early, and for the beginning of an envelope, when their sender was held for gone", async () => {
    const { net, a, b, say } = pair(2000);
    net.fates = [[], [1]];
    say(1);
    await net.time.advance(1);
    say(2);
    await net.time.advance(1);
    b.links.retain(never);
    b.links.take(batch(a.run, b.run, 1, 1));
    expect(b.got).toEqual([1]);
    await net.time.advance(1500);
    expect(b.got).toEqual([1, 2]);
    net.fates = [[1], [1], [], [1]];
    say(3, 9000);
    await net.time.advance(2);
    b.links.retain(never);
    await net.time.advance(3000);
    expect(b.got).toEqual([1, 2, 3]);
  });

  it("remember how far the newest thousand runs were that are gone", async () => {
    const { net, b } = pair();
    const runs = Array.from({ length: 1001 }, (_, i) => ({ node: `x${i}`, incarnation: "1" }));
    for (const [i, run] of runs.entries()) {
      b.links.take(batch(run, b.run, 1, i));
      b.links.send(run, numbered(i));
    }
    await net.time.advance(1);
    b.links.retain(never);
    b.got.length = 0;
    const lives: number[] = [];
    for (const run of [runs[0], runs[1000]]) {
      if (run === undefined) throw new Error("there is a run");
      b.links.take(batch(run, b.run, 1, 7));
      b.links.send(run, numbered(1));
      net.onSend = (payload) => void lives.push((JSON.parse(payload) as { l: number }).l);
      b.links.flush();
    }
    expect([b.got, lives]).toEqual([[7], [1, 2]]);
  });

  it("take nothing that was meant for another run", async () => {
    const { net, a, b, say } = pair();
    say(1);
    b.run = { node: "b", incarnation: "b2" };
    b.links.reset();
    await net.time.advance(3000);
    expect(b.got).toEqual([]);
    a.links.send(b.run, numbered(2));
    await net.time.advance(3000);
    expect(b.got).toEqual([2]);
  });

  it("hand over the rest when one envelope cannot be handled, or a payload cannot be read", async () => {
    const { net, a, b, say } = pair();
    b.links.take("{");
    say(1);
    a.links.send(b.run, { k: "bounce", ask: 1, shard: 1 });
    say(2);
    await net.time.advance(5);
    expect(b.got).toEqual([1, 2]);
    expect(net.lines.map(({ level }) => level)).toEqual(["warn", "error"]);
  });

  it("count only for peers that are there", async () => {
    const { net, a, b, say } = pair();
    say(1);
    await net.time.advance(5);
    a.links.retain((run) => run.node !== b.run.node);
    let sent = 0;
    net.fates = new Proxy([], { get: (_, key) => (key === "shift" ? () => (sent++, [1]) : undefined) });
    await net.time.advance(5000);
    expect(sent).toBe(0);
  });

  it("deliver exactly once and in order, or signal a gap, over a network that loses, doubles and delays", async () => {
    const fate = fc.oneof(
      { weight: 4, arbitrary: fc.constant([1]) },
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.tuple(fc.nat(400)) },
      { weight: 1, arbitrary: fc.tuple(fc.nat(50), fc.nat(1500)) },
    );
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant("say" as const), bytes: fc.nat(6000) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(700) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), sender: fc.boolean() }) },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant("burst" as const),
          count: fc.integer({ min: 200, max: 400 }),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { maxLength: 120 }),
        fc.array(step, { maxLength: 30 }),
        async (fates, steps) => {
          const { net, a, b, say } = pair();
          net.fates = [...fates];
          let id = 0;
          for (const next of steps) {
            if (next.do === "say") say(++id, next.bytes);
            else if (next.do === "wait") await net.time.advance(next.ms);
            else if (next.do === "forget") (next.sender ? a : b).links.retain(never);
            else
              for (let i = 0; i < next.count; i++) {
                say(++id);
                await net.time.advance(1);
              }
          }
          net.fates = [];
          await net.time.advance(5000);
          say(++id);
          await net.time.advance(5000);
          let last = 0;
          let gaps = false;
          for (const got of b.got) {
            if (got === gap) gaps = true;
            else {
              expect(got).toBeGreaterThan(last);
              if (!gaps) expect(got).toBe(last + 1);
              gaps = false;
              last = got;
            }
          }
          expect(last).toBe(id);
        },
      ),
      { numRuns: 100 },
    );
  });
});
