import { Failure } from "../../base/errors.ts";

/** One server: how to reach it and who to be there. */
export interface RedisServer {
  readonly host: string;
  readonly port: number;
  readonly access: RedisAccess;
}

/** What all servers of a store have in common. */
export interface RedisAccess {
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  /** Number of the database; always 0 in a cluster. */
  readonly db: number;
}

/** What a URL names. */
export interface RedisAddress {
  readonly cluster: boolean;
  /** The one server, or those of the cluster that are asked first. */
  readonly servers: readonly RedisServer[];
}

const pattern = /^(rediss?)(-cluster)?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?#]+?)(?:\/(\d+)?)?$/;
const defaultPort = 6379;

/**
 * Reads `redis://user:password@host:port/db` or, for a cluster, `redis-cluster://user:password@host:port,host:port`;
 * `rediss` and `rediss-cluster` for TLS. User, password, port and db may be missing; user and password are percent-encoded.
 * @throws Failure STORE_CONFIG
 */
export function parseRedisUrl(url: string): RedisAddress {
  // Otherwise the rest of the password would pass for a host, to be looked up and logged.
  if (url.split("@").length > 2) {
    throw badUrl(
      "percent-encode @ in user and password, as %40; a cluster's stand once, before its first host",
    );
  }
  const [, scheme, clustered, username, password, hosts, db] = pattern.exec(url) ?? [];
  if (hosts === undefined) throw badUrl("it is not redis://host:port or redis-cluster://host:port,host:port");
  const cluster = clustered !== undefined;
  if (!cluster && hosts.includes(",")) throw badUrl("several servers need redis-cluster://");
  if (cluster && db !== undefined) throw badUrl("a Redis Cluster has no numbered databases");
  const access: RedisAccess = {
    tls: scheme === "rediss",
    db: Number(db ?? 0),
    ...(username === undefined || username === "" ? {} : { username: decode(username) }),
    ...(password === undefined ? {} : { password: decode(password) }),
  };
  return { cluster, servers: hosts.split(",").map((host) => parseServer(host, access)) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badUrl("percent-encode % in user and password, as %25");
  }
}

function parseServer(text: string, access: RedisAccess): RedisServer {
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(\d+))?$/.exec(text) ?? [];
  const number = Number(port ?? defaultPort);
  if (host === undefined || number < 1 || number > 65_535) throw badUrl(`${text} is no host:port`);
  return { host: host.replace(/^\[|\]$/g, ""), port: number, access };
}

function badUrl(why: string): Failure {
  return new Failure("STORE_CONFIG", `the store's Redis URL cannot be used: ${why}`);
}
