/** Mistakes around ownership: incarnations, clocks, and the bucket of the table. */
import type { Kv } from "../../placement/kv.ts";
import type { NodePorts } from "../../server/node.ts";
import type { Plant, Planted } from "./plant.ts";

const echoMs = 1000;

/** The bugs of this family. */
export const placementPlants: readonly Plant[] = [
  {
    name: "fence-without-incarnation",
    about: "a node's runs have the same name, so that no fence tells a restarted process from the one before",
    begin: () => ({
      node(ports) {
        const { random } = ports;
        let named = false;
        const id = (): string => {
          if (named) return random.id();
          named = true;
          return `${ports.self.node}-always-me`;
        };
        return { ...ports, random: { float: () => random.float(), id } };
      },
    }),
  },
  {
    name: "wall-clock-lease",
    about: "leases and deadlines are measured by the wall clock, which people and NTP set",
    begin: () => ({
      node(ports) {
        const { clock } = ports;
        return { ...ports, clock: { ...clock, now: () => clock.wall() } };
      },
    }),
  },
  {
    name: "deaf-watch-believed",
    about: "a watch that tells nothing counts as a sign that nothing has changed",
    begin: () => onKv(believedWatch),
  },
];

function onKv(change: (kv: Kv, ports: NodePorts) => Partial<Kv>): Planted {
  return { node: (ports) => ({ ...ports, kv: { ...ports.kv, ...change(ports.kv, ports) } }) };
}

/** The own beat always seems to come back. */
function believedWatch(kv: Kv, { self, clock }: NodePorts): Partial<Kv> {
  const key = `node.${self.node}`;
  return {
    async watch(handler) {
      const watch = await kv.watch(handler);
      const stop = clock.every(echoMs, () => {
        void kv.get(key).then(
          (entry) => entry !== undefined && handler(entry),
          () => undefined,
        );
      });
      return {
        stop() {
          stop();
          watch.stop();
        },
      };
    },
  };
}
