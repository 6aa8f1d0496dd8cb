/** Structured fields of a log line: ids, counts, codes. Never a secret and never a message body. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where a node writes what an operator may want to read. */
export interface Log {
  /** For following one case; off by default. */
  debug(message: string, fields?: LogFields): void;
  /** Normal events that an operator expects to see. */
  info(message: string, fields?: LogFields): void;
  /** Something failed and is being handled. */
  warn(message: string, fields?: LogFields): void;
  /** Something failed and a person has to look. */
  error(message: string, fields?: LogFields): void;
  /** A log whose every line carries these fields too. */
  child(fields: LogFields): Log;
}

/** Swallows everything: for tests and tools. */
export function silentLog(): Log {
  const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  return log;
}
