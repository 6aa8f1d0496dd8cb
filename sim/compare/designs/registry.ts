/**
 * A central registry that says which node holds which user (A, B): written when a user connects, deleted when a
 * connection ends, looked up for every message. Users connect to any node.
 *
 * Without the rule "delete only what is still mine" an old connection's late end deletes the entry of a new one, and the
 * user is offline for everybody though it is there. Writes carry no order in either version: of two connects that overtake
 * each other the later write wins. Assumed: the registry itself never fails; entries of nodes known to be dead count as
 * none. No acknowledgement, as in the sources.
 */
import type { Connection, Design, Message, Routing } from "../design.ts";
import type { Ground, GroundNode } from "../ground.ts";

interface Entry {
  readonly node: string;
  readonly connection: number;
}

class Registry implements Routing {
  readonly #ground: Ground;
  readonly #conditional: boolean;
  readonly #entries = new Map<number, Entry>();
  readonly #views = new WeakMap<GroundNode, ReadonlySet<string>>();

  constructor(ground: Ground, conditional: boolean) {
    this.#ground = ground;
    this.#conditional = conditional;
  }

  viewed(node: GroundNode, living: readonly string[]): void {
    this.#views.set(node, new Set(living));
  }

  opened(node: GroundNode, { id, user }: Connection): void {
    const entry = { node: node.name, connection: id };
    this.#ground.ask(node, `set ${user} ${id}`, () => void this.#entries.set(user, entry));
    this.#ground.takeKept(node, user, (kept) => kept.forEach((message) => this.#arrive(node, message)));
  }

  closed(node: GroundNode, { id, user }: Connection): void {
    this.#ground.ask(node, `delete ${user} ${id}`, () => {
      if (!this.#conditional || this.#entries.get(user)?.connection === id) this.#entries.delete(user);
    });
  }

  send(node: GroundNode, message: Message): void {
    this.#ground.ask(
      node,
      `get ${message.id}`,
      () => this.#entries.get(message.to)?.node,
      (holder) => {
        if (holder === undefined || this.#views.get(node)?.has(holder) === false)
          return this.#ground.keep(node, message);
        this.#ground.tell(node, holder, `m${message.id}`, (at) => this.#arrive(at, message), message);
      },
    );
  }

  #arrive(node: GroundNode, message: Message): void {
    if (!this.#ground.hand(node, message)) this.#ground.keep(node, message);
  }
}

/** The registry that deletes whatever is there. */
export const registry: Design = {
  name: "registry",
  about: "central registry, an end deletes the user's entry",
  acknowledges: false,
  begin: (ground) => new Registry(ground, false),
};

/** The registry that deletes only the own entry. */
export const registryConditional: Design = {
  name: "registry-conditional",
  about: "central registry, an end deletes only its own connection's entry",
  acknowledges: false,
  begin: (ground) => new Registry(ground, true),
};
