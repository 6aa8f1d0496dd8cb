/**
 * `npm run provision`, also the first step of `npm test`: finds the servers that the tests run, and as root on Debian or
 * Ubuntu installs those that are missing. Elsewhere it says in one line what to install.
 */
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync, rmSync, writeFileSync } from "node:fs";
import { findExecutable } from "../compose/local/executable.ts";

/** A program that the tests start, the distribution's package that has it, and how it tells its version. */
interface Need {
  readonly program: string;
  readonly debian: string;
  readonly homebrew: string;
  readonly ask: string;
}

const needs: readonly Need[] = [
  { program: "nats-server", debian: "nats-server", homebrew: "nats-server", ask: "--version" },
  { program: "redis-server", debian: "redis-server", homebrew: "redis", ask: "--version" },
  { program: "redis-cli", debian: "redis-tools", homebrew: "redis", ask: "--version" },
  { program: "nginx", debian: "nginx", homebrew: "nginx", ask: "-v" },
];
const policyFile = "/usr/sbin/policy-rc.d";

function allows(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

/** Whether this may and can call apt-get. */
function installsByItself(): boolean {
  if (process.getuid?.() !== 0 || findExecutable("apt-get") === undefined) return false;
  if (!allows("/etc/os-release", constants.R_OK)) return false;
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync("/etc/os-release", "utf8"));
}

/** Runs apt-get with its output on stderr, so that stdout keeps only what was found; resolves to the exit status. */
function aptGet(...args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn("apt-get", args, {
      stdio: ["ignore", process.stderr, process.stderr],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    child.on("error", () => resolve(-1));
    child.on("exit", (status) => resolve(status ?? -1));
  });
}

/**
 * Installs packages without starting their services: a policy (invoke-rc.d(8)) that denies it stands while this runs,
 * unless the machine has one of its own.
 */
async function install(packages: readonly string[]): Promise<boolean> {
  const ownPolicy = !allows(policyFile, constants.F_OK);
  const removePolicy = (): void => {
    if (ownPolicy) rmSync(policyFile, { force: true });
  };
  const interrupted = (): void => {
    removePolicy();
    process.exit(130);
  };
  process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
  if (ownPolicy) writeFileSync(policyFile, "#!/bin/sh\nexit 101\n", { mode: 0o755, flag: "wx" });
  try {
    // Old package lists may still do: the installation decides.
    if ((await aptGet("update", "-q")) !== 0) process.stderr.write("apt-get update failed\n");
    return (await aptGet("install", "-y", "-q", "--no-install-recommends", ...packages)) === 0;
  } finally {
    removePolicy();
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  }
}

function missing(): readonly Need[] {
  return needs.filter(({ program }) => findExecutable(program) === undefined);
}

function listOf(names: readonly string[]): string {
  return [...new Set(names)].join(" ");
}

async function main(): Promise<number> {
  const absent = missing();
  if (absent.length > 0 && installsByItself())
    await install([...new Set(absent.map(({ debian }) => debian))]);
  const left = missing();
  if (left.length > 0) {
    const debian = listOf(left.map((need) => need.debian));
    const homebrew = listOf(left.map((need) => need.homebrew));
    process.stderr.write(
      `The tests need ${left.map(({ program }) => program).join(", ")}: apt-get install ${debian} (Debian, Ubuntu) or brew install ${homebrew} (macOS)\n`,
    );
    return 1;
  }
  for (const { program, ask } of needs) {
    const path = findExecutable(program) ?? program;
    const { stdout, stderr } = spawnSync(path, [ask], { encoding: "utf8" });
    const version = /\d+\.\d+(\.\d+)?/.exec(stdout + stderr)?.[0] ?? "of unknown version";
    process.stdout.write(`${program} ${version} (${path})\n`);
  }
  return 0;
}

process.exitCode = await main();
