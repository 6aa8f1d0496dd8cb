/**
 * The only reader of the environment: every setting with its meaning and default, validated, wrong ones told in a line.
 */
import { isIP } from "node:net";
import { isTenantId } from "../protocol/ids.ts";

/** One setting. */
interface Setting {
  readonly key: string;
  readonly fallback: string;
  readonly text: string;
}

const settings = [
  { key: "USHER_PORT", fallback: "8080", text: "port for HTTP and WebSocket; 0 takes a free one" },
  { key: "USHER_HOST", fallback: "127.0.0.1", text: "address to listen on; 0.0.0.0 in a container" },
  {
    key: "USHER_DATA",
    fallback: "./data",
    text: "folder of an embedded node: its SQLite file and its secret",
  },
  {
    key: "USHER_NATS_URL",
    fallback: "",
    text: "NATS servers, comma separated; with USHER_REDIS_URL makes a cluster node",
  },
  { key: "USHER_REDIS_URL", fallback: "", text: "redis://host:port, or redis-cluster://host:port,host:port" },
  { key: "USHER_CLUSTER", fallback: "usher", text: "name of the cluster; several may share NATS and Redis" },
  {
    key: "USHER_NODE",
    fallback: "",
    text: "this node's own name in the cluster; host name and port by default",
  },
  {
    key: "USHER_URL",
    fallback: "",
    text: "ws:// or wss:// address where clients reach this very node, if they can",
  },
  { key: "USHER_SECRET", fallback: "", text: "signs tokens, 32 characters at least; the same on all nodes" },
  { key: "USHER_TENANTS", fallback: "", text: "JSON file with the tenants; the demo tenant in development" },
  {
    key: "USHER_DEV",
    fallback: "",
    text: "1: demo tenant, tokens for agents on request; on by default for an embedded node without USHER_SECRET",
  },
  { key: "USHER_SHARDS", fallback: "256", text: "number of shards, fixed when the cluster is created" },
  { key: "USHER_REPLICAS", fallback: "1", text: "JetStream replicas of the placement bucket: 1, 3 or 5" },
  {
    key: "USHER_ORIGINS",
    fallback: "",
    text: "browser origins that may connect and call /v1, comma separated; all by default",
  },
  {
    key: "USHER_TRUST_PROXY",
    fallback: "",
    text: "addresses or ranges whose X-Forwarded-For names the client, comma separated; none by default",
  },
  {
    key: "USHER_ADMIT",
    fallback: "1000",
    text: "connections a second that may begin on this node; fewer while it is busy",
  },
  { key: "USHER_RATE", fallback: "20", text: "commands a second that one connection may give" },
  { key: "USHER_BURST", fallback: "64", text: "commands that one connection may give at once" },
  { key: "USHER_COMPRESS", fallback: "0", text: "1: offer permessage-deflate to clients" },
  {
    key: "USHER_DRAIN_MS",
    fallback: "2000",
    text: "time over which the clients of a stopping node are sent away",
  },
  {
    key: "USHER_CONNECTION_LOG",
    fallback: "",
    text: "file to which each attach and detach is appended, ids hashed; none by default",
  },
  { key: "USHER_ZONE", fallback: "", text: "zone of this node, shown in the placement picture" },
  { key: "USHER_LANE", fallback: "", text: "release lane of this node, shown in the placement picture" },
  { key: "USHER_LOG", fallback: "info", text: "debug, info, warn, error or silent" },
] as const satisfies readonly Setting[];

type Key = (typeof settings)[number]["key"];

/** A setting that cannot be used; the message is one readable line. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Settings as the server uses them. */
export interface Config {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  /** Undefined: one embedded node with no server beside it. */
  readonly cluster:
    | { readonly natsServers: readonly string[]; readonly redisUrl: string; readonly replicas: number }
    | undefined;
  readonly clusterName: string;
  /** Empty: to be made of host name and port. */
  readonly node: string;
  readonly url: string;
  /** Empty: an embedded node keeps one of its own. */
  readonly secret: string;
  readonly tenantsFile: string;
  readonly dev: boolean;
  /** Development mode that nobody asked for, on an address that others reach. */
  readonly devForAll: boolean;
  readonly shards: number;
  /** As browsers send them: scheme, host, and the port unless it is the usual one. */
  readonly origins: readonly string[];
  /** Addresses, and ranges as 10.0.0.0/8. */
  readonly trustedProxies: readonly string[];
  readonly admitPerSecond: number;
  /** What one connection may send: in the long run, and at once. */
  readonly rate: { readonly perSecond: number; readonly burst: number };
  readonly compress: boolean;
  readonly drainMs: number;
  /** Empty: none is written. */
  readonly connectionLog: string;
  readonly zone: string;
  readonly lane: string;
  readonly logLevel: string;
  /** Whether npm started this process: then the end of npm ends it, too. */
  readonly underNpm: boolean;
}

/**
 * Reads and checks the settings.
 * @throws ConfigError for the first one that cannot be used
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const known = new Set<string>(settings.map(({ key }) => key));
  for (const key of Object.keys(env)) {
    if (key.startsWith("USHER_") && isFromKubernetes(key, env[key] ?? "")) {
      throw new ConfigError(
        `${key} is no setting of yours: Kubernetes sets it for a Service whose name begins with "usher"; ` +
          "set enableServiceLinks: false in the pod's spec",
      );
    }
    if (key.startsWith("USHER_") && !key.startsWith("USHER_TEST_") && !known.has(key)) {
      throw new ConfigError(`${key} is not a setting; --help lists them`);
    }
  }
  const text = (key: Key): string => {
    const value = env[key]?.trim();
    return value === undefined || value === ""
      ? (settings.find((one) => one.key === key)?.fallback ?? "")
      : value;
  };
  const integer = (key: Key, min: number, max: number): number => {
    const value = Number(text(key));
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new ConfigError(
      `${key} is ${JSON.stringify(text(key))}, but takes a whole number from ${min} to ${max}`,
    );
  };
  const flag = (key: Key): boolean | undefined => {
    const value = text(key);
    if (value === "") return undefined;
    if (value === "0" || value === "1") return value === "1";
    throw new ConfigError(`${key} is ${JSON.stringify(value)}, but takes 0 or 1`);
  };
  const natsServers = list(text("USHER_NATS_URL"));
  const redisUrl = text("USHER_REDIS_URL");
  if (natsServers.length > 0 !== (redisUrl !== "")) {
    throw new ConfigError(
      "a cluster node needs both USHER_NATS_URL and USHER_REDIS_URL; an embedded node neither",
    );
  }
  const clustered = redisUrl !== "";
  if (clustered && !/^rediss?(-cluster)?:\/\//.test(redisUrl)) {
    throw new ConfigError(
      "USHER_REDIS_URL starts with redis:// or redis-cluster://, with TLS rediss:// or rediss-cluster://",
    );
  }
  const secret = text("USHER_SECRET");
  if (secret !== "" && secret.length < 32)
    throw new ConfigError("USHER_SECRET is shorter than 32 characters");
  if (clustered && secret === "")
    throw new ConfigError("a cluster node needs USHER_SECRET, the same on all nodes");
  const askedDev = flag("USHER_DEV");
  const dev = askedDev ?? (!clustered && secret === "");
  const tenantsFile = text("USHER_TENANTS");
  if (!dev && tenantsFile === "")
    throw new ConfigError("USHER_TENANTS names no file, and USHER_DEV=1 is not set");
  const host = text("USHER_HOST");
  const node = text("USHER_NODE");
  if (node !== "" && !/^[A-Za-z0-9_-]{1,64}$/.test(node)) {
    throw new ConfigError("USHER_NODE takes 1 to 64 letters, digits, - and _");
  }
  const clusterName = text("USHER_CLUSTER");
  if (!isTenantId(clusterName))
    throw new ConfigError("USHER_CLUSTER takes 1 to 32 small letters, digits and -");
  const url = text("USHER_URL");
  if (url !== "" && !/^wss?:\/\/[^\s]+$/.test(url))
    throw new ConfigError("USHER_URL starts with ws:// or wss://");
  const replicas = integer("USHER_REPLICAS", 1, 5);
  if (replicas % 2 === 0) throw new ConfigError("USHER_REPLICAS takes 1, 3 or 5");
  const logLevel = text("USHER_LOG");
  if (!["debug", "info", "warn", "error", "silent"].includes(logLevel)) {
    throw new ConfigError("USHER_LOG takes debug, info, warn, error or silent");
  }
  return {
    port: integer("USHER_PORT", 0, 65_535),
    host,
    dataDir: text("USHER_DATA"),
    cluster: clustered ? { natsServers, redisUrl, replicas } : undefined,
    clusterName,
    node,
    url,
    secret,
    tenantsFile,
    dev,
    devForAll: dev && askedDev === undefined && !isLoopback(host),
    shards: integer("USHER_SHARDS", 1, 4096),
    origins: list(text("USHER_ORIGINS")).map(originOf),
    trustedProxies: list(text("USHER_TRUST_PROXY")).map(addressesOf),
    admitPerSecond: integer("USHER_ADMIT", 1, 100_000),
    rate: {
      perSecond: integer("USHER_RATE", 1, 1_000_000),
      burst: integer("USHER_BURST", 1, 1_000_000),
    },
    compress: flag("USHER_COMPRESS") ?? false,
    drainMs: integer("USHER_DRAIN_MS", 0, 600_000),
    connectionLog: text("USHER_CONNECTION_LOG"),
    zone: text("USHER_ZONE"),
    lane: text("USHER_LANE"),
    logLevel,
    underNpm: env["npm_lifecycle_event"] !== undefined,
  };
}

/** The text of `--help`. */
export function configHelp(): string {
  const width = Math.max(...settings.map(({ key }) => key.length));
  const lines = settings.map(
    ({ key, fallback, text }) => `  ${key.padEnd(width)}  ${text}${fallback === "" ? "" : ` [${fallback}]`}`,
  );
  return `usage: npm start

Starts one Usher node. Settings come from the environment:

${lines.join("\n")}

Credentials stand before the host, percent-encoded: nats://user:password@host:port, nats://token@host:port,
redis://user:password@host:port. For TLS to Redis the address begins with rediss:// or rediss-cluster://.

SIGTERM drains: shards are handed over, then clients are told to move. GET /health/ready says whether it serves.
`;
}

/** What Kubernetes tells every pod of a Service: USHER_SERVICE_HOST, USHER_PORT=tcp://..., USHER_PORT_8080_TCP_ADDR. */
function isFromKubernetes(key: string, value: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_\w+)?)$/.test(key) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?$/.test(key) ||
    (key.endsWith("_PORT") && /^(tcp|udp|sctp):\/\//.test(value))
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}

/** An origin as browsers write it. Apps have schemes of their own, of which only the form is known. */
function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && /^[^/]+\/\/[^/?#@]+\/?$/.test(text);
  if (!isPlain) {
    throw new ConfigError(
      `USHER_ORIGINS has ${JSON.stringify(text)}, which is no origin: write https://shop.example, without a path; ` +
        "leave the setting empty to allow all",
    );
  }
  return url.origin === "null" ? `${url.protocol}//${url.host}` : url.origin;
}

/** An address or a range of addresses, as it was written. */
function addressesOf(text: string): string {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  const isRange =
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
  if (version !== 0 && isRange && rest.length === 0 && !address.includes("%")) return text;
  throw new ConfigError(
    `USHER_TRUST_PROXY has ${JSON.stringify(text)}, which is no address: write 10.0.0.7 or 10.0.0.0/8`,
  );
}

function list(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
