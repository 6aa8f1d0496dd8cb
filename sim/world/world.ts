/** A simulated world: its time, its weather, its servers. Built from a seed; the same seed is the same world. */
import { Digest, type OnDelivery } from "./digest.ts";
import { replaceGlobals } from "./globals.ts";
import { KvServer } from "./kv.ts";
import { Network } from "./network.ts";
import { Process } from "./process.ts";
import type { RemoteParts } from "./remote.ts";
import { Scheduler, type OnError } from "./scheduler.ts";
import { Sockets } from "./sockets.ts";
import { StoreServer } from "./store-server.ts";
import type { Costs } from "./costs.ts";
import { Sky } from "./weather.ts";
import type { Distance, WayParts } from "./way.ts";

/** What a world is made from. */
export interface WorldOptions {
  readonly seed: number;
  readonly costs: Costs;
  /** Servers that share the store; 1 when it is not said. */
  readonly masters?: number;
  /** Whether the store may fail over and forget its last writes; true when it is not said, and costs memory. */
  readonly forgetful?: boolean;
  /** Hears of errors that nobody caught. */
  readonly onError: OnError;
  readonly onDelivery?: OnDelivery;
}

/** Within a data centre, and from a customer's device to it. */
const near: Distance = { delayMs: 0.15, jitterMs: 0.1 };
const far: Distance = { delayMs: 12, jitterMs: 8 };
const storeBoundMs = 2000;
const kvBoundMs = 1600;

/** Everything that nodes and clients stand on. */
export class World {
  readonly seed: number;
  readonly costs: Costs;
  readonly scheduler: Scheduler;
  readonly sky = new Sky();
  readonly digest: Digest;
  readonly kv: KvServer;
  readonly store: StoreServer;
  readonly network: Network;
  readonly sockets: Sockets;

  constructor({ seed, costs, masters = 1, forgetful = true, onError, onDelivery }: WorldOptions) {
    this.digest = new Digest((atMs, link, text) => {
      if (onDelivery?.(atMs, link, text) === false) this.scheduler.halt("its observer ended the run");
    });
    this.seed = seed;
    this.costs = costs;
    this.scheduler = new Scheduler(onError);
    this.kv = new KvServer(this.process("bus"));
    const stores = Array.from({ length: masters }, (_, i) => (masters === 1 ? "store" : `store/m${i + 1}`));
    this.store = new StoreServer(
      stores.map((name) => this.process(name)),
      forgetful,
    );
    const shared = { ...this.#ways(), costs };
    this.network = new Network({ ...shared, bus: this.kv, distance: near });
    this.sockets = new Sockets({ ...shared, distance: far });
  }

  /** A process of this world; `run` tells the runs of one name apart. */
  process(name: string, run = 0): Process {
    return new Process(this.scheduler, this.seed, name, run);
  }

  /** What a process's calls of the bucket are made of. */
  get kvParts(): RemoteParts {
    return { ...this.#ways(), distance: near, boundMs: kvBoundMs, answerMs: this.costs.answerMs };
  }

  /** What a process's calls of the store are made of. */
  get storeParts(): RemoteParts {
    return { ...this.#ways(), distance: near, boundMs: storeBoundMs, answerMs: this.costs.answerMs };
  }

  /** Runs a script in virtual time, with the globals replaced. */
  async run<T>(script: () => Promise<T>): Promise<T> {
    const restore = replaceGlobals(this.scheduler, this.seed);
    try {
      return await this.scheduler.drive(script);
    } finally {
      restore();
    }
  }

  #ways(): WayParts {
    return { seed: this.seed, sky: this.sky, digest: this.digest };
  }
}
