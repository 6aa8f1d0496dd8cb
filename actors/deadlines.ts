/** When a connection ends if nothing comes before: handshake, heartbeats, token, drain. Times of the node's monotonic clock. */
import { closeCodes } from "../protocol/codes.ts";
import { limits } from "../protocol/limits.ts";

/** An end that is coming: `inMs` is below 0 when it should have come. */
export interface Deadline {
  readonly inMs: number;
  readonly code: number;
  readonly reason: string;
}

/** The deadlines of one connection. */
export class Deadlines {
  openedAt: number;
  #heardAt: number;
  #leaveAt = Infinity;
  /** When its token ends, by the wall clock; Infinity before there is one. */
  expiresAt = Infinity;

  constructor(now: number) {
    this.openedAt = now;
    this.#heardAt = now;
  }

  /** Whether it was asked to move. */
  get leaving(): boolean {
    return this.#leaveAt < Infinity;
  }

  /** It has to be gone then; false when it has to be sooner anyway. */
  leave(at: number): boolean {
    const sooner = at < this.#leaveAt;
    if (sooner) this.#leaveAt = at;
    return sooner;
  }

  /** Something came. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** Time in which nothing could be heard is not the client's. */
  forgive(ms: number): void {
    this.openedAt += ms;
    this.#heardAt += ms;
  }

  /** The one that comes first, at this stage of the handshake. */
  next(stage: "new" | "attaching" | "live", now: number, wall: number): Deadline {
    const { authMs, commandMs, heartbeatMs, heartbeatMisses } = limits;
    const attachAt = this.openedAt + authMs + 2 * commandMs;
    const silentAt = this.#heardAt + heartbeatMs * heartbeatMisses;
    let first: Deadline = {
      inMs: silentAt - now,
      code: closeCodes.missedHeartbeat,
      reason: "missed heartbeats",
    };
    const also = (inMs: number, code: number, reason: string): void => {
      if (inMs < first.inMs) first = { inMs, code, reason };
    };
    if (stage === "live") also(this.expiresAt - wall, closeCodes.tokenExpired, "token expired");
    else also(attachAt - now, closeCodes.unavailable, "attach took too long");
    if (stage === "new") also(this.openedAt + authMs - now, closeCodes.authTimeout, "no auth in time");
    also(this.#leaveAt - now, closeCodes.drain, "node is draining");
    return first;
  }
}
