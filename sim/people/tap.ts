/**
 * Watches one device's connections frame by frame. NoSkip holds on the wire itself, before the SDK can hide anything;
 * what stays unconfirmed may be pushed again, which the SDK has to hide. So does StormBounded for whom admission turns
 * away: told until when. Repeated commands and refusals are counted.
 */
import { SparseMap } from "../../base/sparse-map.ts";
import type { ClientSocket } from "../../client/environment.ts";
import { closeCodes } from "../../protocol/codes.ts";
import type { ClientFrame, ServerFrame } from "../../protocol/frames.ts";
import { Flights } from "./flights.ts";
import type { Heir } from "./heir.ts";
import { Wire, type OnViolation } from "./wire.ts";

/** What all devices of a run count; the wire's part by their taps. */
export interface WireTally {
  /** Command frames that were sent again, and acknowledged after that. */
  duplicates: number;
  /** Connections that ended before a welcome because the server said so. */
  refused: number;
  frames: number;
  /** Devices that are online now. */
  online: number;
  /** Events that devices saw, also again after a reset. */
  delivered: number;
  /** Milliseconds that the person waited for each acknowledged send, in the order of the acknowledgements. */
  readonly answers: number[];
  /** How many sends left when so many of their producer, with them, were unanswered on their connection. */
  readonly depths: number[];
  /** Pages that their customers closed. */
  pagesClosed: number;
}

/** Nothing counted yet. */
export function newTally(): WireTally {
  return {
    duplicates: 0,
    refused: 0,
    frames: 0,
    online: 0,
    delivered: 0,
    answers: [],
    depths: [],
    pagesClosed: 0,
  };
}

/** The taps of one device. */
export class Tap {
  readonly #tally: WireTally;
  readonly #onViolation: OnViolation;
  readonly #heir: Heir | undefined;
  /** How often each unanswered command was sent. */
  readonly #sent = new SparseMap<string, number>();

  /** @param heir of a page that follows others */
  constructor(tally: WireTally, onViolation: OnViolation, heir?: Heir) {
    this.#tally = tally;
    this.#heir = heir;
    this.#onViolation = onViolation;
  }

  /** Puts a watch before a socket. */
  watch(socket: ClientSocket): ClientSocket {
    const wire = new Wire(this.#onViolation, "allowed");
    const flights = new Flights();
    let welcomed = false;
    let waitMs = 0;
    const tapped: ClientSocket = {
      send: (text) => {
        if (text.startsWith(sendPrefix)) this.#noteSent(text, wire, flights);
        socket.send(text);
      },
      close: (code, reason) => socket.close(code, reason),
      onopen: () => {},
      onmessage: () => {},
      onclose: () => {},
    };
    socket.onopen = () => tapped.onopen();
    socket.onmessage = (text) => {
      this.#tally.frames++;
      const kind = text.slice(6, text.indexOf('"', 6));
      if (kind === "welcome") welcomed = true;
      if (kind === "err") waitMs = (JSON.parse(text) as { waitMs?: number }).waitMs ?? 0;
      const delivery = kind === "deliver" ? deliveryStart.exec(text) : null;
      if (delivery !== null) wire.deliver(delivery[1] ?? "", Number(delivery[2]), Number(delivery[3]));
      else if (watched.has(kind)) this.#noteReceived(JSON.parse(text) as ServerFrame, wire, flights);
      tapped.onmessage(text);
    };
    socket.onclose = (code, reason) => {
      if (!welcomed && code >= 4000) this.#tally.refused++;
      if (code === closeCodes.overload && waitMs <= 0)
        this.#onViolation("StormBounded", "turned away without a word on when to come back");
      tapped.onclose(code, reason);
    };
    return tapped;
  }

  #noteSent(text: string, wire: Wire, flights: Flights): void {
    const { p, n, conv, body } = JSON.parse(text) as Extract<ClientFrame, { t: "send" }>;
    if (body.kind === "text") this.#heir?.sends(p, n, body.text);
    const key = `${conv} ${p} ${n}`;
    wire.sends.add(key);
    const depth = flights.leave(p, n);
    this.#tally.depths[depth] = (this.#tally.depths[depth] ?? 0) + 1;
    this.#sent.set(key, (this.#sent.get(key) ?? 0) + 1);
  }

  #noteReceived(frame: ServerFrame, wire: Wire, flights: Flights): void {
    if (frame.t === "ack" || frame.t === "nack") {
      flights.land(frame);
      this.#heir?.hears(frame);
    }
    if (frame.t === "ack") {
      const key = `${frame.conv} ${frame.p} ${frame.n}`;
      const times = this.#sent.get(key);
      if (times === undefined && !wire.sends.has(key)) return;
      this.#tally.duplicates += (times ?? 1) - 1;
      this.#sent.delete(key);
    }
    wire.receive(frame);
  }
}

/** What the watch wants of a delivery: the SDK reads the rest. */
const deliveryStart = /^\{"t":"deliver","conv":"([^"\\]*)","seq":(\d+),"epoch":\d+,"prev":(\d+),/;
const sendPrefix = '{"t":"send"';
const watched: ReadonlySet<string> = new Set(["welcome", "conv", "deliver", "ack", "nack", "left"]);
