import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { cpuSecondsOf } from "../measure/processes.ts";
import type { Answer, Integrity, JobSpec, Request } from "./job.ts";

/** The generator processes of one run. */
export interface Generators {
  readonly pids: readonly number[];
  /** CPU seconds used so far by all of them. */
  cpuSeconds(): number;
  /** Lets all do a step at once. @throws Error when one fails */
  step<T extends object>(name: string, argument?: number): Promise<T[]>;
  /** The last step, with everything that went wrong. */
  finish(): Promise<Integrity>;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL("generator.ts", import.meta.url));

/** Starts as many generator processes as there are specs. */
export async function startGenerators(specs: readonly JobSpec[]): Promise<Generators> {
  const children = specs.map(() => fork(program, { execArgv: ["--disable-warning=ExperimentalWarning"] }));
  const pids = children.map(({ pid }) => pid ?? 0);
  const generators: Generators = {
    pids,
    cpuSeconds: () => cpuSecondsOf(pids),
    step: <T extends object>(name: string, argument = 0) =>
      Promise.all(children.map((child) => ask(child, { kind: "step", name, argument }) as Promise<T>)),
    async finish() {
      const ends = await generators.step<Integrity>("finish");
      const sum = (of: (end: Integrity) => number): number => ends.reduce((total, end) => total + of(end), 0);
      const troubles: Record<string, number> = {};
      for (const end of ends)
        for (const [what, count] of Object.entries(end.troubles))
          troubles[what] = (troubles[what] ?? 0) + count;
      return {
        lost: sum(({ lost }) => lost),
        duplicated: sum(({ duplicated }) => duplicated),
        disordered: sum(({ disordered }) => disordered),
        troubles,
      };
    },
    async stop() {
      await Promise.all(children.map(end));
    },
  };
  await Promise.all(children.map((child, i) => ask(child, { kind: "job", spec: specs[i] as JobSpec })));
  return generators;
}

function ask(child: ChildProcess, request: Request): Promise<object> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`the load generator ended with code ${code}`));
    child.once("exit", onExit);
    child.once("message", (answer: Answer) => {
      child.off("exit", onExit);
      if (answer.kind === "result") resolve(answer.result);
      else reject(new Error(answer.text));
    });
    child.send(request);
  });
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
