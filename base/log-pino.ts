import { pino, type Logger } from "pino";
import type { Log } from "./log.ts";

/**
 * JSON lines on standard error through pino.
 * @param level trace, debug, info, warn, error, or silent
 */
export function pinoLog(level: string, fields: Readonly<Record<string, unknown>>): Log {
  return adapt(pino({ level, base: { ...fields } }, pino.destination({ dest: 2, sync: false })));
}

function adapt(logger: Logger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    child: (fields) => adapt(logger.child({ ...fields })),
  };
}
