/**
 * A single master (D): the longest living node knows who is where and passes every message on. Users connect to any
 * node; nodes report connects and ends to the master.
 *
 * When the master dies, nothing is routed until the nodes know it; then the next one is told by all who they hold.
 * Assumed in its favour: ends delete only their own connection's entry, the report after a failover is one message for
 * each node, and nobody has to be elected. What it is told last holds: a new master that hears of the remains of a connection after
 * the new one believes in the remains. No acknowledgement, as in the sources.
 */
import type { Connection, Design, Message, Routing } from "../design.ts";
import type { Ground, GroundNode } from "../ground.ts";

interface Entry {
  readonly node: string;
  readonly connection: number;
}

interface View {
  readonly master: string;
  readonly living: ReadonlySet<string>;
}

class SingleMaster implements Routing {
  readonly #ground: Ground;
  readonly #views = new WeakMap<GroundNode, View>();
  /** What a node knows as master; it begins with nothing. */
  readonly #entries = new WeakMap<GroundNode, Map<number, Entry>>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  viewed(node: GroundNode, living: readonly string[]): void {
    const before = this.#views.get(node)?.master;
    const master = living[0] ?? node.name;
    this.#views.set(node, { master, living: new Set(living) });
    const held = [...node.connections.values()];
    if (before !== master && held.length > 0) this.#report(node, master, held);
  }

  opened(node: GroundNode, connection: Connection): void {
    this.#report(node, this.#masterOf(node), [connection]);
  }

  closed(node: GroundNode, { id, user }: Connection): void {
    this.#ground.tell(node, this.#masterOf(node), `gone ${id}`, (master) => {
      const entries = this.#entriesOf(master);
      if (entries.get(user)?.connection === id) entries.delete(user);
    });
  }

  send(node: GroundNode, message: Message): void {
    const pass = (master: GroundNode): void => this.#pass(master, message);
    this.#ground.tell(node, this.#masterOf(node), `m${message.id}`, pass, message);
  }

  #report(node: GroundNode, to: string, held: readonly Connection[]): void {
    this.#ground.tell(node, to, `here ${held.length} ${held[0]?.id}`, (master) => {
      const entries = this.#entriesOf(master);
      for (const { id, user } of held) {
        entries.set(user, { node: node.name, connection: id });
        this.#ground.takeKept(master, user, (kept) => kept.forEach((message) => this.#pass(master, message)));
      }
    });
  }

  #pass(master: GroundNode, message: Message): void {
    const holder = this.#entriesOf(master).get(message.to)?.node;
    if (holder === undefined || this.#views.get(master)?.living.has(holder) === false)
      return this.#ground.keep(master, message);
    const arrive = (at: GroundNode): void => {
      if (!this.#ground.hand(at, message)) this.#ground.keep(at, message);
    };
    this.#ground.tell(master, holder, `p${message.id}`, arrive, message);
  }

  #masterOf(node: GroundNode): string {
    return this.#views.get(node)?.master ?? node.name;
  }

  #entriesOf(node: GroundNode): Map<number, Entry> {
    const entries = this.#entries.get(node) ?? new Map<number, Entry>();
    this.#entries.set(node, entries);
    return entries;
  }
}

/** Everything through one node. */
export const master: Design = {
  name: "master",
  about: "one master knows where everybody is and passes every message on",
  acknowledges: false,
  begin: (ground) => new SingleMaster(ground),
};
