import { Failure } from "../../base/errors.ts";
import { unavailable } from "../verdict.ts";

/** What a server says of itself. */
export type Info = ReadonlyMap<string, string>;

const oldestVersion = [6, 2] as const;

/** Reads the answer of INFO: lines `name:value`. */
export function parseInfo(text: string): Info {
  const pairs = text.split(/\r?\n/).map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1)];
  });
  return new Map(pairs.filter(([name]) => name !== "" && !name.startsWith("#")));
}

/**
 * Refuses servers that would lose or refuse what they are given.
 * @param address host:port, for the message
 * @throws Failure STORE_CONFIG when a person has to change something, STORE_UNAVAILABLE when waiting may help
 */
export function checkServer(info: Info, address: string, cluster: boolean): void {
  const version = info.get("redis_version") ?? "0.0";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < oldestVersion[0] || (major === oldestVersion[0] && minor < oldestVersion[1])) {
    throw config(`Redis ${version} at ${address} is too old, Usher needs 6.2 or newer`, { version });
  }
  const clustered = info.get("cluster_enabled") === "1";
  if (clustered !== cluster) {
    const why = clustered
      ? "is part of a Redis Cluster: use a redis-cluster:// URL"
      : "is no Redis Cluster: use a redis:// URL";
    throw config(`the server at ${address} ${why}`, {});
  }
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  if (policy !== "noeviction" && Number(info.get("maxmemory") ?? 0) > 0) {
    const message =
      `Redis at ${address} would throw away conversations when its memory is full: ` +
      `set maxmemory-policy to noeviction (it is ${policy})`;
    throw config(message, { expected: "noeviction", actual: policy });
  }
  if (info.get("loading") === "1") throw unavailable(`${address} is loading its data`);
  if (!cluster && info.get("role") === "slave") throw unavailable(`${address} is a replica`);
}

/** Share of the memory bound that is used, 0 where there is none. */
export function fullnessOf(info: Info): number {
  const bound = Number(info.get("maxmemory") ?? 0);
  return bound > 0 ? Number(info.get("used_memory") ?? 0) / bound : 0;
}

function config(message: string, details: Readonly<Record<string, unknown>>): Failure {
  return new Failure("STORE_CONFIG", message, details);
}
