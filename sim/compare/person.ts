/**
 * One user with one device, the same for every design: connects, comes back with the SDK's own backoff
 * (client/reconnect.ts), keeps what it wants to say while it is offline. Where a design acknowledges, also what was not
 * acknowledged.
 */
import { Reconnect } from "../../client/reconnect.ts";
import { Stream } from "../world/chance.ts";
import type { Connection, Message } from "./design.ts";
import type { Ground, GroundNode } from "./ground.ts";

/** How a connection that simply broke is called. */
const broken = 1006;
/** A system that tells of a new network lets the SDK connect at once; that soon. */
const wakeMs = 60;

/** One user. */
export class Person {
  readonly user: number;
  readonly #ground: Ground;
  readonly #acknowledges: boolean;
  readonly #reconnect: Reconnect;
  readonly #outbox: Message[] = [];
  readonly #unacknowledged = new Map<number, Message>();
  #attempt = 0;
  /** Where the present attempt went. */
  #node: GroundNode | undefined;
  #connection: Connection | undefined;

  constructor(ground: Ground, user: number, acknowledges: boolean) {
    this.#ground = ground;
    this.user = user;
    this.#acknowledges = acknowledges;
    const chance = new Stream(ground.storm.seed, `compare/backoff/${user}`);
    this.#reconnect = new Reconnect(() => chance.next());
  }

  /** The number of the present attempt. */
  get attempt(): number {
    return this.#attempt;
  }

  /** Tries to connect. */
  connect(): void {
    this.#node = undefined;
    this.#connection = undefined;
    this.#ground.dial(this, ++this.#attempt);
  }

  /** The present attempt goes to that node. */
  goesTo(node: GroundNode): void {
    this.#node = node;
  }

  /** The node welcomes us. */
  welcomed(node: GroundNode, connection: Connection): void {
    if (connection.attempt !== this.#attempt || !connection.live) return;
    this.#node = node;
    this.#connection = connection;
    this.#reconnect.connected(this.#ground.now);
    for (const message of this.#unacknowledged.values()) this.#ground.transmit(node, connection, message);
    for (const message of this.#outbox.splice(0)) this.say(message);
  }

  /** The present attempt or connection ended. */
  lost(attempt: number, code = broken): void {
    if (attempt !== this.#attempt) return;
    if (this.#connection !== undefined) this.#connection.live = false;
    this.#connection = undefined;
    this.#node = undefined;
    const decision = this.#reconnect.closed(this.#ground.now, code);
    if (decision.kind === "wait") this.#later(decision.ms);
  }

  /** A node died: whoever was there, or on the way there, hears it. */
  died(node: GroundNode): void {
    if (this.#node === node) this.lost(this.#attempt);
  }

  /** Its network changes: what it had is gone, its node finds out after `noticeMs`. */
  changeNetwork(noticeMs: number): void {
    const [node, connection] = [this.#node, this.#connection];
    if (connection !== undefined) connection.live = false;
    if (node !== undefined && connection !== undefined) this.#ground.notice(node, connection, noticeMs);
    this.#attempt++;
    this.#connection = undefined;
    this.#node = undefined;
    this.#later(wakeMs);
  }

  /** Says something, now or when it is online again. */
  say(message: Message): void {
    const [node, connection] = [this.#node, this.#connection];
    if (node === undefined || connection === undefined) return void this.#outbox.push(message);
    if (this.#acknowledges) this.#unacknowledged.set(message.id, message);
    this.#ground.transmit(node, connection, message);
  }

  /** What was said is safe. */
  acknowledged(message: Message): void {
    this.#unacknowledged.delete(message.id);
  }

  #later(ms: number): void {
    const attempt = this.#attempt;
    this.#ground.later(ms, () => {
      if (attempt === this.#attempt) this.connect();
    });
  }
}
