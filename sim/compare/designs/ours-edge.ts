/**
 * Our design, the side of the node that holds the socket: production placement tells who owns a user's shard, the owner
 * takes messages and attaches connections, and a pump brings the log to the device from where the device stands.
 * Invariant (NoSkip): each connection gets the numbers of its log in order, without a hole.
 */
import { sleep } from "../../../base/clock.ts";
import { silentLog } from "../../../base/log.ts";
import { silentMetrics } from "../../../base/metrics.ts";
import { fullJitterMs } from "../../../base/random.ts";
import type { NodeRun, Route } from "../../../placement/hosting.ts";
import { startPlacement, type Placement } from "../../../placement/placement.ts";
import { sameRun } from "../../../placement/shard-table.ts";
import type { Store } from "../../../store/store.ts";
import { simulatedKv } from "../../world/kv.ts";
import { simulatedStore } from "../../world/store.ts";
import type { Connection, Message } from "../design.ts";
import type { Ground, GroundNode } from "../ground.ts";
import { logOf, messageIn, Owner, type Logged, type Refusal } from "./ours-owner.ts";

/** What the nodes of one run of the design share. */
export interface EdgeParts {
  readonly ground: Ground;
  readonly shards: number;
  readonly shardOf: (user: number) => number;
  readonly edges: WeakMap<GroundNode, Edge>;
  /** What each device has received without a hole: it says so when it connects. */
  readonly cursors: Map<number, number>;
  /** A node has learned of routes. */
  readonly onRoutes: (shards: readonly number[], placement: Placement) => void;
}

/** A connection's position: what it was sent. */
interface Pump {
  sent: number;
  reading: boolean;
}

const askMs = 1000;
const probeMs = 400;
const retryBaseMs = 30;
const retryCapMs = 400;
const pageEvents = 300;

/** One run of one node. */
export class Edge {
  readonly node: GroundNode;
  readonly placement: Placement;
  readonly #parts: EdgeParts;
  readonly #store: Store;
  readonly #owner: Owner;
  readonly #pumps = new Map<number, Pump>();
  /** Counts the times that a connection asked to be attached: only the last one goes on asking. */
  readonly #asked = new Map<number, number>();

  constructor(parts: EdgeParts, node: GroundNode) {
    this.#parts = parts;
    this.node = node;
    const { world, measure } = parts.ground;
    const { process } = node;
    const { clock, random } = process;
    const transport = world.network.transport(process);
    const store = simulatedStore(world.storeParts, world.costs, process, world.store);
    this.#store = {
      ...store,
      commit: (owner, commits) => (measure.calls++, store.commit(owner, commits)),
      readLogs: (queries) => (measure.calls++, store.readLogs(queries)),
    };
    void transport.subscribe(node.name, () => {});
    this.#owner = new Owner({
      node,
      store: this.#store,
      routes: () => this.placement,
      shardOf: parts.shardOf,
      publish: (to, connection, logged) => this.#publish(to, connection, logged),
    });
    this.placement = startPlacement({
      kv: simulatedKv(world.kvParts, process, world.kv),
      probe: (name) => transport.probe(name, probeMs),
      hosting: this.#owner,
      clock,
      random,
      log: silentLog(),
      metrics: silentMetrics(),
      self: { node: node.name, version: "sim", url: "", zone: "", lane: "main", capacity: 1 },
      shards: parts.shards,
      fences: async () =>
        (await store.fences(parts.shards)).map(({ shard, epoch, owner }) => {
          const [name = "", incarnation = ""] = owner.split("/");
          return { shard, epoch, node: name, incarnation };
        }),
    });
    this.placement.onRoutes((shards) => this.#rerouted(shards));
    this.placement.onMembers(() => {
      const members = this.placement.members();
      this.#owner.retain((run) => members.get(run.node)?.incarnation === run.incarnation);
    });
  }

  /** A device handed over a message: repeats it to the owner until it is committed, then acknowledges. */
  async send(message: Message): Promise<void> {
    const ask = (owner: Owner, reply: (answer: Refusal | "committed") => void): void =>
      void owner.take(message, (refusal) => reply(refusal ?? "committed"));
    await this.#toOwner(message.to, `m${message.id}`, ask, () => true, message);
    this.#parts.ground.acknowledge(this.node, message);
  }

  /** Attaches a connection, and brings it what it lacks. */
  async attach(connection: Connection): Promise<void> {
    const { ground, cursors } = this.#parts;
    const { id, user, attempt } = connection;
    const turn = (this.#asked.get(id) ?? 0) + 1;
    this.#asked.set(id, turn);
    const wanted = (): boolean => connection.open && this.#asked.get(id) === turn;
    const cursor = cursors.get(user) ?? 0;
    const { self } = this.placement;
    const answer = await this.#toOwner(
      user,
      `attach ${id}`,
      (owner: Owner, reply: (answer: Awaited<ReturnType<Owner["attach"]>>) => void) =>
        void owner.attach(user, attempt, self, id).then(reply),
      wanted,
    );
    if (answer === undefined) return;
    if (!connection.open) return this.detach(connection);
    const { outcome, end } = answer;
    if (outcome.kind === "superseded") return ground.end(this.node, connection);
    const pump = this.#pumps.get(id) ?? { sent: cursor, reading: false };
    this.#pumps.set(id, pump);
    const { replaced } = outcome;
    if (replaced !== undefined) this.#endReplaced(replaced.run, user, replaced.conn);
    if (end > pump.sent) void this.#catchUp(connection, pump);
  }

  /** A connection has ended. */
  detach({ id, user }: Connection): void {
    this.#pumps.delete(id);
    this.#asked.delete(id);
    const { self } = this.placement;
    const route = this.placement.route(this.#parts.shardOf(user));
    if (route === undefined) return;
    this.#tell(route.owner.node, `detach ${id}`, (edge) => edge.#owner.detach(user, self, id));
  }

  /** An event of a log comes in for one of the connections. */
  #receive(connection: number, { seq, message }: Logged): void {
    const held = this.node.connections.get(message.to);
    const pump = this.#pumps.get(connection);
    if (held?.id !== connection) return void this.#parts.ground.measure.misrouted++;
    if (pump === undefined || seq <= pump.sent) return;
    if (seq === pump.sent + 1 && !pump.reading) this.#push(pump, seq, message);
    else void this.#catchUp(held, pump);
  }

  /** The shards have a new owner: who belongs to them attaches again, from where it stands. */
  #rerouted(shards: readonly number[]): void {
    this.#parts.onRoutes(shards, this.placement);
    const changed = new Set(shards.filter((shard) => this.placement.route(shard)?.state === "stable"));
    if (changed.size === 0) return;
    for (const connection of this.node.connections.values())
      if (changed.has(this.#parts.shardOf(connection.user))) void this.attach(connection);
  }

  /** Reads the log from where the connection stands, page by page, to its end. */
  async #catchUp(connection: Connection, pump: Pump): Promise<void> {
    if (pump.reading) return;
    pump.reading = true;
    const { user, id } = connection;
    for (let more = true; more && connection.open && this.#pumps.get(id) === pump;) {
      const query = { shard: this.#parts.shardOf(user), log: logOf(user), limit: pageEvents };
      const slices = await this.#store.readLogs([{ ...query, after: pump.sent }]).catch(() => undefined);
      if (slices === undefined) await this.#pause(0);
      for (const { seq, event } of slices?.[0]?.events ?? [])
        if (connection.open && seq === pump.sent + 1) this.#push(pump, seq, messageIn(event));
      more = slices === undefined || (slices[0]?.end ?? 0) > pump.sent;
    }
    pump.reading = false;
  }

  #push(pump: Pump, seq: number, message: Message): void {
    const { ground, cursors } = this.#parts;
    pump.sent = seq;
    ground.hand(this.node, message, () => {
      if (seq !== (cursors.get(message.to) ?? 0) + 1) return false;
      cursors.set(message.to, seq);
      return true;
    });
  }

  #publish(to: NodeRun, connection: number, logged: Logged): void {
    const deliver = (edge: Edge): void => {
      if (sameRun(edge.placement.self, to)) edge.#receive(connection, logged);
    };
    this.#tell(to.node, `p${logged.message.id}`, deliver, logged.message);
  }

  /** The device reappeared elsewhere: its old connection is closed at once. */
  #endReplaced(run: NodeRun, user: number, connection: number): void {
    this.#tell(run.node, `replaced ${connection}`, (edge) => {
      const old = edge.node.connections.get(user);
      if (old?.id === connection) this.#parts.ground.end(edge.node, old);
    });
  }

  /** Asks the owner of a user's shard until it answers something else than a refusal; undefined when it is not wanted any more. */
  async #toOwner<T>(
    user: number,
    what: string,
    ask: (owner: Owner, reply: (answer: T | Refusal) => void) => void,
    wanted: () => boolean,
    message?: Message,
  ): Promise<Exclude<T, Refusal> | undefined> {
    const shard = this.#parts.shardOf(user);
    for (let attempt = 0; wanted(); attempt++) {
      const answer = await this.#askOwner(shard, what, ask, message);
      if (answer !== undefined && answer !== "wrong" && answer !== "later")
        return answer as Exclude<T, Refusal>;
      await this.#pause(attempt);
    }
    return undefined;
  }

  #askOwner<T>(
    shard: number,
    what: string,
    ask: (owner: Owner, reply: (answer: T | Refusal) => void) => void,
    message?: Message,
  ): Promise<T | Refusal | undefined> {
    const route = this.placement.route(shard);
    if (route === undefined || route.state === "moving") return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const cancel = this.node.process.clock.after(askMs, () => resolve(undefined));
      const answered = (answer: T | Refusal, known: Route | undefined): void => {
        cancel();
        if (known !== undefined) this.placement.correct(shard, known.owner, known.epoch);
        resolve(answer);
      };
      const handle = (edge: Edge): void =>
        ask(edge.#owner, (answer) => {
          const wrong = answer === "wrong";
          if (wrong && message !== undefined) this.#parts.ground.measure.misrouted++;
          const known = wrong ? edge.placement.route(shard) : undefined;
          edge.#tell(this.node.name, `r ${what}`, () => answered(answer, known));
        });
      this.#tell(route.owner.node, what, handle, message);
    });
  }

  #tell(to: string, what: string, run: (edge: Edge) => void, message?: Message): void {
    const { ground, edges } = this.#parts;
    ground.tell(
      this.node,
      to,
      what,
      (at) => {
        const edge = edges.get(at);
        if (edge !== undefined) run(edge);
      },
      message,
    );
  }

  #pause(attempt: number): Promise<void> {
    const { clock, random } = this.node.process;
    return sleep(clock, 5 + fullJitterMs(random, retryBaseMs, retryCapMs, attempt));
  }
}
