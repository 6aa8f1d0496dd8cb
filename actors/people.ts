import { SparseMap } from "../base/sparse-map.ts";
import { isStaff, type Role, type UserId } from "../protocol/ids.ts";
import { sessionId, type Address } from "./address.ts";
import type { Need } from "./behavior.ts";
import { readKey } from "./read-key.ts";

/** One person, as a conversation's records name them. */
export interface Person {
  /** The session id: `v.<visitor>` or `a.<staff>`. */
  readonly who: string;
  /** The kept record of how far they have read. */
  readonly readKey: string;
  /** What has to be loaded before they speak or read: in a support conversation, and in a group. */
  readonly needs: readonly Need[];
  readonly needsInGroup: readonly Need[];
}

/** Whoever speaks will speak again; more than this speak at once only in groups of thousands. */
const knownMax = 64;

/** The names of those who spoke or read lately, so that not every message puts them together anew. */
export class People {
  readonly #conversation: Address;
  readonly #visitors = new SparseMap<string, Person>();
  readonly #staff = new SparseMap<string, Person>();

  constructor(conversation: Address) {
    this.#conversation = conversation;
  }

  /** That person, in this conversation. */
  get(role: Role, user: UserId): Person {
    const known = isStaff(role) ? this.#staff : this.#visitors;
    const found = known.get(user);
    if (found !== undefined) return found;
    const who = sessionId(role, user);
    const key = readKey(this.#conversation, who);
    const mark = { kept: key };
    const person = { who, readKey: key, needs: [mark], needsInGroup: [mark, { member: who }] };
    if (known.size >= knownMax) known.clear();
    known.set(user, person);
    return person;
  }
}
