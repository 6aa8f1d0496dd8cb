import { fileURLToPath } from "node:url";
import { freePort, startProcess, type LocalProcess } from "./process.ts";

/** One Usher node in a process of its own, in development mode. */
export interface LocalNode {
  readonly name: string;
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** `ws://127.0.0.1:port/ws` */
  readonly socketUrl: string;
  readonly process: LocalProcess;
}

/** How to start one. */
export interface NodeSpec {
  readonly name: string;
  readonly port?: number;
  /** Both for a cluster node; neither for an embedded one. */
  readonly natsUrl?: string;
  readonly redisUrl?: string;
  /** Further settings, `USHER_...`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onOutput?: (chunk: string) => void;
  /** Resolve as soon as the process runs, not when it serves. */
  readonly detached?: boolean;
}

/** Signs the tokens of development clusters; never one of a real installation. */
export const developmentSecret = "development-secret-development-secret";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Starts a node and resolves when it serves. @throws Error with its output when it does not */
export async function startLocalNode(spec: NodeSpec): Promise<LocalNode> {
  const port = spec.port ?? (await freePort());
  const cluster =
    spec.natsUrl === undefined || spec.redisUrl === undefined
      ? {}
      : { USHER_NATS_URL: spec.natsUrl, USHER_REDIS_URL: spec.redisUrl };
  const process = await startProcess({
    name: spec.name,
    command: globalThis.process.execPath,
    args: [
      "--max-semi-space-size=16",
      "--no-parallel-scavenge",
      "--no-minor-gc-task",
      "--disable-warning=ExperimentalWarning",
      "server/main.ts",
    ],
    cwd: root,
    env: {
      USHER_PORT: String(port),
      USHER_NODE: spec.name,
      USHER_URL: `ws://127.0.0.1:${port}/ws`,
      USHER_SECRET: developmentSecret,
      USHER_DEV: "1",
      ...cluster,
      ...spec.env,
    },
    readyMs: 30_000,
    ...(spec.detached === true ? {} : { ready: /Usher is listening/ }),
    ...(spec.onOutput === undefined ? {} : { onOutput: spec.onOutput }),
  });
  return {
    name: spec.name,
    port,
    url: `http://127.0.0.1:${port}`,
    socketUrl: `ws://127.0.0.1:${port}/ws`,
    process,
  };
}

/** Stops a node as an operator does: it drains, and is killed if it takes longer than `graceMs`. */
export function stopLocalNode(node: LocalNode, graceMs = 20_000): Promise<void> {
  return node.process.stop(graceMs);
}
