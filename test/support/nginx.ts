import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findExecutable } from "../../compose/local/executable.ts";
import { freePort, startProcess } from "../../compose/local/process.ts";
import { eventually } from "./eventually.ts";

/** The gateway of compose/nginx.conf on a free port of 127.0.0.1. */
export interface LocalNginx {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** `ws://127.0.0.1:port/ws` */
  readonly socketUrl: string;
  /** The access log so far. */
  log(): string;
  stop(): Promise<void>;
}

/** The text of compose/nginx.conf. */
export const nginxConf = readFileSync(new URL("../../compose/nginx.conf", import.meta.url), "utf8");

/** The same with other nodes, another port, and `folder` in the place of /tmp. */
function renderNginxConf(nodePorts: readonly number[], port: number, folder: string): string {
  return nginxConf
    .replaceAll(
      /\bserver node-(\d+):8080\b/g,
      (_all, n: string) => `server 127.0.0.1:${nodePorts[Number(n) - 1]}`,
    )
    .replace("listen 8080;", `listen 127.0.0.1:${port};`)
    .replace("access_log /dev/stdout", "access_log /tmp/access.log")
    .replaceAll(" /tmp/", ` ${folder}/`);
}

/** Starts nginx in front of three nodes and resolves when it answers. */
export async function startNginx(nodePorts: readonly number[]): Promise<LocalNginx> {
  const folder = mkdtempSync(join(tmpdir(), "usher-nginx-"));
  // Its workers are another user when root starts it.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const conf = join(folder, "nginx.conf");
  writeFileSync(conf, renderNginxConf(nodePorts, port, folder));
  const url = `http://127.0.0.1:${port}`;
  const process = await startProcess({
    name: "nginx",
    command: nginxBinary(),
    args: ["-p", folder, "-c", conf, "-e", "stderr", "-g", "daemon off;"],
  });
  const stop = async (): Promise<void> => {
    await process.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually(async () => (await fetch(`${url}/health`)).ok, 10_000, "nginx answers");
  } catch (error) {
    await stop();
    throw new Error(`nginx did not start:\n${process.output()}`, { cause: error });
  }
  return {
    url,
    socketUrl: `ws://127.0.0.1:${port}/ws`,
    log: () => readFileSync(join(folder, "access.log"), "utf8"),
    stop,
  };
}

function nginxBinary(): string {
  const found = findExecutable("nginx");
  if (found === undefined) throw new Error("nginx is not installed: npm run provision");
  return found;
}
