import { execFile } from 'node:child_process';
import { appendFile, chown, readFile, readlink, realpath, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AppError } from '../errors.ts';
import { explainFolderError } from './data-folder.ts';
import type { PostgresBinaries } from './embedded-postgres-binaries.ts';
import { HAS_UNIX_SOCKETS, makePrivateFolder, type PostgresHome, socketFolder } from './embedded-postgres-home.ts';
import type { NameGiven } from './nameless-user.ts';

/** A running server, as its postmaster.pid describes it. */
export interface Postmaster {
  pid: number;
  port: number;
  socketFolder: string;
}

export const SUPERUSER = 'meterr';
const START_TIMEOUT_SECONDS = 300;
/** PostgreSQL kills what has not ended 5 s after an immediate stop; `pg_ctl` waits for that. */
const IMMEDIATE_STOP_SECONDS = 10;
const STOP_POLL_MS = 50;
const MAX_LOG_BYTES = 5_000_000;
const LOG_TAIL_LINES = 4;
const ORPHANS_TIMEOUT_MS = 20_000;
const ORPHANS_POLL_MS = 100;
const UNIX_PORT = 5432;

/** For a small machine that loses its power: what is committed is on the disk. */
const DEFAULT_SETTINGS: Record<string, string> = {
  shared_buffers: '256MB',
  max_connections: '200',
  work_mem: '8MB',
  maintenance_work_mem: '64MB',
  random_page_cost: '1.1',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_compression: 'on',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Above ERROR in the server's order: a client's failed statement, with its data, stays out of the
  // log.
  log_min_messages: 'log',
  log_checkpoints: 'off',
};

/**
 * glibc gives memory back to the kernel after each statement that used more than 128 kB, and takes
 * it page by page for the next: a third of a small batch's time. With these, a server process keeps
 * up to 16 MB. Others ignore them.
 */
const MALLOC_SETTINGS = {
  MALLOC_TRIM_THRESHOLD_: '16777216',
  MALLOC_MMAP_THRESHOLD_: '16777216',
  MALLOC_TOP_PAD_: '1048576',
};

const execute = promisify(execFile);

/**
 * Runs one of the binaries as the server's user. An aborted `signal` terminates it, and its end is
 * waited for. Throws what execFile throws, with `stderr`.
 */
export async function runBinary(
  binaries: PostgresBinaries,
  home: PostgresHome,
  name: string,
  args: string[],
  signal?: AbortSignal,
  named: NameGiven = { command: [], env: {} },
): Promise<void> {
  signal?.throwIfAborted();
  // A clean environment: PGPORT, PGDATA and a translated LC_MESSAGES of the shell do not reach the
  // server.
  const env = HAS_UNIX_SOCKETS ? { LC_ALL: 'C', PATH: '/usr/bin:/bin', ...MALLOC_SETTINGS, ...named.env } : undefined;
  const [file = '', ...words] = [...named.command, join(binaries.folder, 'bin', name), ...args];
  const running = execute(file, words, { cwd: home.folder, env, ...home.user });
  const end = () => running.child.kill();
  signal?.addEventListener('abort', end);
  try {
    await running;
  } finally {
    signal?.removeEventListener('abort', end);
  }
}

async function give(home: PostgresHome, path: string): Promise<void> {
  if (home.user) await chown(path, home.user.uid, home.user.gid);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve, reject) => probe.once('listening', resolve).once('error', reject));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address ? address.port : UNIX_PORT;
}

async function writeSettings(home: PostgresHome, settings: Record<string, string>): Promise<void> {
  const place: Record<string, string> = HAS_UNIX_SOCKETS
    ? {
        listen_addresses: '',
        port: String(UNIX_PORT),
        // A list of names. Their quotes allow any character.
        unix_socket_directories: `"${socketFolder(home).replaceAll('"', '""')}"`,
        unix_socket_permissions: '0700',
      }
    : { listen_addresses: '127.0.0.1', port: String(await freePort()) };
  const lines = Object.entries({ ...DEFAULT_SETTINGS, ...settings, ...place });
  const text = lines.map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`).join('');
  const path = join(home.folder, 'data', 'meterr.conf');
  await writeFile(path, `# Written by Meterr at each start.\n${text}`);
  await give(home, path);
}

/**
 * Waits for `starting`; once `signal` is aborted, stops what has come up, again and again until
 * `starting` has noticed: a server that has just been forked cannot be found yet.
 */
async function untilAborted(starting: Promise<void>, signal: AbortSignal | undefined, stop: () => Promise<void>) {
  let isPending = true;
  let ending: Promise<void> | undefined;
  const end = async () => {
    while (isPending) {
      await stop().catch(() => {});
      await sleep(STOP_POLL_MS);
    }
  };
  const abort = () => {
    ending = end();
  };
  signal?.addEventListener('abort', abort);
  try {
    await starting;
  } finally {
    isPending = false;
    signal?.removeEventListener('abort', abort);
    // Its last stop ends before we do: no process of ours is left.
    await ending;
  }
}

/**
 * Starts the server, which then lives on its own. The caller holds the lock and found none running.
 * @param signal aborted: it is stopped again, also while it recovers from a crash
 */
export async function launchServer(
  binaries: PostgresBinaries,
  home: PostgresHome,
  settings: Record<string, string>,
  signal?: AbortSignal,
): Promise<void> {
  if (HAS_UNIX_SOCKETS) {
    // The socket of a killed server has a pid file too, which PostgreSQL believes while that number
    // is in use.
    await rm(socketFolder(home), { recursive: true, force: true });
    await makePrivateFolder(socketFolder(home), home.user);
  }
  await writeSettings(home, settings);
  const logFile = join(home.folder, 'postgres.log');
  await appendFile(logFile, '', { mode: 0o600 });
  await give(home, logFile);
  if ((await stat(logFile)).size > MAX_LOG_BYTES) await truncate(logFile);
  const deadline = performance.now() + ORPHANS_TIMEOUT_MS;
  for (;;) {
    const { size } = await stat(logFile);
    try {
      // Names relative to the home: pg_ctl passes them through a shell.
      const args = ['start', '-D', 'data', '-l', 'postgres.log', '-w', '-t', String(START_TIMEOUT_SECONDS), '-s'];
      return await untilAborted(runBinary(binaries, home, 'pg_ctl', args), signal, () => stopServer(binaries, home, 0));
    } catch (cause) {
      signal?.throwIfAborted();
      const written = (await readFile(logFile)).subarray(size).toString();
      // A postmaster that was killed leaves children, which notice and end, but not at once.
      if (!written.includes('shared memory block') || performance.now() > deadline) {
        const reason = summarizeLog(written) || explainFolderError(cause);
        const message = `PostgreSQL did not start in ${home.folder}: ${reason} (log: ${logFile})`;
        throw new AppError('unavailable', message, { cause });
      }
      await sleep(ORPHANS_POLL_MS);
    }
  }
}

/** The last lines as one, without the time and process that begin them. */
function summarizeLog(text: string): string {
  const lines = text.trim().split('\n').slice(-LOG_TAIL_LINES);
  return lines.map((line) => line.replace(/^\d{4}-\S+ \S+ \S+ \[\d+\] /, '').trim()).join(' ');
}

/**
 * Stops the server: its clients are disconnected, what they committed is safe. One that is not gone
 * within `timeoutMs` is ended without a checkpoint: the next start then replays its log, and
 * nothing is lost by that either.
 */
export async function stopServer(binaries: PostgresBinaries, home: PostgresHome, timeoutMs: number): Promise<void> {
  const stop = (mode: string, seconds: number, signal?: AbortSignal) =>
    runBinary(binaries, home, 'pg_ctl', ['stop', '-D', 'data', '-m', mode, '-w', '-t', String(seconds), '-s'], signal);
  const late = AbortSignal.timeout(Math.max(Math.round(timeoutMs), STOP_POLL_MS));
  try {
    await stop('fast', Math.ceil(timeoutMs / 1_000) + 1, late);
  } catch {
    if ((await findPostmaster(home)) === null) return;
    try {
      await stop('immediate', IMMEDIATE_STOP_SECONDS);
    } catch (cause) {
      if ((await findPostmaster(home)) === null) return;
      throw new AppError('unavailable', `PostgreSQL in ${home.folder} did not stop: ${explainFolderError(cause)}`, {
        cause,
      });
    }
  }
}

/**
 * The server that runs on this home's data, or null. A postmaster.pid whose process is gone is left
 * to PostgreSQL, which replaces it; one whose number belongs to another process, or to a zombie,
 * would keep PostgreSQL from starting (and `pg_ctl status` believes it), so it is removed. The
 * caller holds the lock.
 */
export async function findPostmaster(home: PostgresHome): Promise<Postmaster | null> {
  const path = join(home.folder, 'data', 'postmaster.pid');
  const text = await readFile(path, 'utf8').catch(() => '');
  const [pidLine = '', folder = '', , port = '', socket = ''] = text.split('\n');
  const pid = Number(pidLine);
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return null;
  if (await isPostmasterOf(home, pid, folder)) return { pid, port: Number(port), socketFolder: socket };
  await rm(path, { force: true });
  return null;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function isPostmasterOf(home: PostgresHome, pid: number, recordedFolder: string): Promise<boolean> {
  if (!HAS_UNIX_SOCKETS) return true;
  const data = await realpath(join(home.folder, 'data'));
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  const [, linuxName, state] = /^\d+ \((.*)\) (\w)/s.exec(status ?? '') ?? [];
  // A killed server that its parent has not reaped, in a container perhaps never.
  if (state === 'Z') return false;
  // A postmaster works in its data folder; a copy of that, with the pid file, is another cluster.
  const workingFolder = await readlink(`/proc/${pid}/cwd`).catch(() => null);
  if (workingFolder !== null) return workingFolder === data;
  const name = linuxName ?? (await execute('/bin/ps', ['-o', 'comm=', '-p', String(pid)]).catch(() => null))?.stdout;
  return basename(name?.trim() ?? '') === 'postgres' && recordedFolder === data;
}
