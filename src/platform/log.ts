import { type Logger, pino } from 'pino';

export type Log = Logger;

/** Where the lines of a log go. */
export interface LogOutput {
  write(line: string): void;
}

/** Holds lines back until it is released. */
export interface HeldOutput extends LogOutput {
  /** Writes the warnings and errors that were held; from now on each line at once. */
  release(): void;
}

const WARN = 40;

function isWarning(line: string): boolean {
  const { level }: { level: number } = JSON.parse(line);
  return level >= WARN;
}

/**
 * For a start in a terminal, where a person reads the greeting first: what is less than a warning
 * is of no use to that person and is left out.
 */
export function holdUntilReleased(output: LogOutput): HeldOutput {
  let held: string[] | null = [];
  return {
    write(line) {
      if (held === null) output.write(line);
      else if (isWarning(line)) held.push(line);
    },
    release() {
      for (const line of held ?? []) output.write(line);
      held = null;
    },
  };
}

/** Writes JSON lines with UTC times, to standard output by default; the names below are redacted. */
export function createLog(level: string, output?: LogOutput): Log {
  const options = {
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: ['secret', '*.secret', 'authorization', '*.authorization', 'apiKey'], censor: '[redacted]' },
  };
  return output ? pino(options, output) : pino(options);
}
