/**
 * What every design stands on, the same for all: nodes with processors, a bus between them, one shared service (registry
 * and inboxes), a gateway, users with devices. Role: carries, counts, kills. Boundary: where a message goes is the
 * design's business.
 *
 * Assumptions, for all designs: the bus loses nothing between living nodes, and what is sent to a dead node vanishes
 * unheard, as on a message broker. The gateway tries another node when one does not answer, except where the design
 * names the node. A node that finds no connection of a message's user may put the message into the user's inbox at the
 * shared service; a device's new connection empties it. So absence alone loses nothing, only believing the wrong thing does.
 */
import { Stream } from "../world/chance.ts";
import type { Process } from "../world/process.ts";
import { Way, type Distance } from "../world/way.ts";
import type { World } from "../world/world.ts";
import { Coordination } from "./coordination.ts";
import type { Connection, Design, Message, Routing } from "./design.ts";
import { Measure } from "./measure.ts";
import { Person } from "./person.ts";
import type { Storm } from "./storm.ts";

/** One run of one node. */
export interface GroundNode {
  readonly name: string;
  readonly process: Process;
  /** The connections that it believes in, by user; the newest of each. */
  readonly connections: Map<number, Connection>;
}

const near: Distance = { delayMs: 0.15, jitterMs: 0.1 };
const far: Distance = { delayMs: 12, jitterMs: 8 };
/** Sent away to another node: come back now, with jitter. */
const movedCode = 4201;

/** The ground of one design's storm. */
export class Ground {
  readonly world: World;
  readonly storm: Storm;
  readonly measure = new Measure();
  readonly people: readonly Person[];
  readonly #routing: Routing;
  readonly #clients: Process;
  readonly #service: Process;
  readonly #coordination: Coordination;
  readonly #nodes = new Map<string, GroundNode>();
  readonly #runs = new Map<string, number>();
  readonly #ways = new Map<string, Way>();
  readonly #inboxes = new Map<number, Message[]>();
  #gatewayKnows: readonly string[] = [];
  #connections = 0;

  constructor(world: World, storm: Storm, design: Design) {
    this.world = world;
    this.storm = storm;
    this.#clients = world.process("clients");
    this.#service = world.process("service");
    this.#coordination = new Coordination({
      seed: storm.seed,
      process: world.process("coordination"),
      onChange: (before, after) => this.#routing.changed?.(before, after),
      tell: (name, living) => {
        if (name === "gateway") this.#gatewayKnows = living;
        const node = this.#nodes.get(name);
        node?.process.at(this.now, () => this.#routing.viewed?.(node, living));
      },
    });
    this.#routing = design.begin(this);
    this.people = storm.arrivals.map((_, user) => new Person(this, user, design.acknowledges));
  }

  /** Virtual milliseconds. */
  get now(): number {
    return this.world.scheduler.now;
  }

  /** Runs it later, for nobody in particular. */
  later(ms: number, run: () => void): void {
    this.#clients.at(this.now + ms, run);
  }

  /** The node of that name, if it runs. */
  node(name: string): GroundNode | undefined {
    return this.#nodes.get(name);
  }

  /** Whether any node holds a connection with that user at its other end: for counting only, no node can know. */
  anywhere(user: number): boolean {
    for (const { connections } of this.#nodes.values()) if (connections.get(user)?.live === true) return true;
    return false;
  }

  /** Starts nodes. */
  start(names: readonly string[]): void {
    for (const name of names) {
      const run = (this.#runs.get(name) ?? 0) + 1;
      this.#runs.set(name, run);
      const node = { name, process: this.world.process(name, run), connections: new Map() };
      this.#nodes.set(name, node);
      node.process.enter(() => this.#routing.start?.(node));
    }
    this.#coordination.joined(names);
  }

  /** Ends nodes without a word; their kernels end their connections. */
  kill(names: readonly string[]): void {
    for (const name of names) {
      const node = this.#nodes.get(name);
      if (node === undefined) continue;
      node.process.kill();
      this.#nodes.delete(name);
      for (const person of this.people)
        this.#travel(`rst/${person.user}`, person.attempt, () => person.died(node));
    }
    this.#coordination.died(names);
  }

  /** From one node to another, over the bus, or to itself. `message`: what it carries for a user, if it does. */
  tell(from: GroundNode, to: string, what: string, run: (at: GroundNode) => void, message?: Message): void {
    const target = this.#nodes.get(to);
    if (target === from) return void from.process.at(this.now, () => run(from));
    const { batchMs } = this.world.costs;
    from.process.spend(batchMs);
    this.measure.betweenNodes++;
    if (target === undefined) {
      if (message !== undefined) this.measure.misrouted++;
      return;
    }
    this.#way(from.name, to).carry(from.process, target.process, what, () => run(target), batchMs);
  }

  /** A call to the shared service; the answer comes if the node lives until then. */
  ask<T>(from: GroundNode, what: string, run: () => T, then: (answer: T) => void = () => {}): void {
    const { storeCallMs, answerMs } = this.world.costs;
    this.measure.calls++;
    const there = this.#way(from.name, "service");
    const back = this.#way("service", from.name);
    there.carry(
      from.process,
      this.#service,
      what,
      () => {
        const answer = run();
        back.carry(this.#service, from.process, what, () => then(answer), answerMs);
      },
      storeCallMs,
    );
  }

  /** Keeps a message for whenever its user connects next. */
  keep(from: GroundNode, message: Message): void {
    this.ask(from, `keep ${message.id}`, () => {
      const inbox = this.#inboxes.get(message.to);
      if (inbox === undefined) this.#inboxes.set(message.to, [message]);
      else inbox.push(message);
    });
  }

  /** Takes what was kept for a user. */
  takeKept(node: GroundNode, user: number, then: (kept: readonly Message[]) => void): void {
    this.ask(
      node,
      `take ${user}`,
      () => {
        const kept = this.#inboxes.get(user) ?? [];
        this.#inboxes.delete(user);
        return kept;
      },
      then,
    );
  }

  /**
   * A node writes a message to its connection of the message's user. False when it has none; when it believes in one
   * that is dead, the message is gone and the node does not know.
   * @param takes asked when it arrives: whether the device shows it, or has it already
   */
  hand(node: GroundNode, message: Message, takes: () => boolean = () => true): boolean {
    const connection = node.connections.get(message.to);
    if (connection?.live !== true) this.measure.misrouted++;
    if (connection === undefined) return false;
    this.write(node, connection, message, takes);
    return true;
  }

  /** The same for a connection that the node holds, and whether it was the right way is not counted. */
  write(node: GroundNode, connection: Connection, message: Message, takes: () => boolean = () => true): void {
    node.process.spend(this.world.costs.frameOutMs);
    const down = this.#wire(`down/${connection.id}`);
    down.carry(node.process, this.#clients, `d${message.id}`, () => {
      if (connection.live && takes()) this.measure.delivered(message, this.now);
    });
  }

  /** What a device said is safe: tells it, over whatever connection it has there. */
  acknowledge(node: GroundNode, message: Message): void {
    const connection = node.connections.get(message.from);
    if (connection === undefined) return;
    this.#wire(`down/${connection.id}`).carry(node.process, this.#clients, `a${message.id}`, () => {
      if (connection.live) this.people[message.from]?.acknowledged(message);
    });
  }

  /** A node sends a user away, to connect where it belongs now. */
  sendAway(node: GroundNode, connection: Connection): void {
    if (connection.live) this.measure.sentAway++;
    this.end(node, connection);
  }

  /** A node ends a connection. */
  end(node: GroundNode, connection: Connection): void {
    if (!this.#forget(node, connection)) return;
    this.#travel(`end/${connection.id}`, 0, () => {
      if (connection.live) this.people[connection.user]?.lost(connection.attempt, movedCode);
    });
  }

  /** After that time the node notices that nobody is at the other end any more. */
  notice(node: GroundNode, connection: Connection, afterMs: number): void {
    node.process.at(this.now + afterMs, () => void this.#forget(node, connection));
  }

  /** A device's attempt reaches the gateway, which takes it to a node. */
  dial(person: Person, attempt: number): void {
    this.#travel(`dial/${person.user}`, attempt, () => {
      const node = this.#entrance(person.user, attempt);
      if (node === undefined) {
        this.#travel(`refuse/${person.user}`, attempt, () => person.lost(attempt));
        return;
      }
      if (person.attempt === attempt) person.goesTo(node);
      const { acceptMs, verifyMs } = this.world.costs;
      node.process.at(this.now, () => this.#accept(node, person, attempt), acceptMs + verifyMs);
    });
  }

  /** A device hands a message to its node. */
  transmit(node: GroundNode, connection: Connection, message: Message): void {
    this.measure.sent(message, this.now);
    const up = this.#wire(`up/${connection.id}`);
    const arrive = (): void => this.#routing.send(node, message);
    up.carry(undefined, node.process, `u${message.id}`, arrive, this.world.costs.frameInMs);
  }

  #accept(node: GroundNode, person: Person, attempt: number): void {
    const live = person.attempt === attempt;
    const connection = { id: ++this.#connections, user: person.user, attempt, live, open: true };
    node.connections.set(person.user, connection);
    this.#routing.opened(node, connection);
    if (!live) return this.notice(node, connection, abandonedMs);
    this.#wire(`down/${connection.id}`).carry(node.process, this.#clients, "welcome", () =>
      person.welcomed(node, connection),
    );
  }

  #forget(node: GroundNode, connection: Connection): boolean {
    if (!connection.open) return false;
    connection.open = false;
    if (node.connections.get(connection.user) === connection) node.connections.delete(connection.user);
    this.#routing.closed(node, connection);
    return true;
  }

  #entrance(user: number, attempt: number): GroundNode | undefined {
    const serves = (node: GroundNode): boolean => this.#routing.serves?.(node) ?? true;
    if (this.#routing.entrance !== undefined) {
      const node = this.#nodes.get(this.#routing.entrance(user, this.#gatewayKnows));
      return node !== undefined && serves(node) ? node : undefined;
    }
    const all = [...this.#nodes.values()].filter(serves);
    const lot = new Stream(this.storm.seed, `compare/balancer/${user}`).at(attempt);
    return all[Math.floor(lot * all.length)];
  }

  /** Something small travels between a device and the gateway or a node; it has no order with anything else. */
  #travel(name: string, n: number, run: () => void): void {
    const uniform = new Stream(this.storm.seed, `compare/travel/${name}`).at(n);
    this.later(far.delayMs - far.jitterMs * Math.log(1 - uniform), run);
  }

  /** One direction of one connection. */
  #wire(name: string): Way {
    return this.#wayOf(name, "clients", "clients", far);
  }

  #way(from: string, to: string): Way {
    return this.#wayOf(`${from}>${to}`, from, to, near);
  }

  #wayOf(name: string, from: string, to: string, distance: Distance): Way {
    let way = this.#ways.get(name);
    if (way === undefined) {
      const { sky, digest } = this.world;
      way = new Way({ seed: this.storm.seed, sky, digest }, from, to, `compare/${name}`, distance);
      this.#ways.set(name, way);
    }
    return way;
  }
}

/** A connection whose device had gone before it stood is noticed after this. */
const abandonedMs = 5000;
