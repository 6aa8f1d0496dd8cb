import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findExecutable, isExecutable } from "./executable.ts";
import { freePort, startProcess, type LocalProcess } from "./process.ts";

/** A nats-server with JetStream that was started here. */
export interface LocalNats {
  readonly url: string;
  readonly port: number;
  /** Where its streams are; deleted by `stop` when it was temporary. */
  readonly dir: string;
  readonly process: LocalProcess;
  /** Ends it; a directory that was given stays, so that a restart finds everything. */
  stop(): Promise<void>;
}

/** How to start it: by default on a free port with a temporary, empty store. */
export interface LocalNatsOptions {
  readonly dir?: string;
  readonly port?: number;
  readonly args?: readonly string[];
  /** The executable; default `nats-server` from the search path or /usr/sbin. */
  readonly binary?: string;
}

/**
 * Starts a nats-server on 127.0.0.1 and resolves when it takes connections.
 * @throws Error when there is no such executable, or when it does not come up
 */
export async function startNats(options: LocalNatsOptions = {}): Promise<LocalNats> {
  const binary = options.binary ?? natsBinary();
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "usher-nats-"));
  const port = options.port ?? (await freePort());
  const process = await startProcess({
    name: "nats-server",
    command: binary,
    args: ["-js", "-a", "127.0.0.1", "-p", String(port), "-sd", dir, ...(options.args ?? [])],
    ready: /Server is ready/,
  });
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    dir,
    process,
    async stop() {
      await process.stop();
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The newer nats-server that `USHER_TEST_NATS_SERVER` names; undefined when the variable is not set. */
export function newerNatsBinary(): string | undefined {
  const named = process.env["USHER_TEST_NATS_SERVER"];
  if (named === undefined || named === "") return undefined;
  if (!isExecutable(named)) throw new Error(`USHER_TEST_NATS_SERVER names no executable: ${named}`);
  return named;
}

function natsBinary(): string {
  const found = findExecutable("nats-server");
  if (found !== undefined) return found;
  throw new Error(
    "nats-server is not installed: put it in PATH (Debian: apt-get install nats-server; others: https://nats.io/download)",
  );
}
