/**
 * The routes of a Redis Cluster. Each master has one plain connection; redirects are not followed but learnt from, so a
 * commit never overtakes an earlier one: the call fails as unavailable and the next one goes to the right place.
 */
import type { Clock } from "../../base/clock.ts";
import { messageOf, type Failure } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { RedisServer } from "./address.ts";
import type { RedisConnection } from "./connection.ts";
import { repliedWith } from "./failures.ts";
import type { RedisKeys } from "./keys.ts";
import { homeless, worstTrouble, type Open, type RedisRoutes } from "./routes.ts";

/** How often the cluster is asked for its slots while a partition cannot be reached. */
const relearnMs = 300;

interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly host: string;
  readonly port: number;
}

/** Starts from any of the cluster's servers and learns the others. */
export function clusterRoutes(spec: {
  readonly servers: readonly RedisServer[];
  readonly keys: RedisKeys;
  readonly open: Open;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
}): RedisRoutes {
  const { keys, clock, log } = spec;
  const connections = new Map<string, RedisConnection>();
  const seeds = new Set(spec.servers.map(addressOf));
  const access = spec.servers[0]?.access ?? { tls: false, db: 0 };
  let owners: readonly (RedisConnection | undefined)[] = [];
  let learning = false;
  let waiting = false;
  let turn = 0;
  let closed = false;

  const connected = (): boolean => owners.length > 0 && owners.every((owner) => owner?.up() === true);
  const connectionTo = (server: RedisServer): RedisConnection => {
    const address = addressOf(server);
    let connection = connections.get(address);
    if (connection === undefined) {
      connection = spec.open(server, changed);
      connections.set(address, connection);
    }
    return connection;
  };
  const changed = (): void => {
    if (closed) return;
    if (!connected()) void learn();
    spec.onChange();
  };
  const adopt = (ranges: readonly SlotRange[]): void => {
    owners = Array.from({ length: keys.partitions }, (_, partition) => {
      const slot = keys.slotOf(partition);
      const range = ranges.find(({ from, to }) => from <= slot && slot <= to);
      return range === undefined ? undefined : connectionTo({ host: range.host, port: range.port, access });
    });
    for (const [address, connection] of connections) {
      if (seeds.has(address) || owners.includes(connection)) continue;
      connections.delete(address);
      void connection.close();
    }
    spec.onChange();
  };
  /** Asks the servers in turn, each time beginning with another one: one that is cut off knows old slots. */
  const learn = async (): Promise<void> => {
    if (learning || closed) return;
    learning = true;
    const candidates = [...connections.values()].filter((connection) => connection.up());
    const first = turn++ % Math.max(candidates.length, 1);
    for (const connection of [...candidates.slice(first), ...candidates.slice(0, first)]) {
      try {
        const [answer] = await connection.send([["cluster", "slots"]]);
        if (!closed) adopt(parseSlots(answer, connection.address));
        break;
      } catch (error) {
        log.debug("a Redis Cluster node did not tell its slots", { reason: messageOf(error) });
      }
    }
    learning = false;
    if (connected() || waiting) return;
    waiting = true;
    clock.after(relearnMs, () => {
      waiting = false;
      if (!connected()) void learn();
    });
  };
  for (const server of spec.servers) connectionTo(server);

  return {
    of(partition) {
      const owner = owners[partition];
      if (owner === undefined) throw homeless(partition);
      return owner;
    },
    serving: () => [...new Set(owners)].flatMap((owner) => owner ?? []),
    connected,
    trouble: () => worstTrouble(connections.values()) ?? (connected() ? undefined : homeless(0)),
    note(failure: Failure) {
      if (repliedWith(failure, "MOVED", "ASK", "CLUSTERDOWN", "READONLY", "MASTERDOWN")) void learn();
    },
    async close() {
      closed = true;
      await Promise.all([...connections.values()].map((connection) => connection.close()));
    },
  };
}

function addressOf({ host, port }: RedisServer): string {
  return `${host}:${port}`;
}

/** CLUSTER SLOTS: [from, to, [host, port, id], replicas...] for each range; no host means the server that was asked. */
function parseSlots(answer: unknown, asked: string): readonly SlotRange[] {
  if (!Array.isArray(answer)) return [];
  return answer.flatMap((entry: unknown): SlotRange[] => {
    if (!Array.isArray(entry)) return [];
    const [from, to, master] = entry as readonly unknown[];
    if (!Array.isArray(master)) return [];
    const [host, port] = master as readonly unknown[];
    const known = typeof host === "string" && host !== "" ? host : asked.slice(0, asked.lastIndexOf(":"));
    return [{ from: Number(from), to: Number(to), host: known, port: Number(port) }];
  });
}
