/**
 * What a planted bug is: a change of what a node or a client is composed of. Boundary: production code knows nothing of
 * plants; they stand between it and the simulated ports. All chance of a plant is counting, so that a run with a plant
 * is as exact as one without.
 */
import type { NodePorts } from "../../server/node.ts";
import type { Environment } from "../../client/environment.ts";
import type { Store } from "../../store/store.ts";

/** A bug as it stands in one run: each run begins with a fresh one. */
export interface Planted {
  /** Between a run of a node and its ports. */
  readonly node?: (ports: NodePorts) => NodePorts;
  /** Between a device's SDK and its environment. */
  readonly device?: (environment: Environment) => Environment;
  /** Inside the store itself, for whoever calls it. */
  readonly server?: (store: Store) => Store;
  /** Added to what each agent is believed to take. */
  readonly capacity?: number;
}

/** One bug that can be planted. */
export interface Plant {
  readonly name: string;
  /** The mistake that people make, in words. */
  readonly about: string;
  begin(): Planted;
}

/** A bug on a node's way to its store; what `change` remembers belongs to one run of one node. */
export function onStore(change: (store: Store, ports: NodePorts) => Partial<Store>): Planted {
  return {
    node(ports) {
      const { store } = ports;
      return { ...ports, store: { ...store, ...change(store, ports) } };
    },
  };
}

/** True at every n-th call. */
export function everyNth(n: number): () => boolean {
  let count = 0;
  return () => ++count % n === 0;
}
