/**
 * One ordered, gap-aware link per pair of node runs, over a transport that may lose. Role: numbers the batches that go
 * to each peer, keeps a short ring to send again, repeats the count every second, and on the other side delivers each
 * batch once and in order. Boundary: knows no actor and keeps nothing durable; when a loss is beyond the ring it says
 * so (`onGap`) and goes on, and those above ask again for what they need.
 * Invariants: per life of a link, batches reach the handler in rising number, each at most once; a loss is never silent,
 * whatever its cause: the transport, a full link, a link that was given up and began anew.
 */
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { NodeRun } from "../../placement/hosting.ts";
import { runKey } from "../../placement/shard-table.ts";
import type { Transport } from "../../transport/transport.ts";
import type { NodeEnvelope } from "./envelope.ts";
import { decodeEnvelope, encodeEnvelope } from "./envelope-codec.ts";

/**
 * What travels: a numbered batch, a piece of one large envelope in the place of a batch, the count so far, a request to
 * repeat, or the word that a repeat is impossible.
 */
interface Wire {
  readonly from: string;
  readonly fi: string;
  readonly ti: string;
  /** The life of the link from `from`: a later one begins at 1 again. */
  readonly l: number;
  /** Number of this batch; for a count: of the last batch sent. */
  readonly n: number;
  /** The envelopes, each as `encodeEnvelope` writes it. */
  readonly e?: readonly unknown[];
  /** Piece number `i` of `of`, starting with 0. */
  readonly piece?: { readonly i: number; readonly of: number; readonly text: string };
  /** Please repeat from this number on, in the life `life` of your link. */
  readonly again?: number;
  readonly life?: number;
  /** Everything up to this number is not to be had any more. */
  readonly gone?: number;
}

interface Outgoing {
  readonly run: NodeRun;
  readonly life: number;
  /** What this turn has queued. */
  readonly waiting: string[];
  waitingBytes: number;
  sent: number;
  ring: { readonly n: number; readonly payload: string }[];
  ringBytes: number;
  /** Something was refused since the last flush: the peer must hear of a loss. */
  refused: boolean;
}

interface Incoming {
  readonly run: NodeRun;
  readonly life: number;
  expected: number;
  readonly early: Map<number, Wire>;
  readonly pieces: string[];
  asked: number;
}

/** Called for what arrives, and for what is known to be lost. */
export interface LinkHandler {
  onEnvelope(from: NodeRun, envelope: NodeEnvelope): void;
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

/** Room for what stands around the envelopes in a payload. */
const headBytes = 512;
const ringBatches = 256;
const ringMaxBytes = 2 * 1024 * 1024;
/** What one turn may queue for a peer. */
const waitingMaxBytes = 8 * 1024 * 1024;
const earlyBatches = 256;
const countMs = 1000;
const askAgainMs = 200;
/** Runs that are gone and of which something is still known. */
const rememberedRuns = 1000;

/** All links of one node. */
export class Links {
  readonly #parts: LinkParts;
  readonly #out = new Map<string, Outgoing>();
  readonly #in = new Map<string, Incoming>();
  /** The last life of links that were given up, the newest last. */
  readonly #ended = new Map<string, number>();
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
    this.#ended.clear();
    this.#dirty.clear();
  }

  /**
   * Queues one envelope; all that is queued in one turn goes as one batch. False when one turn has queued too much already:
   * then it is lost, and so that the loss is not silent the peer hears of a gap, except for an ask, whose asker is told.
   * Nothing here waits for a slow peer: what it has not taken yet is the transport's, and beyond the ring a gap.
   */
  send(to: NodeRun, envelope: NodeEnvelope): boolean {
    const link = this.#outgoing(to);
    if (link.waitingBytes > waitingMaxBytes) {
      this.#dropped.add();
      if (envelope.k !== "ask") link.refused = true;
      return false;
    }
    const text = encodeEnvelope(envelope);
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

  /**
   * Gives links up whose run is gone. How far they were stays known for the newest of them, since who is held for gone may
   * yet be there: a link that began at 1 again would be ignored by its receiver, or be believed twice here.
   */
  retain(alive: (run: NodeRun) => boolean): void {
    for (const [key, link] of this.#out) {
      if (alive(link.run)) continue;
      this.#out.delete(key);
      this.#ended.delete(key);
      this.#ended.set(key, link.life);
    }
    for (const key of beyond(this.#ended)) this.#ended.delete(key);
    const gone = new Map([...this.#in].filter(([, { run }]) => !alive(run)));
    for (const key of beyond(gone)) this.#in.delete(key);
    for (const link of gone.values()) {
      link.early.clear();
      // A part of an envelope would have to be had again.
      link.expected -= link.pieces.splice(0).length;
    }
  }

  #outgoing(to: NodeRun): Outgoing {
    const key = runKey(to);
    let link = this.#out.get(key);
    if (link === undefined) {
      const life = (this.#ended.get(key) ?? 0) + 1;
      link = { run: to, life, waiting: [], waitingBytes: 0, sent: 0, ring: [], ringBytes: 0, refused: false };
      this.#out.set(key, link);
    }
    return link;
  }

  #flushLink(link: Outgoing): void {
    // A character of JSON takes at most three bytes.
    const max = Math.floor((this.#parts.transport.maxPayloadBytes - headBytes) / 3);
    let batch: string[] = [];
    let size = 0;
    const send = (): void => {
      if (batch.length > 0) this.#transmit(link, `"e":[${batch.join(",")}]`);
      batch = [];
      size = 0;
    };
    for (const text of link.waiting) {
      if (size + text.length + 1 > max) send();
      if (text.length + 1 > max) this.#transmitPieces(link, text, max);
      else {
        batch.push(text);
        size += text.length + 1;
      }
    }
    send();
    link.waiting.length = 0;
    link.waitingBytes = 0;
    while (link.ring.length > ringBatches || (link.ringBytes > ringMaxBytes && link.ring.length > 1)) {
      link.ringBytes -= link.ring.shift()?.payload.length ?? 0;
    }
    if (link.refused) {
      link.refused = false;
      link.sent++;
      link.ring = [];
      link.ringBytes = 0;
    }
  }

  #transmit(link: Outgoing, content: string): void {
    link.sent++;
    const payload = `${this.#head(link, link.sent)},${content}}`;
    link.ring.push({ n: link.sent, payload });
    link.ringBytes += payload.length;
    this.#parts.transport.send(link.run.node, payload);
  }

  /** An envelope that no payload can hold; the other side joins the pieces. */
  #transmitPieces(link: Outgoing, text: string, max: number): void {
    const of = Math.ceil(text.length / max);
    for (let i = 0; i < of; i++) {
      const piece = { i, of, text: text.slice(i * max, (i + 1) * max) };
      this.#transmit(link, `"piece":${JSON.stringify(piece)}`);
    }
  }

  #head(link: Outgoing | Incoming, n: number): string {
    const { node, incarnation } = this.#parts.self();
    const { run, life } = link;
    return `{"from":${JSON.stringify(node)},"fi":"${incarnation}","ti":"${run.incarnation}","l":${life},"n":${n}`;
  }

  /** Repeats the counts, so that a lost last batch is noticed as well. */
  #count(): void {
    for (const link of this.#out.values()) {
      if (link.sent > 0) this.#parts.transport.send(link.run.node, `${this.#head(link, link.sent)}}`);
    }
  }

  /** Takes what the transport brought for this node. */
  take(payload: string): void {
    const wire = this.#parse(payload);
    if (wire?.ti !== this.#parts.self().incarnation) return;
    const run: NodeRun = { node: wire.from, incarnation: wire.fi };
    if (wire.again !== undefined) return this.#repeat(run, wire.again, wire.life ?? 0);
    const link = this.#incoming(run, wire.l);
    if (link === undefined) return;
    if (wire.gone !== undefined) return this.#giveUp(link, wire.gone);
    if (wire.e === undefined && wire.piece === undefined) {
      if (wire.n >= link.expected) this.#askAgain(link);
      return;
    }
    if (wire.n < link.expected) return;
    if (wire.n > link.expected) {
      if (link.early.size < earlyBatches) link.early.set(wire.n, wire);
      this.#askAgain(link);
      return;
    }
    link.expected++;
    this.#deliver(link, wire);
    this.#takeEarly(link);
  }

  #parse(payload: string): Wire | undefined {
    try {
      return JSON.parse(payload) as Wire;
    } catch {
      this.#parts.log.warn("a payload is not readable", { bytes: payload.length });
      return undefined;
    }
  }

  /** The link on which this life of the peer's arrives; undefined for a life that is over. */
  #incoming(run: NodeRun, life: number): Incoming | undefined {
    const key = runKey(run);
    const known = this.#in.get(key);
    if (known !== undefined && known.life >= life) return known.life === life ? known : undefined;
    const link: Incoming = { run, life, expected: 1, early: new Map(), pieces: [], asked: -Infinity };
    this.#in.set(key, link);
    // Whatever an earlier life carried, seen here or not, may be lost.
    if (life > 1) this.#gap(link);
    return link;
  }

  #deliver(link: Incoming, { e, piece }: Wire): void {
    if (piece === undefined) {
      link.pieces.length = 0;
      for (const envelope of e ?? []) this.#hand(link.run, envelope);
      return;
    }
    // After a gap the rest of an envelope whose beginning was lost arrives, and stays too short.
    if (piece.i === 0) link.pieces.length = 0;
    link.pieces.push(piece.text);
    if (link.pieces.length < piece.of) return;
    this.#hand(link.run, JSON.parse(link.pieces.splice(0).join("")));
  }

  /** What one envelope breaks must not take the next ones along. */
  #hand(from: NodeRun, encoded: unknown): void {
    let kind: NodeEnvelope["k"] | undefined;
    try {
      const envelope = decodeEnvelope(encoded);
      kind = envelope.k;
      this.#parts.handler.onEnvelope(from, envelope);
    } catch (error) {
      this.#parts.log.error("an envelope could not be handled", {
        peer: from.node,
        kind,
        error: messageOf(error),
      });
    }
  }

  #takeEarly(link: Incoming): void {
    for (;;) {
      const wire = link.early.get(link.expected);
      if (wire === undefined) return;
      link.early.delete(link.expected);
      link.expected++;
      this.#deliver(link, wire);
    }
  }

  #askAgain(link: Incoming): void {
    const now = this.#parts.clock.now();
    if (now - link.asked < askAgainMs) return;
    link.asked = now;
    this.#parts.transport.send(
      link.run.node,
      `${this.#head(link, 0)},"again":${link.expected},"life":${link.life}}`,
    );
  }

  #repeat(run: NodeRun, from: number, life: number): void {
    const link = this.#outgoing(run);
    if (link.life !== life) {
      // The peer waits for a link that was given up meanwhile: the count tells it that another has begun.
      this.#parts.transport.send(run.node, `${this.#head(link, link.sent)}}`);
      return;
    }
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
    link.expected = through + 1;
    link.pieces.length = 0;
    for (const n of link.early.keys()) if (n <= through) link.early.delete(n);
    this.#gap(link);
    this.#takeEarly(link);
  }

  #gap({ run, expected }: Incoming): void {
    this.#gaps.add();
    this.#parts.log.warn("link lost envelopes for good", { peer: run.node, before: expected });
    this.#parts.handler.onGap(run);
  }
}

/** The oldest keys, those beyond the number of runs that are remembered. */
function beyond(runs: ReadonlyMap<string, unknown>): readonly string[] {
  return [...runs.keys()].slice(0, Math.max(0, runs.size - rememberedRuns));
}
