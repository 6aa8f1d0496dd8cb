/**
 * The unconfirmed tells of one shard. Role: sends each after its commit, again with backoff and whenever the receiver's
 * shard changes hands, until the receiver confirms; then settles it in a later commit. Boundary: the host writes; the
 * receiver is idempotent. Invariant: a tell whose commit is durable reaches its receiver (no chat is forgotten), and
 * repeats stay behind live traffic: at most `paceMax` a sweep.
 */
import { fullJitterMs, type Random } from "../../base/random.ts";
import type { Stored, Write } from "../../store/store.ts";
import { decodeAddress, shardOf } from "../address.ts";
import type { Message } from "../messages.ts";
import type { ActorEnvelope } from "./envelope.ts";

interface Debt {
  readonly id: string;
  /** The receiver's encoded address. */
  readonly to: string;
  readonly toShard: number;
  readonly message: Message;
  attempts: number;
  dueAt: number;
}

/** What debts are made of. */
export interface DebtParts {
  readonly shard: number;
  readonly shards: number;
  readonly epoch: number;
  readonly random: Random;
  readonly now: () => number;
  readonly send: (envelope: ActorEnvelope) => void;
}

const paceMax = 200;
const retryBaseMs = 500;
const retryCapMs = 10_000;
/** Above this the shard takes no more commands: its receivers are away. */
const debtsMax = 20_000;

/** The obligations of one shard under one epoch. */
export class Debts {
  readonly #parts: DebtParts;
  readonly #debts = new Map<string, Debt>();
  readonly #byReceiver = new Map<string, Set<Debt>>();
  readonly #settled: Write[] = [];
  #made = 0;

  constructor(parts: DebtParts) {
    this.#parts = parts;
  }

  /** How many are unconfirmed. */
  get size(): number {
    return this.#debts.size;
  }

  /** Whether too many are unconfirmed. */
  get full(): boolean {
    return this.#debts.size > debtsMax;
  }

  /** An id that no other obligation of this shard has, in any epoch; ids sort by age. */
  nextId(): string {
    return `${this.#parts.epoch.toString(36).padStart(7, "0")}-${(this.#made++).toString(36).padStart(8, "0")}`;
  }

  /** The stored form. */
  encode(to: string, message: Message): string {
    return JSON.stringify({ to, message });
  }

  /** Its commit is durable: sends it now and keeps at it. */
  begin(id: string, to: string, message: Message): void {
    const debt = this.#add(id, to, message);
    if (debt !== undefined) this.#send(debt);
  }

  /** Takes up what an earlier owner left; sent paced, by the sweeps. */
  adopt(stored: readonly Stored[]): void {
    for (const { id, value } of stored) {
      const { to, message } = JSON.parse(value) as { to: string; message: Message };
      this.#add(id, to, message);
    }
  }

  /** The receiver has committed what came of it. */
  settle(id: string): void {
    const debt = this.#debts.get(id);
    if (debt === undefined) return;
    this.#debts.delete(id);
    const ofReceiver = this.#byReceiver.get(debt.to);
    ofReceiver?.delete(debt);
    if (ofReceiver?.size === 0) this.#byReceiver.delete(debt.to);
    this.#settled.push({ op: "settle", id });
  }

  /** The settled ones that no commit has taken along yet. */
  takeSettled(): Write[] {
    return this.#settled.splice(0);
  }

  /**
   * What this shard owes to one of its own actors, oldest first: an activation handles it before anything else. It counts
   * as sent.
   */
  owedTo(key: string): { readonly message: Message; readonly id: string }[] {
    const owed = [...(this.#byReceiver.get(key) ?? [])];
    for (const debt of owed) this.#postpone(debt);
    return owed;
  }

  /** Receivers in these shards have moved: their debts are due now. */
  hasten(shards: ReadonlySet<number>): void {
    for (const debt of this.#debts.values()) if (shards.has(debt.toShard)) debt.dueAt = this.#parts.now();
  }

  /** Sends again what is due. */
  sweep(): void {
    const now = this.#parts.now();
    let sent = 0;
    for (const debt of this.#debts.values()) {
      if (debt.dueAt > now) continue;
      this.#send(debt);
      if (++sent >= paceMax) return;
    }
  }

  #add(id: string, to: string, message: Message): Debt | undefined {
    const address = decodeAddress(to);
    if (address === undefined) return undefined;
    const toShard = shardOf(address, this.#parts.shards);
    const debt: Debt = { id, to, toShard, message, attempts: 0, dueAt: this.#parts.now() };
    this.#debts.set(id, debt);
    const ofReceiver = this.#byReceiver.get(to) ?? new Set<Debt>();
    ofReceiver.add(debt);
    this.#byReceiver.set(to, ofReceiver);
    return debt;
  }

  #send(debt: Debt): void {
    const { send, shard } = this.#parts;
    this.#postpone(debt);
    send({
      k: "actor",
      shard: debt.toShard,
      to: debt.to,
      message: debt.message,
      debt: { shard, id: debt.id },
    });
  }

  #postpone(debt: Debt): void {
    const { random, now } = this.#parts;
    debt.dueAt = now() + retryBaseMs + fullJitterMs(random, retryBaseMs, retryCapMs, debt.attempts++);
  }
}
