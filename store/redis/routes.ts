import type { Failure } from "../../base/errors.ts";
import { unavailable } from "../verdict.ts";
import type { RedisServer } from "./address.ts";
import type { RedisConnection } from "./connection.ts";

/** Which server holds a partition. */
export interface RedisRoutes {
  /** @throws Failure STORE_UNAVAILABLE while nobody is known to serve it */
  of(partition: number): RedisConnection;
  /** The servers that hold partitions, each once; empty while any is unknown. */
  serving(): readonly RedisConnection[];
  /** Whether every partition can be reached. */
  connected(): boolean;
  /** Why not, where it is known; STORE_CONFIG first. */
  trouble(): Failure | undefined;
  /** Takes note of why a call failed: the routes may be wrong. */
  note(failure: Failure): void;
  close(): Promise<void>;
}

/** Opens a connection that reports its changes to the routes. */
export type Open = (server: RedisServer, onChange: () => void) => RedisConnection;

/** All partitions on one server. */
export function singleRoutes(server: RedisServer, open: Open, onChange: () => void): RedisRoutes {
  const connection = open(server, () => onChange());
  return {
    of: () => connection,
    serving: () => [connection],
    connected: () => connection.up(),
    trouble: () => connection.trouble(),
    note() {},
    close: () => connection.close(),
  };
}

/** STORE_CONFIG before anything else, so that a person reads what has to be changed. */
export function worstTrouble(connections: Iterable<RedisConnection>): Failure | undefined {
  const troubles = [...connections].flatMap((connection) => connection.trouble() ?? []);
  return troubles.find(({ code }) => code === "STORE_CONFIG") ?? troubles[0];
}

/** Nobody is known to hold this partition. */
export function homeless(partition: number): Failure {
  return unavailable(`no server is known for partition ${partition}`);
}
