import type { Member } from "./hosting.ts";

/** The value of a node's key: what it says about itself, renewed every second. */
export interface NodeRecord extends Omit<Member, "state"> {
  /** `left`: this run has let go of everything and is gone; nobody needs to wait for its silence. */
  readonly state: Member["state"] | "left";
  /** How many renewals this process has sent. */
  readonly beat: number;
  /** One more than the run had whose key this one took over: of two processes under one id the later one stays. */
  readonly life: number;
}

const prefix = "node.";

/** The key of a node's record. */
export function nodeKey(node: string): string {
  return `${prefix}${node}`;
}

/** Whose record the key holds; undefined for any other key. */
export function nodeOfKey(key: string): string | undefined {
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}

/** Writes a record as text. */
export function encodeRecord(record: NodeRecord): string {
  const { node: _, ...rest } = record;
  return JSON.stringify(rest);
}

/** Reads the record under a node's key; undefined when the text is anything else. */
export function decodeRecord(node: string, text: string): NodeRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { incarnation, version, state, url, zone, lane, capacity, beat, life } = value as Record<
    string,
    unknown
  >;
  if (typeof incarnation !== "string" || incarnation === "" || typeof version !== "string") return undefined;
  if (state !== "up" && state !== "draining" && state !== "left") return undefined;
  if (typeof url !== "string" || typeof zone !== "string" || typeof lane !== "string") return undefined;
  if (typeof capacity !== "number" || typeof beat !== "number" || typeof life !== "number") return undefined;
  return { node, incarnation, version, state, url, zone, lane, capacity, beat, life };
}
