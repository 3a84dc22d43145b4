import { isLockTimeout } from './platform/postgres/pool/database-errors.ts';

export interface CommandTexts {
  /** What a failure begins with: `Not verified`. */
  failed: string;
  /** What is said of a command that a signal interrupted. */
  interrupted: string;
  /** What it exits with in both cases. */
  code: number;
}

/** How long a command waits for a lock of another session. */
export const LOCK_TIMEOUT_MS = 5_000;

function reasonOf(error: unknown): string {
  if (isLockTimeout(error)) return `another session kept a table locked for ${LOCK_TIMEOUT_MS / 1000} s`;
  return error instanceof Error ? error.message || error.name : String(error);
}

/**
 * Runs a command beside the server: `work` gives its exit code. SIGINT and SIGTERM abort its signal, and a failure
 * is one line on standard error.
 */
export async function runCommand(work: (signal: AbortSignal) => Promise<number>, texts: CommandTexts): Promise<void> {
  const interrupted = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => interrupted.abort(new Error(name)));
  }
  const { signal } = interrupted;
  process.exitCode = await work(signal).catch((error: unknown) => {
    const line = signal.aborted
      ? `Interrupted by ${signal.reason.message}: ${texts.interrupted}.`
      : `${texts.failed}: ${reasonOf(error)}`;
    process.stderr.write(`${line.replace(/\s+/g, ' ')}\n`);
    return texts.code;
  });
}
