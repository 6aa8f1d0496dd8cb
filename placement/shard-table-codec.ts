import type { NodeRun } from "./hosting.ts";
import { runKey, type ShardEntry, type ShardTable } from "./shard-table.ts";

/**
 * The table as text, compact because it is written whole: runs once in a list, then per shard
 * `<owner>.<epoch>[.<to>]` in base 36, equal neighbours as `...*<count>`. 256 shards of three nodes take under 2 kB.
 */
interface Wire {
  readonly v: 1;
  readonly g: number;
  readonly w: string;
  readonly d: readonly string[];
  readonly r: readonly string[];
  readonly t: string;
}

const base = 36;
const maxShards = 65_536;

/** Writes the table as text. */
export function encodeTable(table: ShardTable): string {
  const places = new Map<string, number>();
  const place = (run: NodeRun): string => {
    const key = runKey(run);
    const known = places.get(key) ?? places.size;
    places.set(key, known);
    return known.toString(base);
  };
  const runs: { text: string; count: number }[] = [];
  for (const entry of table.shards) {
    const head = `${place(entry.owner)}.${entry.epoch.toString(base)}`;
    const text = entry.kind === "moving" ? `${head}.${place(entry.to)}` : head;
    const last = runs.at(-1);
    if (last?.text === text) last.count += 1;
    else runs.push({ text, count: 1 });
  }
  const wire: Wire = {
    v: 1,
    g: table.generation,
    w: table.writer,
    d: table.dead,
    r: [...places.keys()],
    t: runs.map(({ text, count }) => (count === 1 ? text : `${text}*${count.toString(base)}`)).join(","),
  };
  return JSON.stringify(wire);
}

/** Reads a table; undefined when the text is anything else. */
export function decodeTable(text: string): ShardTable | undefined {
  const wire = parseWire(text);
  if (wire === undefined) return undefined;
  const runs = wire.r.map(parseRunKey);
  const shards: ShardEntry[] = [];
  for (const part of wire.t.split(",")) {
    const read = decodeEntry(part, runs);
    if (read === undefined || shards.length + read.count > maxShards) return undefined;
    for (let i = 0; i < read.count; i++) shards.push(read.entry);
  }
  return { generation: wire.g, writer: wire.w, dead: wire.d, shards };
}

/** Reads `node/incarnation`; undefined when the text is anything else. */
function parseRunKey(key: string): NodeRun | undefined {
  const slash = key.indexOf("/");
  if (slash <= 0 || slash === key.length - 1) return undefined;
  return { node: key.slice(0, slash), incarnation: key.slice(slash + 1) };
}

function decodeEntry(
  part: string,
  runs: readonly (NodeRun | undefined)[],
): { entry: ShardEntry; count: number } | undefined {
  const [fields = "", times = "1", more] = part.split("*");
  const [owner, epoch, to, rest] = fields.split(".");
  const count = parseNumber(times);
  const ownerRun = runAt(runs, owner);
  const epochNumber = parseNumber(epoch);
  if (more !== undefined || rest !== undefined || ownerRun === undefined) return undefined;
  if (count === undefined || count < 1 || count > maxShards) return undefined;
  if (epochNumber === undefined || epochNumber < 1) return undefined;
  if (to === undefined) return { entry: { kind: "stable", owner: ownerRun, epoch: epochNumber }, count };
  const toRun = runAt(runs, to);
  if (toRun === undefined) return undefined;
  return { entry: { kind: "moving", owner: ownerRun, epoch: epochNumber, to: toRun }, count };
}

function runAt(runs: readonly (NodeRun | undefined)[], place: string | undefined): NodeRun | undefined {
  const index = parseNumber(place);
  return index === undefined ? undefined : runs[index];
}

function parseNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9a-z]{1,10}$/.test(text)) return undefined;
  return Number.parseInt(text, base);
}

function parseWire(text: string): Wire | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const wire = value as Partial<Record<keyof Wire, unknown>>;
  if (wire.v !== 1 || typeof wire.w !== "string" || typeof wire.t !== "string") return undefined;
  if (typeof wire.g !== "number" || !Number.isSafeInteger(wire.g) || wire.g < 1) return undefined;
  if (!isStrings(wire.d) || !isStrings(wire.r)) return undefined;
  return { v: 1, g: wire.g, w: wire.w, d: wire.d, r: wire.r, t: wire.t };
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
