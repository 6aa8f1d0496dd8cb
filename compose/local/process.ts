import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** A child process that was started here and is ended here, by its own id. */
export interface LocalProcess {
  readonly name: string;
  readonly pid: number;
  /** Everything it printed so far, standard output and error together, the last 200 kB. */
  output(): string;
  /** Sends any signal, also SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit code (null: ended by a signal). */
  readonly exited: Promise<number | null>;
  /** SIGTERM, and SIGKILL after `graceMs`; resolves when it is gone. */
  stop(graceMs?: number): Promise<void>;
}

/** What to start and how to know that it is ready. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A line of its output that says it is ready; without one it counts as ready at once. */
  readonly ready?: RegExp;
  /** How long readiness may take. */
  readonly readyMs?: number;
  /** Sees every chunk of output. */
  readonly onOutput?: (chunk: string) => void;
}

const keptOutput = 200_000;

/**
 * Starts a process and resolves when it is ready.
 * @throws Error when it ends or stays silent before that; the message carries the end of its output.
 */
export async function startProcess(spec: ProcessSpec): Promise<LocalProcess> {
  const child = spawn(spec.command, [...spec.args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...spec.env },
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
  });
  let output = "";
  let wake = (): void => {};
  const take = (chunk: Buffer): void => {
    const text = chunk.toString("utf8");
    output = (output + text).slice(-keptOutput);
    spec.onOutput?.(text);
    wake();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const exited = new Promise<number | null>((resolve) => {
    child.on("exit", (code) => resolve(code));
    child.on("error", (error) => {
      output += `\n${error.message}`;
      resolve(-1);
    });
  });
  const running: LocalProcess = {
    name: spec.name,
    pid: child.pid ?? -1,
    output: () => output,
    signal: (signal) => void child.kill(signal),
    exited,
    async stop(graceMs = 5000) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
  const ready = spec.ready;
  if (ready === undefined) return running;
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new Error(`${spec.name} ${why}; its last output:\n${output.slice(-2000)}`));
    const timer = setTimeout(() => fail("was not ready in time"), spec.readyMs ?? 20_000);
    wake = () => {
      if (!ready.test(output)) return;
      clearTimeout(timer);
      resolve();
    };
    void exited.then((code) => {
      clearTimeout(timer);
      fail(`ended with code ${code} before it was ready`);
    });
    wake();
  }).catch(async (error: unknown) => {
    await running.stop(0);
    throw error;
  });
  wake = () => {};
  return running;
}

/**
 * Ports below those that systems hand to outgoing connections (32,768 and up on Linux, 49,152 and up
 * elsewhere): a connection that was opened after the probe cannot sit where a server is to listen.
 */
const serverPorts = { from: 10_240, to: 32_767 };

/**
 * A TCP port on 127.0.0.1 that was free a moment ago.
 * @param to the highest port that will do
 */
export async function freePort(to = serverPorts.to): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = randomInt(serverPorts.from, to + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${serverPorts.from} and ${to}`);
}

/** Whether a server could listen on a port of 127.0.0.1 right now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
