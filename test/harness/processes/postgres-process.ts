import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** The report of `use-postgres.ts`: the first three fields, or `error`. */
export interface PostgresReport {
  connectionString: string;
  pid: number;
  folder: string;
  error?: { name: string; code: string; message: string };
}

export interface PostgresProcess extends PostgresReport {
  /** Ends the process with `stop()`, as SIGTERM ends a server. */
  stop(): Promise<void>;
  /** Ends the process as `kill -9` does. */
  kill(): Promise<void>;
}

export interface PostgresProcessOptions {
  settings?: Record<string, string>;
  /** The user and group that runs the process. */
  uid?: number;
  /** The maximum size of a file in KiB, which simulates a full disk. */
  maxFileKib?: number;
}

/** Starts a process that calls `startEmbeddedPostgres`, and resolves with its report. */
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
    ended.then(([code]) => Promise.reject(new Error(`The process ended with ${code} before it reported.`))),
  ]);
  const end = async (how: () => unknown) => {
    how();
    await ended;
  };
  const stop = () => end(() => child.stdin.end());
  return { ...JSON.parse(line), stop, kill: () => end(() => child.kill('SIGKILL')) };
}
