/**
 * The beginning of a served connection: follows everything the session names and everything the client holds a cursor
 * of, waits until each owner has answered, then tells the client in one go and starts the deliveries. What the client holds and
 * may read by its token alone is followed while the session is still asked: for a visitor both questions go to one owner.
 */
import type { Followed, Cursor, Recovery } from "../protocol/frames.ts";
import { isConversationId, isStaff, type ConversationId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { within } from "../base/clock.ts";
import { sessionId } from "./address.ts";
import type { ClientPort } from "./client-port.ts";
import type { Principal, SessionDescription } from "./messages.ts";
import { mayRead, mayReadByToken } from "./requests.ts";

const conversationsPerFrame = 100;

/** One `welcome` in the making. */
export class Welcome {
  readonly #connection: ClientPort;
  readonly #principal: Principal;
  #gen = 0;
  #description: SessionDescription = { follows: [] };
  readonly #cursors: Readonly<Record<string, Cursor>>;
  readonly #followed: Followed[] = [];
  readonly #starts: (() => void)[] = [];
  readonly #recovered: Record<string, Recovery> = {};

  private constructor(
    connection: ClientPort,
    principal: Principal,
    cursors: Readonly<Record<string, Cursor>>,
  ) {
    this.#connection = connection;
    this.#principal = principal;
    this.#cursors = cursors;
  }

  /** Follows what needs nobody's word; `gather` once the session has answered does the rest. */
  static begin(
    connection: ClientPort,
    principal: Principal,
    cursors: Readonly<Record<string, Cursor>>,
  ): Welcome {
    const open = Object.keys(cursors).filter(
      (conv): conv is ConversationId => isConversationId(conv) && mayReadByToken(principal, conv),
    );
    for (const conv of open.slice(0, limits.maxFollowed)) connection.subscriptions.begin(conv, cursors[conv]);
    return new Welcome(connection, principal, cursors);
  }

  /**
   * Follows and waits; false when an owner or the store did not answer in time.
   * @param gen of the attachment
   */
  async gather(gen: number, description: SessionDescription): Promise<boolean> {
    this.#gen = gen;
    this.#description = description;
    const done = await within(this.#connection.parts.clock, limits.commandMs, this.#gather());
    return done ?? false;
  }

  /** Tells the client and starts the deliveries. */
  send(): void {
    const { user, role } = this.#principal;
    const { parts, sessionShard } = this.#connection;
    const url = parts.urlOf(sessionShard);
    const pages = Math.max(1, Math.ceil(this.#followed.length / conversationsPerFrame));
    for (let page = 0; page < pages; page++) {
      this.#connection.frame({
        t: "welcome",
        session: sessionId(role, user),
        user,
        role,
        gen: this.#gen,
        limits: { maxInFlight: limits.maxInFlight, commandsPerSecond: parts.rate.perSecond },
        convs: this.#followed.slice(page * conversationsPerFrame, (page + 1) * conversationsPerFrame),
        more: page < pages - 1,
        recovered: page === 0 ? this.#recovered : {},
        ...(url === undefined ? {} : { url }),
      });
    }
    const { status } = this.#description;
    if (isStaff(role) && status !== undefined) this.#connection.frame({ t: "presence", ...status });
    for (const start of this.#starts) start();
  }

  /** What the session names comes first; of the cursors those are honoured that fit beside it. */
  async #gather(): Promise<boolean> {
    const named = this.#description.follows.map(({ conv }) => conv);
    const known = new Set<string>(named);
    const held = Object.keys(this.#cursors)
      .filter((conv): conv is ConversationId => isConversationId(conv) && !known.has(conv))
      .slice(0, limits.maxFollowed);
    const { parts } = this.#connection;
    const may = await Promise.all(held.map((conv) => mayRead(parts, this.#principal, conv)));
    if (may.includes(undefined)) return false;
    held.forEach((conv, i) => {
      if (may[i] !== true) this.#recovered[conv] = "left";
    });
    const wanted = [...named, ...held.filter((_, i) => may[i])].slice(0, limits.maxFollowed);
    this.#connection.subscriptions.keep(new Set(wanted));
    const done = await Promise.all(wanted.map((conv) => this.#follow(conv)));
    return done.every(Boolean);
  }

  async #follow(conv: ConversationId): Promise<boolean> {
    const { subscriptions } = this.#connection;
    const cursor = this.#cursors[conv];
    const subscription = subscriptions.get(conv) ?? subscriptions.begin(conv, cursor);
    if (subscription === undefined || !(await subscription.followed)) return false;
    const described = this.#description.follows.find((item) => item.conv === conv);
    const beginning = await subscription.begin(described, cursor);
    if (beginning === undefined) return false;
    this.#followed.push(beginning.frame);
    if (cursor !== undefined) this.#recovered[conv] = beginning.recovered;
    this.#starts.push(beginning.go);
    return true;
  }
}
