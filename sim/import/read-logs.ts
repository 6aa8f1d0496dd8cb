/** Reads connection logs line by line, so that their size does not matter, only what happened in the window. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { parseEntry, type Entry } from "./entry.ts";

/** The part of the time that is wanted, in wall milliseconds. */
export interface Window {
  readonly from: number;
  readonly until: number;
}

/** What the logs of all nodes say together. */
export interface Recording {
  /** Within the window, in the order of time. */
  readonly entries: readonly Entry[];
  /** The last line about each device before the window: who was there when it began. */
  readonly before: ReadonlyMap<string, Entry>;
}

/** Beyond these the files are no connection logs, or too damaged to be one. */
const mostBad = 100;
/** Beyond these a run would not fit into memory. */
const mostEntries = 3_000_000;

/**
 * Reads the logs of several nodes, rotated and gzipped ones too. Lines that are wrong are told and passed over; a last
 * line that was torn by a crash is no fault.
 * @param tell told `file:line what is wrong`
 * @throws Error when a file cannot be read, has more than 100 wrong lines, or too much happened
 */
export async function readLogs(
  paths: readonly string[],
  window: Window,
  tell: (text: string) => void,
): Promise<Recording> {
  const entries: Entry[] = [];
  const before = new Map<string, Entry>();
  const take = (entry: Entry): void => {
    if (entry.at > window.until) return;
    if (entry.at >= window.from) entries.push(entry);
    else if (entry.device !== "" && entry.at >= (before.get(entry.device)?.at ?? -Infinity))
      before.set(entry.device, entry);
    if (entries.length > mostEntries)
      throw new Error(`there are more than ${mostEntries} lines; choose a part of them with --from and --to`);
  };
  for (const path of paths) await readLog(path, take, tell);
  // Stable: what one node wrote in the same millisecond stays in its order.
  entries.sort((a, b) => a.at - b.at);
  return { entries, before };
}

async function readLog(
  path: string,
  take: (entry: Entry) => void,
  tell: (text: string) => void,
): Promise<void> {
  const file = createReadStream(path);
  const input = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  const failed = new Promise<never>((_resolve, reject) => {
    for (const stream of [file, input])
      stream.once("error", (error) => reject(new Error(`${path}: ${error.message}`)));
  });
  const read = async (): Promise<void> => {
    let number = 0;
    let bad = 0;
    /** Told when another line follows: the last one may be torn. */
    let wrong = "";
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      number++;
      if (wrong !== "") tell(wrong);
      wrong = "";
      if (line.trim() === "") continue;
      const entry = parseEntry(line);
      if (typeof entry !== "string") take(entry);
      else if (++bad > mostBad)
        throw new Error(`${path} has more than ${mostBad} wrong lines; is it a connection log?`);
      else wrong = `${path}:${number} ${entry}`;
    }
    if (wrong !== "") tell(`${wrong}; the last line, torn when its node died`);
  };
  await Promise.race([read(), failed]);
}
