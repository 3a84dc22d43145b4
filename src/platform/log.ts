import { type Logger, pino } from 'pino';

export type Log = Logger;

/** A JSON line logger on standard output, UTC times; secrets under these names never reach it. */
export function createLog(level: string): Log {
  return pino({
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: ['secret', '*.secret', 'authorization', '*.authorization', 'apiKey'], censor: '[redacted]' },
  });
}
