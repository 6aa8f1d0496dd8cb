/**
 * The nodes of a simulated world and what is done to them. Role: starts nodes, begins and ends faults. Invariant: after
 * `heal` no fault is in force and every node runs.
 */
import { unreachable } from "../base/assert.ts";
import { runKey } from "../placement/shard-table.ts";
import type { Fault } from "./faults.ts";
import { Stream } from "./world/chance.ts";
import { SimulatedNode, type NodeSettings } from "./world/node.ts";
import type { Process } from "./world/process.ts";
import type { Condition } from "./world/weather.ts";
import type { World } from "./world/world.ts";

type Undo = () => void;

/** What a process said in this last time before its machine was suspended is still inside it. */
const heldMs = 100;

/** All nodes. */
export class Cluster {
  readonly nodes: readonly SimulatedNode[];
  readonly #world: World;
  readonly #settings: NodeSettings;
  readonly #undo = new Set<Undo>();
  /** Runs of nodes that were told to leave. */
  readonly #leaving = new Set<Process>();
  #healed = false;
  readonly #switchNetworks: (share: number, chance: Stream) => void;

  /** @param switchNetworks changes the network of a share of the users */
  constructor(
    world: World,
    settings: NodeSettings,
    count: number,
    switchNetworks: (share: number, chance: Stream) => void,
  ) {
    this.#world = world;
    this.#settings = settings;
    this.#switchNetworks = switchNetworks;
    this.nodes = Array.from({ length: count }, (_, i) => new SimulatedNode(world, settings, `n${i + 1}`));
  }

  /** Starts all nodes. */
  start(): void {
    for (const node of this.nodes) node.start();
  }

  /**
   * Whether every node is there and serves, all agree on stable owners and on who is there, and each owns something as far
   * as there are shards enough: no plan lets a node go for good.
   */
  calm(): boolean {
    const there = this.nodes.flatMap(({ node }) => (node?.ready() === true ? [node] : []));
    const [first] = there;
    if (first === undefined || there.length < this.nodes.length) return false;
    if (this.#strangers() !== undefined) return false;
    const owners = new Set<string>();
    for (let shard = 0; shard < this.#settings.shards; shard++) {
      const route = first.placement.route(shard);
      if (route === undefined || route.state !== "stable") return false;
      owners.add(route.owner.node);
      for (const { placement } of there) {
        const other = placement.route(shard);
        if (other?.epoch !== route.epoch || other.owner.node !== route.owner.node) return false;
      }
    }
    return owners.size >= Math.min(this.nodes.length, this.#settings.shards);
  }

  /** Why the cluster is not calm, in words. */
  trouble(): string {
    const states = this.nodes.map(
      ({ name, node, alive }) => `${name} ${alive ? node?.trouble() || "ready" : "gone"}`,
    );
    return [...states, ...(this.#strangers() ?? []), ...this.#idle()].join(", ");
  }

  /** Nodes that own nothing as far as they know. */
  #idle(): string[] {
    const shards = Array.from({ length: this.#settings.shards }, (_, shard) => shard);
    return this.nodes.flatMap(({ name, node }) => {
      if (node === undefined) return [];
      const owns = shards.some((shard) => node.placement.route(shard)?.owner.node === name);
      return owns ? [] : [`${name} owns nothing`];
    });
  }

  /** Living nodes that take a living one for another run, or for dead; undefined when there are none. */
  #strangers(): string[] | undefined {
    const living = this.nodes.flatMap(({ alive, node }) => (alive && node !== undefined ? [node] : []));
    let found: string[] | undefined;
    for (const { placement: here } of living) {
      for (const { placement: there } of living) {
        const member = here.members().get(there.self.node);
        if (member?.incarnation === there.self.incarnation) continue;
        (found ??= []).push(`${here.self.node} does not know ${runKey(there.self)}`);
      }
    }
    return found;
  }

  /** Most tasks that ever waited for one node's processor. */
  get peakBacklog(): number {
    return Math.max(...this.nodes.map(({ peakBacklog }) => peakBacklog));
  }

  /** Begins a fault; it ends after its time, or when the world heals. */
  strike(fault: Fault): void {
    const undo = this.#begin(fault);
    if (undo !== undefined) this.#endLater(undo, fault.for);
  }

  #endLater(undo: Undo, lastsMs: number): void {
    const once = (): void => {
      if (!this.#undo.delete(once)) return;
      undo();
    };
    this.#undo.add(once);
    if (lastsMs > 0) {
      const { scheduler } = this.#world;
      scheduler.schedule(scheduler.now + lastsMs, undefined, once);
    }
  }

  /** Ends all faults and starts what has ended; what is leaving is started when it has left. */
  heal(): void {
    this.#healed = true;
    for (const undo of this.#undo) undo();
    this.#world.sky.calm();
    for (const node of this.nodes) node.start();
  }

  #begin(fault: Fault): Undo | undefined {
    const { kv, store, sockets, seed } = this.#world;
    const value = fault.value ?? 0;
    switch (fault.kind) {
      case "crash":
      case "power-loss":
        return this.#end(fault.target, (node) => node.crash(fault.kind === "power-loss"));
      case "leave":
        return this.#leave(fault);
      case "pause":
        for (const node of this.#targets(fault.target)) node.process?.pause();
        return () => this.#targets(fault.target).forEach((node) => node.process?.resume());
      case "suspend":
        return this.#suspend(fault);
      case "partition":
        return this.#lay(fault.target, { blocked: true });
      case "delay":
        return this.#lay(fault.target, { delayMs: value / 2, jitterMs: value / 2 });
      case "loss":
        return this.#lay(fault.target, { loss: value });
      case "duplicate":
        return this.#lay(fault.target, { duplicate: value });
      case "bus-down":
        kv.down = true;
        return () => {
          kv.down = false;
        };
      case "kv-deaf":
        return void kv.deafen(fault.target);
      case "kv-empty":
        return void kv.restore("empty");
      case "kv-old":
        kv.remember();
        return () => kv.restore("old");
      case "kv-false-winners":
        kv.falseWinners = value;
        return () => {
          kv.falseWinners = 0;
        };
      case "store-down":
        return this.#close(fault.target);
      case "store-silent":
        for (const { process } of store.mastersAt(fault.target)) process.pause();
        return () => store.mastersAt(fault.target).forEach(({ process }) => process.resume());
      case "store-failover":
        void store.failOver(store.mastersAt(fault.target), value, (shard, owner) =>
          this.#remembers(shard, owner),
        );
        return this.#close(fault.target);
      case "clock-rate":
        for (const node of this.#targets(fault.target)) node.process?.setRate(value);
        return () => this.#targets(fault.target).forEach((node) => node.process?.setRate(1));
      case "wall-jump":
        for (const node of this.#targets(fault.target)) node.process?.shiftWall(value);
        return undefined;
      case "cut-sockets":
        sockets.cut(fault.target, fault.value ?? 1);
        return fault.for > 0 ? sockets.shut(fault.target) : undefined;
      case "network-switch":
        return void this.#switchNetworks(value, new Stream(seed, `switch/${fault.at}`));
      default:
        return unreachable(fault.kind);
    }
  }

  /** These masters refuse everybody. */
  #close(target: string): Undo {
    const masters = this.#world.store.mastersAt(target);
    for (const master of masters) master.down = true;
    return () => {
      for (const master of masters) master.down = false;
    };
  }

  #remembers(shard: number, owner: string): boolean {
    return this.nodes.some(({ node }) => {
      if (node === undefined) return false;
      const { placement } = node;
      const route = placement.route(shard);
      return (
        owner === `${placement.self.node}/${placement.self.incarnation}` &&
        route?.state === "stable" &&
        route.owner.incarnation === placement.self.incarnation
      );
    });
  }

  /** Stands still as a virtual machine does: what left the process last leaves the machine when it goes on. */
  #suspend({ target, for: lasts }: Fault): Undo {
    const { sky, scheduler } = this.#world;
    const nodes = this.#targets(target);
    const undos = nodes.map(({ name }) => sky.add({ from: name, to: "*", delayMs: lasts }));
    let over = false;
    scheduler.schedule(scheduler.now + Math.min(heldMs, lasts / 2), undefined, () => {
      for (const undo of undos) undo();
      if (!over) for (const { process } of nodes) process?.pause();
    });
    return () => {
      over = true;
      for (const { process } of nodes) process?.resume();
    };
  }

  #targets(target: string): SimulatedNode[] {
    const { zoneOf } = this.#settings;
    return this.nodes.filter(({ name }) => target === "*" || target === name || target === zoneOf?.(name));
  }

  #end(target: string, end: (node: SimulatedNode) => void): Undo {
    const nodes = this.#targets(target);
    for (const node of nodes) end(node);
    return () => nodes.forEach((node) => node.start());
  }

  /** The time of a planned stop counts from its end. */
  #leave(fault: Fault): undefined {
    for (const node of this.#targets(fault.target)) {
      const { process } = node;
      if (process === undefined || this.#leaving.has(process)) continue;
      this.#leaving.add(process);
      void node.leave().then(() => {
        if (this.#healed) node.start();
        else this.#endLater(() => node.start(), fault.for);
      });
    }
  }

  #lay(target: string, condition: Omit<Condition, "from" | "to">): Undo {
    const both = target.includes("|");
    const [from = "*", to = "*"] = target.split(both ? "|" : ">");
    const undos = [this.#world.sky.add({ ...condition, from, to })];
    if (both) undos.push(this.#world.sky.add({ ...condition, from: to, to: from }));
    return () => undos.forEach((undo) => undo());
  }
}
