import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Runs one command on a local Redis server, past the store and its proxies; answers what redis-cli prints. */
export async function redisCli(port: number, ...args: readonly string[]): Promise<string> {
  const { stdout } = await execute("redis-cli", ["-p", String(port), ...args]);
  return stdout.trim();
}
