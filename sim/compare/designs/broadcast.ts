/**
 * Broadcast (D): every message goes to every node, and whoever holds the user delivers. Users connect to any node.
 *
 * Nobody knows that nobody holds the user, so nothing can be kept for later: what comes while a user is between two
 * connections is lost. Misrouted counts messages whose user was at no node, not the copies that the others throw away. No
 * acknowledgement, as in the sources.
 */
import type { Design, Message, Routing } from "../design.ts";
import type { Ground, GroundNode } from "../ground.ts";

class Broadcast implements Routing {
  readonly #ground: Ground;
  readonly #views = new WeakMap<GroundNode, readonly string[]>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  viewed(node: GroundNode, living: readonly string[]): void {
    this.#views.set(node, living);
  }

  opened(): void {
    // Nobody is told.
  }

  closed(): void {
    // Nobody is told.
  }

  send(node: GroundNode, message: Message): void {
    if (!this.#ground.anywhere(message.to)) this.#ground.measure.misrouted++;
    for (const name of this.#views.get(node) ?? [node.name])
      this.#ground.tell(node, name, `m${message.id}`, (at) => {
        const connection = at.connections.get(message.to);
        if (connection !== undefined) this.#ground.write(at, connection, message);
      });
  }
}

/** To all nodes. */
export const broadcast: Design = {
  name: "broadcast",
  about: "every message to every node",
  acknowledges: false,
  begin: (ground) => new Broadcast(ground),
};
