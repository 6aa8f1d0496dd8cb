/**
 * Messages without an answer, kept for the next page: what a closed one left passes to another of the same person.
 *
 * Role: writes down what the outbox holds, and brings it what other loads of the SDK have left. Boundary: numbers and
 * sending are the outbox's; the shelf decides who holds a record. Invariants: only who holds a record sends what is in it,
 * under the producer and numbers that it had (NoDupEffect); a record goes when its last message is answered, so that
 * a page that ends at any moment loses none (NoLostAck); one that was given up on purpose leaves none.
 */
import { isConversationId, isId } from "../protocol/ids.ts";
import { faultOf, isCount } from "./check.ts";
import { attempted, type Cancel, type Environment, type Shelf } from "./environment.ts";
import type { CommandBody } from "./lane.ts";
import type { Outbox, Unsent } from "./outbox.ts";

/** What older pages left is too old to be sent: nobody expects it any more. */
const keptMs = 7 * 24 * 3600_000;
/** Room of one record: a page's storage is small, and each message writes it anew. */
const maxUnits = 64 * 1024;
/** Records that one load takes over. */
const maxAdopted = 32;

/** See the file's head. */
export class Leftovers {
  readonly #shelf: Shelf;
  readonly #environment: Environment;
  readonly #outbox: Outbox;
  /** Sends what was taken over. */
  readonly #resume: () => void;
  readonly #own: string;
  /** Whose messages these are; undefined before the first welcome. */
  #person: string | undefined;
  /** What lets go of each record that is held; `#own` among them as soon as it is. */
  readonly #held = new Map<string, Cancel>();
  readonly #saved = new Map<string, string>();
  #changes = 0;
  #stopped = false;

  constructor(shelf: Shelf, environment: Environment, outbox: Outbox, resume: () => void) {
    this.#shelf = shelf;
    this.#environment = environment;
    this.#outbox = outbox;
    this.#resume = resume;
    this.#own = environment.id();
  }

  /** The server says who this is: takes over what is left of them, and keeps what they say from now on. */
  async welcomed(person: string): Promise<void> {
    this.#person = person;
    if (!this.#held.has(this.#own)) await this.#hold(this.#own);
    this.#changes = -1;
    this.save();
    for (const name of attempted(() => this.#shelf.names()) ?? []) {
      if (this.#held.size > maxAdopted) return;
      if (!this.#held.has(name) && (await this.#hold(name))) this.#takeOver(name, person);
    }
  }

  /** Writes down what the outbox holds now, if that has changed. Where there is no room, what was written before stays. */
  save(): void {
    if (this.#changes === this.#outbox.changes) return;
    this.#changes = this.#outbox.changes;
    for (const name of this.#held.keys()) attempted(() => this.#write(name));
  }

  /** The application has given up, and was told that nothing more is sent. */
  stop(): void {
    this.#stopped = true;
    for (const name of this.#held.keys()) this.#letGo(name, true);
  }

  #write(name: string): void {
    const lanes = this.#outbox.unsent(this.#environment.wall(), name === this.#own ? undefined : name);
    const text = lanes.length === 0 ? undefined : encode(this.#person ?? "", lanes);
    if (text === this.#saved.get(name)) return;
    if (text === undefined) {
      this.#shelf.remove(name);
      this.#saved.delete(name);
    } else {
      this.#shelf.write(name, text);
      this.#saved.set(name, text);
    }
  }

  async #hold(name: string): Promise<boolean> {
    const letGo = await attempted(() => this.#shelf.hold(name))?.catch(() => undefined);
    if (letGo === undefined) return false;
    this.#held.set(name, letGo);
    if (this.#stopped) this.#letGo(name, false);
    return !this.#stopped;
  }

  #letGo(name: string, remove: boolean): void {
    if (remove) attempted(() => this.#shelf.remove(name));
    this.#held.get(name)?.();
    this.#held.delete(name);
  }

  /** Another person's record waits for them, unless it is too old. */
  #takeOver(name: string, person: string): void {
    const text = attempted(() => this.#shelf.read(name));
    const left = text === undefined ? undefined : decode(text);
    const oldest = this.#environment.wall() - keptMs;
    const fresh = left?.lanes.filter(({ at }) => at > oldest) ?? [];
    if (left?.person !== person || fresh.length === 0) return this.#letGo(name, fresh.length === 0);
    this.#outbox.adopt(name, fresh);
    this.#resume();
  }
}

/** As many of the first messages of each producer as there is room for: later ones alone would be out of order. */
function encode(person: string, lanes: readonly Unsent[]): string {
  let room = maxUnits;
  const kept = lanes.map((lane) => {
    const fits = lane.entries.findIndex((entry) => (room -= JSON.stringify(entry).length) < 0);
    return fits < 0 ? lane : { ...lane, entries: lane.entries.slice(0, fits) };
  });
  return JSON.stringify({ person, lanes: kept.filter(({ entries }) => entries.length > 0) });
}

/** Undefined for what is no record of ours: other code of the page can write there, too. */
function decode(text: string): { person: string; lanes: readonly Unsent[] } | undefined {
  try {
    const { person, lanes } = JSON.parse(text) as { person: string; lanes: readonly Unsent[] };
    return typeof person === "string" && lanes.every(isUnsent) ? { person, lanes } : undefined;
  } catch {
    return undefined;
  }
}

function isUnsent({ target, producer, after, at, entries }: Unsent): boolean {
  if (!isConversationId(target) || !isId(producer) || !isCount(after) || !Number.isFinite(at)) return false;
  let last = after;
  return entries.every(({ n, since, body }) => {
    const follows = isCount(n) && n > last;
    last = n;
    return follows && isCount(since) && isMessage(body, target);
  });
}

function isMessage(body: CommandBody, target: string): boolean {
  if (body.t !== "send" && body.t !== "note") return false;
  return body.conv === target && faultOf(body) === undefined;
}
