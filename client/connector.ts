/**
 * Keeps one connection to the server for as long as the client lives.
 *
 * Role: tokens, the attempt number, the loop of connecting and coming back, drains. Boundary: what is said over the
 * connection belongs to `engine.ts`. Invariants: at most one Link is current, and only its events are passed on; the
 * attempt number rises with each `auth` of the device; after a stop nothing is opened any more.
 */
import { closeCodes, comeBack } from "../protocol/codes.ts";
import { isToken } from "./check.ts";
import { attempted, type Cancel, type Environment } from "./environment.ts";
import { Link, lostCode } from "./link.ts";
import { Reconnect } from "./reconnect.ts";
import type { ClientFrame, ServerFrame } from "../protocol/frames.ts";

/** The connection as an application may show it. */
export type ConnectionState =
  | { readonly state: "connecting" }
  | { readonly state: "online" }
  | { readonly state: "waiting"; readonly retryInMs: number; readonly code: number; readonly reason: string }
  | { readonly state: "stopped"; readonly code: number; readonly reason: string };

/** Where to connect, and as whom. */
export interface Endpoint {
  readonly url: string;
  readonly device: string;
  /** Called before each connection; a rejection counts as a failed attempt. */
  readonly getToken: () => string | Promise<string>;
  /** Whether `getToken` may give a better token next time. */
  readonly renewable: boolean;
}

/** What the connector tells its owner, and asks it. */
export interface ConnectorOwner {
  cursors(): Record<string, [number, number]>;
  frame(frame: ServerFrame, bytes: number): void;
  /** The current connection is gone; called before any waiting begins. */
  disconnected(): void;
  changed(state: ConnectionState): void;
  unansweredSince(): number | undefined;
  takeAcks(): Record<string, number> | undefined;
}

/** Pause between coming back twice because the device woke up; it doubles up to the cap and is forgotten after a calm. */
const wakeAgainMs = 250;
const wakeAgainCapMs = 5_000;
const wakeCalmMs = 6_000;
const badTokenTries = 2;
/** Time for the application to give a token. */
const tokenMs = 20_000;

/** The connection of one client. */
export class Connector {
  readonly #environment: Environment;
  readonly #endpoint: Endpoint;
  readonly #owner: ConnectorOwner;
  readonly #reconnect: Reconnect;
  #link: Link | undefined;
  /** Grows with each attempt: an answer to an older one is too late. */
  #generation = 0;
  #online = false;
  #stopped = false;
  #attempt = 0;
  #badTokens = 0;
  #waitMs: number | undefined;
  #preferredUrl: string | undefined;
  #cancelTimer: Cancel = () => {};
  #cancelDrain: Cancel = () => {};
  #cancelWake: Cancel = () => {};
  #wokeAt = Number.NEGATIVE_INFINITY;
  #wakeAgainMs = wakeAgainMs;
  /** It woke up during an attempt, which may have begun without a network. */
  #wokenMeanwhile = false;
  /** When the present wait is over; undefined while nothing is waited for. */
  #retryAt: number | undefined;

  constructor(environment: Environment, endpoint: Endpoint, owner: ConnectorOwner) {
    this.#environment = environment;
    this.#endpoint = endpoint;
    this.#owner = owner;
    this.#reconnect = new Reconnect(() => environment.random());
  }

  /** Whether the server has welcomed the present connection. */
  get online(): boolean {
    return this.#online;
  }

  /** Begins to connect. */
  start(): void {
    this.#cancelWake = this.#environment.onWake?.(() => this.#wake()) ?? this.#cancelWake;
    this.#connect();
  }

  /** Sends a frame on the present connection; dropped without one. */
  send(frame: ClientFrame): void {
    this.#link?.send(frame);
  }

  /** The last page of `welcome` was taken in; `url` is where the server would rather have us next time. */
  welcomed(url: string | undefined): void {
    if (this.#online || !this.#link) return;
    this.#online = true;
    this.#wokenMeanwhile = false;
    this.#badTokens = 0;
    this.#prefer(url);
    this.#link.settle();
    this.#reconnect.connected(this.#environment.now());
    this.#owner.changed({ state: "online" });
  }

  /** The server asks to come back in `afterMs`, at another address if it names one. */
  drain(afterMs: number, url: string | undefined): void {
    this.#cancelDrain();
    const generation = this.#generation;
    this.#cancelDrain = this.#environment.after(afterMs, () => {
      if (generation !== this.#generation || this.#stopped) return;
      this.#preferredUrl = undefined;
      this.#prefer(url);
      this.#dropLink("drained");
      this.#connect();
    });
  }

  /** A refusal without an id told how long to stay away, should the connection end now. */
  told(waitMs: number): void {
    this.#waitMs = waitMs;
  }

  /** What is unanswered has changed. */
  rearm(): void {
    this.#link?.rearm();
  }

  /** Gives the present connection up and comes back as if it had been closed with that code. */
  giveUp(code: number, reason: string): void {
    this.#link?.fail(code, reason);
  }

  /** Ends it for good. */
  stop(code: number, reason: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#generation += 1;
    this.#cancelTimer();
    this.#cancelWake();
    this.#dropLink(reason);
    this.#owner.changed({ state: "stopped", code, reason });
  }

  #connect(): void {
    this.#cancelTimer();
    this.#retryAt = undefined;
    this.#generation += 1;
    const generation = this.#generation;
    this.#waitMs = undefined;
    this.#wokenMeanwhile = false;
    this.#owner.changed({ state: "connecting" });
    if (this.#stopped || generation !== this.#generation) return;
    this.#cancelTimer = this.#environment.after(tokenMs, () => {
      // A token that comes later than that belongs to no attempt any more.
      this.#generation += 1;
      this.#wait(lostCode, "no token in time");
    });
    Promise.resolve()
      .then(() => this.#endpoint.getToken())
      .then(
        (token) => this.#open(generation, token),
        (error: unknown) => {
          if (generation !== this.#generation || this.#stopped) return;
          this.#cancelTimer();
          this.#wait(lostCode, error instanceof Error ? error.message : "no token");
        },
      );
  }

  #open(generation: number, token: string): void {
    if (generation !== this.#generation || this.#stopped) return;
    this.#cancelTimer();
    // The server would close the connection as malformed, for good.
    if (!isToken(token)) return this.#wait(closeCodes.badToken, "what was given is no token");
    const url = this.#preferredUrl ?? this.#endpoint.url;
    const current = (): boolean => generation === this.#generation && !this.#stopped;
    this.#link = new Link(this.#environment, url, {
      auth: () => ({
        t: "auth",
        token,
        device: this.#endpoint.device,
        attempt: this.#nextAttempt(),
        cursors: this.#owner.cursors(),
      }),
      frame: (frame, bytes) => {
        if (current()) this.#owner.frame(frame, bytes);
      },
      closed: (code, reason) => {
        if (current()) this.#closed(code, reason);
      },
      unansweredSince: () => this.#owner.unansweredSince(),
      takeAcks: () => this.#owner.takeAcks(),
    });
  }

  #closed(code: number, reason: string): void {
    if (!this.#online || comeBack(code) === "now") this.#preferredUrl = undefined;
    this.#dropLink(reason);
    this.#wait(code, reason);
  }

  #wait(code: number, reason: string): void {
    const badToken = code === closeCodes.badToken || code === closeCodes.tokenExpired;
    if (badToken) this.#badTokens += 1;
    const anyway = badToken && this.#endpoint.renewable && this.#badTokens <= badTokenTries;
    const decision = this.#reconnect.closed(this.#environment.now(), code, this.#waitMs, anyway);
    if (decision.kind === "stop") return this.stop(code, reason);
    const generation = this.#generation;
    this.#owner.changed({ state: "waiting", retryInMs: decision.ms, code, reason });
    if (this.#stopped || generation !== this.#generation) return;
    this.#retryAt = this.#environment.now() + decision.ms;
    this.#cancelTimer = this.#environment.after(decision.ms, () => this.#connect());
    if (this.#wokenMeanwhile) this.#wake();
  }

  #dropLink(reason: string): void {
    this.#cancelDrain();
    const link = this.#link;
    this.#link = undefined;
    this.#online = false;
    if (!link) return;
    link.end(reason);
    this.#owner.disconnected();
  }

  #wake(): void {
    if (this.#stopped) return;
    if (this.#link) {
      this.#wokenMeanwhile = !this.#online;
      return this.#link.probe();
    }
    if (this.#waitMs !== undefined) return;
    const now = this.#environment.now();
    const soonest = this.#wokeAt + this.#wakeAgainMs;
    if (now >= soonest) return this.#comeBack();
    // Woken again so soon, it does not wait out its backoff either: a phone often changes its network several times.
    if (this.#retryAt === undefined || this.#retryAt <= soonest) return;
    this.#retryAt = soonest;
    this.#cancelTimer();
    this.#cancelTimer = this.#environment.after(soonest - now, () => this.#comeBack());
  }

  #comeBack(): void {
    const now = this.#environment.now();
    const calm = now - this.#wokeAt >= wakeCalmMs;
    this.#wakeAgainMs = calm ? wakeAgainMs : Math.min(wakeAgainCapMs, 2 * this.#wakeAgainMs);
    if (calm) this.#reconnect.forget();
    this.#wokeAt = now;
    this.#connect();
  }

  #prefer(url: string | undefined): void {
    if (url !== undefined && schemeOf(url) === schemeOf(this.#endpoint.url)) this.#preferredUrl = url;
  }

  /** Rises also across restarts: above what was stored, or above the wall clock's milliseconds. */
  #nextAttempt(): number {
    const key = `usher.attempt.${this.#endpoint.device}`;
    const stored = Number(attempted(() => this.#environment.storage?.get(key)) ?? 0);
    const known = Number.isSafeInteger(stored) ? stored : 0;
    this.#attempt = Math.max(this.#attempt + 1, known + 1, Math.floor(this.#environment.wall()));
    attempted(() => this.#environment.storage?.set(key, String(this.#attempt)));
    return this.#attempt;
  }
}

function schemeOf(url: string): string {
  return url.slice(0, url.indexOf(":"));
}
