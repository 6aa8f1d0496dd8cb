/**
 * One ordered, gap-aware link per pair of node runs, over a transport that may lose. Role: numbers the batches that go
 * to each peer, keeps a short ring to send again, repeats the count every second, and on the other side delivers each
 * batch once and in order. Boundary: knows no actor and keeps nothing durable; when a loss is beyond the ring it says
 * so (`onGap`) and goes on, and those above ask again for what they need.
 * Invariants: per pair of runs, batches reach the handler in rising number, each at most once; a loss is never silent.
 */
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { NodeRun } from "../../placement/hosting.ts";
import type { Transport } from "../../transport/transport.ts";
import type { NodeEnvelope } from "./envelope.ts";

/** What travels: a numbered batch, the count so far, a request to repeat, or the word that a repeat is impossible. */
interface Wire {
  readonly from: string;
  readonly fi: string;
  readonly ti: string;
  /** Number of this batch; for a count: of the last batch sent. */
  readonly n: number;
  readonly e?: readonly NodeEnvelope[];
  /** Please repeat from this number on. */
  readonly again?: number;
  /** Everything up to this number is not to be had any more. */
  readonly gone?: number;
}

interface Outgoing {
  readonly run: NodeRun;
  readonly waiting: string[];
  waitingBytes: number;
  sent: number;
  readonly ring: { readonly n: number; readonly payload: string }[];
  ringBytes: number;
}

interface Incoming {
  readonly run: NodeRun;
  expected: number;
  readonly early: Map<number, readonly NodeEnvelope[]>;
  asked: number;
}

/** Called for what arrives, and for what is known to be lost. */
export interface LinkHandler {
  onEnvelopes(from: NodeRun, envelopes: readonly NodeEnvelope[]): void;
  onGap(from: NodeRun): void;
}

/** What links are made of. */
export interface LinkParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** This node's present run; a reborn node has a new incarnation. */
  readonly self: () => NodeRun;
  readonly handler: LinkHandler;
}

const ringBatches = 256;
const ringMaxBytes = 2 * 1024 * 1024;
const waitingMaxBytes = 8 * 1024 * 1024;
const earlyBatches = 256;
const countMs = 1000;
const askAgainMs = 200;

/** All links of one node. */
export class Links {
  readonly #parts: LinkParts;
  readonly #out = new Map<string, Outgoing>();
  readonly #in = new Map<string, Incoming>();
  readonly #dirty = new Set<Outgoing>();
  readonly #dropped;
  readonly #gaps;
  readonly #resent;
  #scheduled = false;
  #stopCounting = (): void => {};

  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.#dropped = parts.metrics.counter(
      "usher_link_dropped_total",
      "Envelopes dropped because a link was full",
    );
    this.#gaps = parts.metrics.counter("usher_link_gaps_total", "Losses on links that could not be repaired");
    this.#resent = parts.metrics.counter("usher_link_resent_total", "Batches that were sent again");
  }

  /** Begins to repeat the counts. */
  start(): void {
    this.#stopCounting = this.#parts.clock.every(countMs, () => this.#count());
  }

  /** Ends everything at once. */
  stop(): void {
    this.#stopCounting();
    this.reset();
  }

  /** Begins anew with every peer: this node is another run now. */
  reset(): void {
    this.#out.clear();
    this.#in.clear();
    this.#dirty.clear();
  }

  /** Queues one envelope; all that is queued in one turn goes as one batch. False when the link is full. */
  send(to: NodeRun, envelope: NodeEnvelope): boolean {
    const link = this.#outgoing(to);
    if (link.waitingBytes > waitingMaxBytes) {
      this.#dropped.add();
      return false;
    }
    const text = JSON.stringify(envelope);
    link.waiting.push(text);
    link.waitingBytes += text.length;
    this.#dirty.add(link);
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#parts.clock.soon(() => this.flush());
    }
    return true;
  }

  /** Sends what is queued now. */
  flush(): void {
    this.#scheduled = false;
    for (const link of this.#dirty) this.#flushLink(link);
    this.#dirty.clear();
  }

  /** Forgets the runs for which the test is false: they are gone for good. */
  retain(alive: (run: NodeRun) => boolean): void {
    for (const [key, link] of this.#out) if (!alive(link.run)) this.#out.delete(key);
    for (const [key, link] of this.#in) if (!alive(link.run)) this.#in.delete(key);
  }

  #outgoing(to: NodeRun): Outgoing {
    const key = `${to.node}/${to.incarnation}`;
    let link = this.#out.get(key);
    if (link === undefined) {
      link = { run: to, waiting: [], waitingBytes: 0, sent: 0, ring: [], ringBytes: 0 };
      this.#out.set(key, link);
    }
    return link;
  }

  #flushLink(link: Outgoing): void {
    const max = this.#parts.transport.maxPayloadBytes / 3;
    let start = 0;
    while (start < link.waiting.length) {
      let end = start;
      let size = 0;
      while (end < link.waiting.length && (end === start || size + (link.waiting[end]?.length ?? 0) < max)) {
        size += link.waiting[end]?.length ?? 0;
        end++;
      }
      link.sent++;
      const payload = `${this.#head(link, link.sent)},"e":[${link.waiting.slice(start, end).join(",")}]}`;
      link.ring.push({ n: link.sent, payload });
      link.ringBytes += payload.length;
      this.#parts.transport.send(link.run.node, payload);
      start = end;
    }
    link.waiting.length = 0;
    link.waitingBytes = 0;
    while (link.ring.length > ringBatches || (link.ringBytes > ringMaxBytes && link.ring.length > 1)) {
      link.ringBytes -= link.ring.shift()?.payload.length ?? 0;
    }
  }

  #head(link: { readonly run: NodeRun }, n: number): string {
    const { node, incarnation } = this.#parts.self();
    return `{"from":${JSON.stringify(node)},"fi":"${incarnation}","ti":"${link.run.incarnation}","n":${n}`;
  }

  /** Repeats the counts, so that a lost last batch is noticed as well. */
  #count(): void {
    for (const link of this.#out.values()) {
      if (link.sent > 0) this.#parts.transport.send(link.run.node, `${this.#head(link, link.sent)}}`);
    }
  }

  /** Takes what the transport brought for this node. */
  take(payload: string): void {
    const wire = JSON.parse(payload) as Wire;
    if (wire.ti !== this.#parts.self().incarnation) return;
    const run: NodeRun = { node: wire.from, incarnation: wire.fi };
    if (wire.again !== undefined) return this.#repeat(run, wire.again);
    const link = this.#incoming(run);
    if (wire.gone !== undefined) return this.#giveUp(link, wire.gone);
    if (wire.e === undefined) {
      if (wire.n >= link.expected) this.#askAgain(link);
      return;
    }
    if (wire.n < link.expected) return;
    if (wire.n > link.expected) {
      if (link.early.size < earlyBatches) link.early.set(wire.n, wire.e);
      this.#askAgain(link);
      return;
    }
    link.expected++;
    this.#parts.handler.onEnvelopes(run, wire.e);
    this.#takeEarly(link);
  }

  #incoming(run: NodeRun): Incoming {
    const key = `${run.node}/${run.incarnation}`;
    let link = this.#in.get(key);
    if (link === undefined) {
      link = { run, expected: 1, early: new Map(), asked: -Infinity };
      this.#in.set(key, link);
    }
    return link;
  }

  #takeEarly(link: Incoming): void {
    for (;;) {
      const envelopes = link.early.get(link.expected);
      if (envelopes === undefined) return;
      link.early.delete(link.expected);
      link.expected++;
      this.#parts.handler.onEnvelopes(link.run, envelopes);
    }
  }

  #askAgain(link: Incoming): void {
    const now = this.#parts.clock.now();
    if (now - link.asked < askAgainMs) return;
    link.asked = now;
    this.#parts.transport.send(link.run.node, `${this.#head(link, 0)},"again":${link.expected}}`);
  }

  #repeat(run: NodeRun, from: number): void {
    const link = this.#outgoing(run);
    const first = link.ring[0]?.n ?? link.sent + 1;
    if (from < first) this.#parts.transport.send(run.node, `${this.#head(link, 0)},"gone":${first - 1}}`);
    for (const { n, payload } of link.ring) {
      if (n < from) continue;
      this.#resent.add();
      this.#parts.transport.send(run.node, payload);
    }
  }

  #giveUp(link: Incoming, through: number): void {
    if (through < link.expected) return;
    this.#gaps.add();
    this.#parts.log.warn("link lost envelopes for good", {
      peer: link.run.node,
      from: link.expected,
      through,
    });
    link.expected = through + 1;
    for (const n of link.early.keys()) if (n <= through) link.early.delete(n);
    this.#parts.handler.onGap(link.run);
    this.#takeEarly(link);
  }
}
