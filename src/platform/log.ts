import { type Logger, pino } from 'pino';

export type Log = Logger;

/** Writes JSON lines with UTC times to standard output; the names below are redacted. */
export function createLog(level: string): Log {
  return pino({
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: ['secret', '*.secret', 'authorization', '*.authorization', 'apiKey'], censor: '[redacted]' },
  });
}
