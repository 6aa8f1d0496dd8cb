/**
 * One connection: a socket from its opening to its end.
 *
 * Role: shakes hands (hello, auth), decodes frames, keeps the heartbeat. Boundary: knows nothing of commands or
 * conversations; a new connection is a new Link. Invariants: after `closed` was called, or `end` by the owner, no late
 * event of the socket reaches the owner, so an old socket never touches its successor; each Link ends exactly once.
 */
import { closeCodes } from "../protocol/codes.ts";
import { limits } from "../protocol/limits.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { ClientFrame, ServerFrame } from "../protocol/frames.ts";
import type { Cancel, ClientSocket, Environment } from "./environment.ts";

/** What a Link tells its owner, and asks it. */
export interface LinkOwner {
  /** The `auth` frame of this connection. */
  auth(): ClientFrame;
  /** A frame after `hello`; `bytes` is about its size on the wire. */
  frame(frame: ServerFrame, bytes: number): void;
  /** The end, once. */
  closed(code: number, reason: string): void;
  /** When the oldest unanswered frame was sent on this connection. */
  unansweredSince(): number | undefined;
  /** Acknowledgements that ride on a ping or pong. */
  takeAcks(): Record<string, number> | undefined;
}

/** The code that the SDK reports for a connection that never came to be, or was lost without a word. */
export const lostCode = 1006;
const openMs = 12_000;
const welcomeMs = 20_000;

/** One connection. */
export class Link {
  readonly #environment: Environment;
  readonly #owner: LinkOwner;
  readonly #socket: ClientSocket | undefined;
  #over = false;
  #heartbeat: Heartbeat | undefined;
  #cancelDeadline: Cancel = () => {};
  #cancelBeat: Cancel = () => {};

  constructor(environment: Environment, url: string, owner: LinkOwner) {
    this.#environment = environment;
    this.#owner = owner;
    this.#expect(openMs, "the server did not say hello");
    this.#socket = this.#open(url);
  }

  /** Sends a frame, if the connection still stands. */
  send(frame: ClientFrame): void {
    if (!this.#over) this.#socket?.send(JSON.stringify(frame));
  }

  /** The server's welcome was complete: the handshake is over. */
  settle(): void {
    this.#cancelDeadline();
  }

  /** Sets the heartbeat's timer anew; call it when `unansweredSince` changed. */
  rearm(): void {
    this.#cancelBeat();
    if (this.#over || !this.#heartbeat) return;
    const at = this.#heartbeat.nextAt(this.#owner.unansweredSince());
    this.#cancelBeat = this.#environment.after(Math.max(0, at - this.#environment.now()), () => this.#beat());
  }

  /** Probes the line at once. */
  probe(): void {
    this.#heartbeat?.suspect(this.#environment.now());
    this.#beat();
  }

  /** Ends the connection and reports it to the owner as closed with that code. */
  fail(code: number, reason: string): void {
    if (this.#over) return;
    this.end(reason);
    this.#owner.closed(code, reason);
  }

  /** Ends the connection without a word to the owner. */
  end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelDeadline();
    this.#cancelBeat();
    this.#socket?.close(1000, reason);
  }

  #open(url: string): ClientSocket | undefined {
    try {
      const socket = this.#environment.openSocket(url, limits.subprotocol);
      return Object.assign(socket, {
        onmessage: (text: string) => this.#receive(text),
        onclose: (code: number, reason: string) => this.fail(code, reason),
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : "cannot open a socket";
      this.#environment.after(0, () => this.fail(lostCode, reason));
      return undefined;
    }
  }

  #receive(text: string): void {
    if (this.#over) return;
    const frame = decode(text);
    if (!frame) return this.fail(lostCode, "the server sent something that is no frame");
    this.#heartbeat?.heard(this.#environment.now());
    if (frame.t === "hello") return this.#greeted(frame.hb);
    if (frame.t === "ping") this.#sendWithAcks("pong");
    else if (frame.t !== "pong") this.#owner.frame(frame, text.length);
    this.rearm();
  }

  #greeted(periodMs: number): void {
    this.#heartbeat = new Heartbeat(periodMs, this.#environment.now(), this.#environment.random());
    this.#expect(welcomeMs, "the server did not welcome us");
    this.send(this.#owner.auth());
    this.rearm();
  }

  #beat(): void {
    if (this.#over || !this.#heartbeat) return;
    const verdict = this.#heartbeat.poll(this.#environment.now(), this.#owner.unansweredSince());
    if (verdict === "dead") return this.fail(closeCodes.missedHeartbeat, "the connection is dead");
    if (verdict === "ping") this.#sendWithAcks("ping");
    this.rearm();
  }

  #sendWithAcks(t: "ping" | "pong"): void {
    const acks = this.#owner.takeAcks();
    this.send(acks ? { t, acks } : { t });
  }

  #expect(withinMs: number, reason: string): void {
    this.#cancelDeadline();
    this.#cancelDeadline = this.#environment.after(withinMs, () => this.fail(lostCode, reason));
  }
}

function decode(text: string): ServerFrame | undefined {
  try {
    const frame: unknown = JSON.parse(text);
    const known = typeof frame === "object" && frame !== null && "t" in frame && typeof frame.t === "string";
    return known ? (frame as ServerFrame) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
