/** One line of a connection log (server/connection-log.ts). */
export interface Entry {
  /** Wall milliseconds of its node. */
  readonly at: number;
  readonly node: string;
  readonly event: "attach" | "resume" | "detach" | "start" | "stop";
  /** A hash; empty for a node's own start and stop. */
  readonly device: string;
  readonly role: string;
  /** From the opening of the socket until the device was served. */
  readonly tookMs: number;
  /** Of a detach: the close code, and who ended it. */
  readonly code: number;
  readonly cause: string;
}

const events: ReadonlySet<unknown> = new Set(["attach", "resume", "detach", "start", "stop"]);
const nodeEvents: ReadonlySet<unknown> = new Set(["start", "stop"]);

/** Reads a line; a text says what is wrong with it. Fields that are not known are passed over. */
export function parseEntry(line: string): Entry | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "is not JSON";
  }
  if (typeof value !== "object" || value === null) return "is no object";
  const fields = value as Readonly<Record<string, unknown>>;
  const { at, node, event, device } = fields;
  if (typeof at !== "number" || !Number.isFinite(at)) return "has no time";
  if (typeof node !== "string" || node === "") return "names no node";
  if (!events.has(event)) return `has no event that is known: ${JSON.stringify(event)}`;
  const ofNode = nodeEvents.has(event);
  if (!ofNode && (typeof device !== "string" || device === "")) return "names no device";
  const text = (name: string): string => (typeof fields[name] === "string" ? fields[name] : "");
  const number = (name: string): number =>
    typeof fields[name] === "number" && fields[name] >= 0 ? fields[name] : 0;
  return {
    at,
    node,
    event: event as Entry["event"],
    device: ofNode ? "" : text("device"),
    role: text("role"),
    tookMs: number("tookMs"),
    code: number("code"),
    cause: text("cause"),
  };
}
