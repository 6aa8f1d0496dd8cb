/** What ties one connection to its session: who it is, by which device, and how the session's owner is asked and told. */
import { limits } from "../protocol/limits.ts";
import { encodeAddress, sessionAddress, shardOf, type Address } from "./address.ts";
import type { ConnectionParts } from "./client-port.ts";
import type { Principal } from "./messages.ts";
import type { AskReply } from "./runtime/envelope.ts";

/** Which connection it is. */
export interface Device {
  readonly conn: number;
  readonly device: string;
  /** Of one device's connections the one with the highest number holds. */
  readonly attempt: number;
}

/** See the file's head. */
export class SessionLink {
  readonly principal: Principal;
  readonly device: string;
  /** The shard of the session. */
  readonly shard: number;
  readonly #parts: ConnectionParts;
  readonly #conn: number;
  readonly #attempt: number;
  #asked = false;
  #left = false;

  constructor(parts: ConnectionParts, principal: Principal, { conn, device, attempt }: Device) {
    this.#parts = parts;
    this.principal = principal;
    this.device = device;
    this.#conn = conn;
    this.#attempt = attempt;
    this.shard = shardOf(this.#address(), parts.shards);
  }

  /** Asks to be the attached connection of its device; undefined when no owner answers in time. */
  async attach(): Promise<AskReply | undefined> {
    this.#asked = true;
    const [attempt, by] = [this.#attempt, this.principal];
    const reply = await this.#parts.ask({ k: "attach", ...this.#where(), attempt, by }, limits.commandMs);
    // An attach that waited for its owner can overtake the detach of a connection that closed meanwhile.
    // So can one whose answer did not come in time.
    if (this.#left && reply?.kind !== "superseded") this.detach();
    return reply;
  }

  /** The connection is gone: tells the session, if that may know of it. */
  detach(): void {
    this.#left = true;
    if (this.#asked) this.#parts.send({ k: "detach", ...this.#where() });
  }

  #where(): { shard: number; session: string; device: string; conn: number } {
    const session = encodeAddress(this.#address());
    return { shard: this.shard, session, device: this.device, conn: this.#conn };
  }

  #address(): Address {
    const { tenant, role, user } = this.principal;
    return sessionAddress(tenant, role, user);
  }
}
