/** Outcomes that are kept: one file per bench, with the day, the command and the machine. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Report } from "./report.ts";

/** Where it was measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** First lines of `redis-server --version` and `nats-server --version`; empty where there is none. */
  readonly redis: string;
  readonly nats: string;
}

/** A kept outcome. */
export interface Result {
  /** `2026-11-22` */
  readonly date: string;
  readonly command: string;
  readonly rounds: number;
  readonly machine: Machine;
  readonly report: Report;
}

/** Where outcomes are kept. */
const resultsDir = fileURLToPath(new URL("results", import.meta.url));

/** This machine. */
export function machineHere(): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: `${type()} ${release()}`,
    node: process.version,
    redis: versionOf("redis-server"),
    nats: versionOf("nats-server"),
  };
}

/** Keeps an outcome under its bench's name; answers the file. */
export function saveResult(result: Result, dir = resultsDir): string {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, `${result.report.bench}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}

/** All that are kept, by the names of their benches. @throws Error when one is damaged */
export function readResults(dir = resultsDir): Result[] {
  if (!existsSync(dir)) throw new Error(`nothing is kept in ${dir} yet: --save keeps an outcome`);
  return readdirSync(dir)
    .filter((name) => name.endsWith(".json"))
    .toSorted()
    .map((name) => JSON.parse(readFileSync(join(dir, name), "utf8")) as Result);
}

function versionOf(binary: string): string {
  for (const command of [binary, `/usr/sbin/${binary}`]) {
    try {
      const text = execFileSync(command, ["--version"], { encoding: "utf8" });
      return /\d+\.\d+\.\d+/.exec(text)?.[0] ?? "";
    } catch {
      continue;
    }
  }
  return "";
}
