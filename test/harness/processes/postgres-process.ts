import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What `use-postgres.ts` reports: either all of the first three or `error`. */
export interface PostgresReport {
  connectionString: string;
  pid: number;
  folder: string;
  error?: { name: string; code: string; message: string };
}

export interface PostgresProcess extends PostgresReport {
  /** Ends the process as SIGTERM would end Meterr: with `stop()`. */
  stop(): Promise<void>;
  /** Ends the process as `kill -9` does. */
  kill(): Promise<void>;
}

export interface PostgresProcessOptions {
  settings?: Record<string, string>;
  /** Runs as this user and group. */
  uid?: number;
  /** No file may become larger: a full disk for those who have none at hand. */
  maxFileKib?: number;
}

/**
 * Starts a Node process that starts or finds the PostgreSQL of `dataDir`; resolves with its report.
 */
export async function usePostgres(dataDir: string, options: PostgresProcessOptions = {}): Promise<PostgresProcess> {
  const { settings = {}, uid, maxFileKib } = options;
  const script = join(import.meta.dirname, 'use-postgres.ts');
  const node = [process.execPath, script, dataDir, JSON.stringify(settings)];
  const limit = maxFileKib === undefined ? '' : `ulimit -f ${maxFileKib * 2}; trap '' XFSZ;`;
  const child = spawn('/bin/sh', ['-c', `${limit} exec "$@"`, 'sh', ...node], {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const ended = once(child, 'exit');
  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then(([code]) => Promise.reject(new Error(`It ended with ${code} and said nothing.`))),
  ]);
  const end = async (how: () => unknown) => {
    how();
    await ended;
  };
  const stop = () => end(() => child.stdin.end());
  return { ...JSON.parse(line), stop, kill: () => end(() => child.kill('SIGKILL')) };
}
