import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** A Lua script, and the name under which Redis remembers it. */
export interface Script {
  readonly source: string;
  /** SHA-1 of the source in hexadecimal. */
  readonly sha: string;
}

function readScript(name: string): Script {
  const source = readFileSync(new URL(`${name}.lua`, import.meta.url), "utf8");
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}

/** All scripts of the store. */
export const scripts = {
  commit: readScript("commit"),
  claim: readScript("claim"),
  read: readScript("read"),
  due: readScript("due"),
  obligations: readScript("obligations"),
  stamp: readScript("stamp"),
} as const;
