/**
 * One simulated node: the production node (server/node.ts) on this world's ports, in a process that can crash, stand
 * still and come back as another run.
 */
import type { Directory } from "../../actors/directory.ts";
import type { Parsed } from "../../actors/inbound.ts";
import type { ConnectionInput } from "../../actors/gateway.ts";
import type { Socket, VerifyToken } from "../../actors/socket.ts";
import type { Log } from "../../base/log.ts";
import { silentMetrics } from "../../base/metrics.ts";
import { adaptiveAdmission } from "../../edge/admission.ts";
import type { PlacementTimings } from "../../placement/timings.ts";
import { startNode, type NodePorts, type UsherNode } from "../../server/node.ts";
import { simulatedKv } from "./kv.ts";
import type { Process } from "./process.ts";
import { simulatedStore } from "./store.ts";
import type { World } from "./world.ts";

/** What all nodes of a cluster share. */
export interface NodeSettings {
  readonly directory: Directory;
  readonly verify: (process: Process) => VerifyToken;
  readonly parse: (text: string) => Parsed;
  readonly log: (process: Process) => Log;
  readonly shards: number;
  readonly admitPerSecond: number;
  /** Nodes name addresses of their own, so that clients prefer their session's owner. */
  readonly direct: boolean;
  /** The zone that a node stands in; none by default. */
  readonly zoneOf?: (node: string) => string;
  readonly timings?: Partial<PlacementTimings>;
  /** Stands between a node and each connection that it takes. */
  readonly connections?: {
    watch(process: Process, socket: Socket, open: (socket: Socket) => ConnectionInput): ConnectionInput;
  };
  /** Stands between each run of a node and its ports. */
  readonly portsThrough?: (ports: NodePorts) => NodePorts;
}

/** A node and its runs. */
export class SimulatedNode {
  readonly name: string;
  readonly #world: World;
  readonly #settings: NodeSettings;
  #runs = 0;
  #peakBacklog = 0;
  #process: Process | undefined;
  #node: UsherNode | undefined;

  constructor(world: World, settings: NodeSettings, name: string) {
    this.#world = world;
    this.#settings = settings;
    this.name = name;
  }

  /** The present run's process; undefined while there is none. */
  get process(): Process | undefined {
    return this.#process;
  }

  /** The production node, while it stands. */
  get node(): UsherNode | undefined {
    return this.#node;
  }

  /** Whether it has a process. */
  get alive(): boolean {
    return this.#process !== undefined;
  }

  /** Most tasks that ever waited for the processor, in all runs. */
  get peakBacklog(): number {
    return Math.max(this.#peakBacklog, this.#process?.peakBacklog ?? 0);
  }

  /** Starts a run. */
  start(): void {
    if (this.#process !== undefined) return;
    const { sockets, network, kv, kvParts, store, storeParts, costs } = this.#world;
    const { directory, parse, shards, admitPerSecond, direct, timings, zoneOf } = this.#settings;
    const portsThrough = this.#settings.portsThrough ?? ((own: NodePorts): NodePorts => own);
    const { name } = this;
    const process = this.#world.process(name, ++this.#runs);
    this.#process = process;
    const { clock, random } = process;
    process.enter(() => {
      const ports: NodePorts = {
        clock,
        random,
        log: this.#settings.log(process),
        metrics: silentMetrics(),
        transport: network.transport(process),
        kv: simulatedKv(kvParts, process, kv),
        store: simulatedStore(storeParts, costs, process, store),
        directory,
        verify: this.#settings.verify(process),
        admission: adaptiveAdmission(admitPerSecond, random, () => clock.now()),
        memory: () => 0,
        parse,
        self: {
          node: name,
          version: "sim",
          url: direct ? `ws://${name}/ws` : "",
          zone: zoneOf?.(name) ?? "",
          lane: "main",
          capacity: 1,
        },
        shards,
        ...(timings === undefined ? {} : { timings }),
      };
      const starting = startNode(portsThrough(ports));
      void starting.then((node) => {
        if (process.dead) return;
        this.#node = node;
        sockets.setDoor(name, {
          process,
          accepting: () => node.accepting(),
          open: (socket) =>
            this.#settings.connections?.watch(process, socket, (own) => node.open(own)) ?? node.open(socket),
        });
      });
    });
  }

  /** Ends the process at once; `silently`: the machine is gone too, so that nobody hears its connections end. */
  crash(silently = false): void {
    const process = this.#process;
    if (process === undefined) return;
    const node = this.#node;
    this.#peakBacklog = this.peakBacklog;
    process.kill();
    this.#world.sockets.setDoor(this.name, undefined);
    this.#world.sockets.crash(this.name, silently);
    this.#process = undefined;
    this.#node = undefined;
    // Only frees memory: nothing of a dead process gets out.
    this.#world.scheduler.enter(process, () => node?.runtime.stop());
    this.#world.scheduler.enter(undefined, () => {});
  }

  /** Ends the process as SIGTERM does: hands over, sends clients away, leaves. Resolves when it has gone. */
  async leave(): Promise<void> {
    const process = this.#process;
    const node = this.#node;
    if (process === undefined || node === undefined) return this.crash();
    await process.enter(async () => {
      await node.drain();
      await node.stop();
    });
    if (this.#process === process) this.crash();
  }
}
