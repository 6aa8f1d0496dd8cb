/**
 * Routing by a function of the user and the list of living nodes (D: modulo and hash ring). The gateway sends a user to
 * its home, a message goes to its user's home, and when the list changes each node sends away whom it is no home to any more.
 *
 * Assumed: every node and the gateway compute with the list that they heard last; the home alone knows whether its user
 * is there; a node sends away who comes to it and belongs elsewhere (in its favour: else users whom the gateway sent by an
 * older list would sit at the wrong node until the next change). No acknowledgement, as in the sources.
 */
import type { Connection, Message, Routing } from "../design.ts";
import type { Ground, GroundNode } from "../ground.ts";

/** The home of a user among nodes that are sorted by name. */
export type Home = (user: number, sorted: readonly string[]) => string;

/** Hashed routing. */
export class Hashed implements Routing {
  readonly #ground: Ground;
  readonly #home: Home;
  readonly #views = new WeakMap<GroundNode, readonly string[]>();

  constructor(ground: Ground, home: Home) {
    this.#ground = ground;
    this.#home = home;
  }

  entrance(user: number, living: readonly string[]): string {
    return this.#home(user, living.toSorted(byNumber));
  }

  changed(before: readonly string[], after: readonly string[]): void {
    if (before.length === 0) return;
    const [old, now] = [before.toSorted(byNumber), after.toSorted(byNumber)];
    for (const { user } of this.#ground.people) {
      const was = this.#home(user, old);
      if (after.includes(was) && this.#home(user, now) !== was) this.#ground.measure.moved(1);
    }
  }

  viewed(node: GroundNode, living: readonly string[]): void {
    const sorted = living.toSorted(byNumber);
    this.#views.set(node, sorted);
    for (const connection of node.connections.values())
      if (this.#home(connection.user, sorted) !== node.name) this.#ground.sendAway(node, connection);
  }

  opened(node: GroundNode, connection: Connection): void {
    const { user } = connection;
    const view = this.#views.get(node);
    if (view !== undefined && this.#home(user, view) !== node.name)
      return this.#ground.sendAway(node, connection);
    this.#ground.takeKept(node, user, (kept) => kept.forEach((message) => this.#arrive(node, message)));
  }

  closed(): void {
    // The home looks at its own connections only.
  }

  send(node: GroundNode, message: Message): void {
    const view = this.#views.get(node);
    const home = view === undefined ? node.name : this.#home(message.to, view);
    this.#ground.tell(node, home, `m${message.id}`, (at) => this.#arrive(at, message), message);
  }

  #arrive(node: GroundNode, message: Message): void {
    if (!this.#ground.hand(node, message)) this.#ground.keep(node, message);
  }
}

function byNumber(a: string, b: string): number {
  return Number(a.slice(1)) - Number(b.slice(1));
}
