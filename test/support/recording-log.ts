import type { Log, LogFields } from "../../base/log.ts";

/** A line as it was logged. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

/** Remembers everything, for tests of what an operator gets to read. */
export function recordingLog(lines: LogLine[], fixed: LogFields = {}): Log {
  const at =
    (level: LogLine["level"]) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ level, message, fields: { ...fixed, ...fields } });
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => recordingLog(lines, { ...fixed, ...fields }),
  };
}
