import { resolve } from "node:path";
import { parseArgs } from "node:util";

/** What was asked for on the command line. */
export interface Options {
  readonly bench: string;
  readonly json: boolean;
  /** Smoke: keep these ratios as the ones that later runs are held against. */
  readonly record: boolean;
  readonly rounds: number;
  /** Length of the measured window; 0: as the bench likes it. */
  readonly seconds: number;
  /** Seconds under load before the window opens: code that runs for weeks is measured, not code that is being compiled. */
  readonly warmUp: number;
  /** Everybody stays at the node where they landed. */
  readonly scattered: boolean;
  /** Pairs, members, clients or sessions; 0: as the bench likes it. */
  readonly size: number;
  readonly window: number;
  /** Messages offered per second where the bench offers a rate. */
  readonly rate: number;
  readonly bytes: number;
  readonly nodes: number;
  /** Storm: one node is killed. */
  readonly kill: boolean;
  /** Scaling: numbers of nodes, and of conversations. */
  readonly clusters: readonly number[];
  readonly conversations: readonly number[];
  /** The outcome is kept in bench/results. */
  readonly save: boolean;
  readonly generators: number;
  /** Names of the systems; empty: all that the bench knows. */
  readonly only: readonly string[];
  /** Folder for CPU profiles of Usher's nodes; empty: none. */
  readonly profile: string;
}

/** An option that cannot be used; the message is one line. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

/** Reads the command line. @throws OptionError; undefined: help is wanted */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parse(args);
  const [bench] = positionals;
  if (values["help"] === true || bench === undefined) return undefined;
  const number = (name: string, fallback: number): number => {
    const text = values[name];
    const value = text === undefined ? fallback : Number(text);
    if (Number.isFinite(value) && value >= 0) return value;
    throw new OptionError(`--${name} takes a number, not ${String(text)}`);
  };
  const list = (name: string, fallback: readonly number[]): readonly number[] => {
    const text = values[name];
    if (text === undefined) return fallback;
    const numbers = String(text)
      .split(",")
      .filter((one) => one !== "")
      .map(Number);
    if (numbers.every((one) => Number.isInteger(one) && one > 0)) return numbers;
    throw new OptionError(`--${name} takes whole numbers with commas, not ${String(text)}`);
  };
  const kill = values["kill"] === true;
  if (kill && bench !== "storm") throw new OptionError("--kill is for storm");
  const only = values["only"];
  const profile = values["profile"];
  return {
    bench,
    json: values["json"] === true,
    record: values["record"] === true,
    rounds: number("rounds", bench === "smoke" ? 1 : 3),
    seconds: number("seconds", 0),
    warmUp: number("warm-up", 10),
    scattered: values["scattered"] === true,
    size: number("size", 0),
    window: number("window", 0),
    rate: number("rate", 4000),
    bytes: number("bytes", 100),
    nodes: number("nodes", kill ? 4 : 3),
    kill,
    clusters: list("clusters", [2, 4, 6]),
    conversations: list("conversations", [1000, 10_000, 100_000]),
    save: values["save"] === true,
    generators: Math.max(1, number("generators", 1)),
    profile: typeof profile === "string" ? resolve(profile) : "",
    only: typeof only === "string" ? only.split(",") : [],
  };
}

function parse(args: readonly string[]): {
  values: Record<string, string | boolean | undefined>;
  positionals: string[];
} {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { ...flag, short: "h" },
        json: flag,
        record: flag,
        kill: flag,
        save: flag,
        clusters: text,
        conversations: text,
        rounds: text,
        seconds: text,
        "warm-up": text,
        scattered: flag,
        size: text,
        window: text,
        rate: text,
        bytes: text,
        nodes: text,
        generators: text,
        only: text,
        profile: text,
      },
    });
  } catch (error) {
    throw new OptionError(error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
  }
}
