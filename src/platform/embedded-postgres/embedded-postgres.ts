import { open, readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { AppError } from '../errors.ts';
import { type FileLock, tryFileLock, waitForFileLock } from '../file-lock.ts';
import { explainFolderError, makeFolder } from './data-folder.ts';
import {
  copyPostgresBinaries,
  findPostgresBinaries,
  linkLibraries,
  type PostgresBinaries,
  removeOtherCopies,
} from './embedded-postgres-binaries.ts';
import { HAS_UNIX_SOCKETS, openPostgresHome, type PostgresHome, socketFolder } from './embedded-postgres-home.ts';
import { findPostmaster, launchServer, type Postmaster, SUPERUSER, stopServer } from './embedded-postgres-server.ts';
import { initializeData } from './initialize-data.ts';

export interface EmbeddedPostgresOptions {
  /** Made when it is missing. One data folder, one cluster. */
  dataDir: string;
  /** Told of what takes a while or deserves notice, in whole lines. */
  log?: (line: string) => void;
  /** Told why the call takes long, where another process is the reason. */
  warn?: (line: string) => void;
  /**
   * Server settings over the defaults; they count when this call is the one that starts the server.
   */
  settings?: Record<string, string>;
  /**
   * Aborted: the start is given up. What it started is stopped, and the call rejects with the
   * signal's reason.
   */
  signal?: AbortSignal;
}

export interface EmbeddedPostgres {
  /** For `pg` and all that builds on it; the database `meterr`, as superuser. */
  connectionString: string;
  pid: number;
  /** Where the cluster's files lie: `<dataDir>/postgres`, or where that link leads. */
  folder: string;
  /**
   * Stops the server unless another process uses it too. A second call does nothing.
   * @param timeoutMs what it gets to disconnect its clients and write a checkpoint; then it is
   * ended at once, and the next start replays its log instead
   */
  stop(timeoutMs?: number): Promise<void>;
}

const DATABASE = 'meterr';
const LOCK_TIMEOUT_MS = 300_000;
/** A start takes about so long: whoever waits longer for it says so. */
const QUIET_WAIT_MS = 3_000;
const STOP_TIMEOUT_MS = 60_000;
/** How long a start that was given up waits for its server to stop. */
const ABORTED_STOP_MS = 2_000;
const READY_TIMEOUT_MS = 300_000;
const SILENT_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
const STARTING_OR_STOPPING = '57P03';
const NO_SUCH_DATABASE = '3D000';

/**
 * The PostgreSQL of a data folder: found where it runs, else started, and made first where it does
 * not exist. The server is not our child and outlives a `kill -9`; the next start finds it. Any
 * number of processes may start at once: `lock` lets one at a time start or stop, and each user
 * holds a share of `users` for as long as it lives, so that the last one, and only the last one,
 * can take that lock alone and stop the server.
 *
 * Throws `unavailable`, with one line that names the folder and the cause.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  let folder = resolve(options.dataDir);
  try {
    await makeFolder(folder);
    folder = await realpath(folder);
    return await withLock(folder, LOCK_TIMEOUT_MS, () => start(folder, options), options);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    options.signal?.throwIfAborted();
    const message = `PostgreSQL cannot use the data folder ${folder}: ${explainFolderError(cause)}`;
    throw new AppError('unavailable', message, { cause });
  }
}

async function withLock<T>(
  dataDir: string,
  timeoutMs: number,
  work: () => Promise<T>,
  { warn, signal }: Pick<EmbeddedPostgresOptions, 'warn' | 'signal'> = {},
): Promise<T> {
  const path = join(dataDir, 'postgres.lock');
  const deadline = performance.now() + timeoutMs;
  let lock = await waitForFileLock(path, Math.min(QUIET_WAIT_MS, timeoutMs), 'exclusive', signal);
  if (!lock) {
    warn?.(`another process starts or stops PostgreSQL in ${dataDir}; waiting for it`);
    lock = await waitForFileLock(path, Math.max(0, deadline - performance.now()), 'exclusive', signal);
  }
  if (!lock) {
    const message = `Another process keeps ${path} locked. Stop it, or set METERR_DATA_DIR to another folder.`;
    throw new AppError('unavailable', message);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

async function start(dataDir: string, options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const share = await waitForFileLock(join(dataDir, 'postgres.users'), POLL_MS, 'shared');
  if (!share) throw new AppError('unavailable', `${join(dataDir, 'postgres.users')} is locked by another program.`);
  try {
    return await startShared(dataDir, share, options);
  } catch (error) {
    share.release();
    throw error;
  }
}

async function startShared(
  dataDir: string,
  share: FileLock,
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const { settings = {}, signal, log = () => {} } = options;
  const home = await openPostgresHome(dataDir, log);
  const binaries = await prepareBinaries(home);
  let isOurs = false;
  const launch = async () => {
    signal?.throwIfAborted();
    await prepareData(binaries, home, log, signal);
    if (home.user) await removeOtherCopies(binaries, home.folder);
    signal?.throwIfAborted();
    isOurs = true;
    await launchServer(binaries, home, settings, signal);
  };
  try {
    const { connectionString, pid } = await findOrLaunch(home, launch, log, signal);
    const stop = (timeoutMs?: number) =>
      release(dataDir, share, timeoutMs, () => stopServer(binaries, home, timeoutMs ?? STOP_TIMEOUT_MS));
    return { connectionString, pid, folder: home.folder, stop };
  } catch (error) {
    // Nobody else can have begun to use it: we hold the lock.
    if (isOurs && (await findPostmaster(home))) await stopServer(binaries, home, ABORTED_STOP_MS);
    throw error;
  }
}

async function findOrLaunch(
  home: PostgresHome,
  launch: () => Promise<void>,
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<{ connectionString: string; pid: number }> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadline) {
    let postmaster = await findPostmaster(home);
    if (!postmaster) {
      await launch();
      postmaster = await findPostmaster(home);
    }
    const connectionString = postmaster && (await connectWhenReady(home, postmaster, deadline, log, signal));
    if (postmaster && connectionString) return { connectionString, pid: postmaster.pid };
  }
  throw new AppError('unavailable', `PostgreSQL in ${home.folder} was not ready in ${READY_TIMEOUT_MS / 1000} s.`);
}

async function release(
  dataDir: string,
  share: FileLock,
  timeoutMs: number | undefined,
  stopServerNow: () => Promise<void>,
): Promise<void> {
  if (!share.release()) return;
  await withLock(dataDir, timeoutMs ?? LOCK_TIMEOUT_MS, async () => {
    const alone = tryFileLock(join(dataDir, 'postgres.users'));
    if (!alone) return;
    alone.release();
    await stopServerNow();
  });
}

async function prepareBinaries(home: PostgresHome): Promise<PostgresBinaries> {
  const binaries = await findPostgresBinaries();
  if (home.user) return copyPostgresBinaries(binaries, home.folder);
  await linkLibraries(binaries.folder);
  return binaries;
}

async function prepareData(
  binaries: PostgresBinaries,
  home: PostgresHome,
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const version = await readFile(join(home.folder, 'data', 'PG_VERSION'), 'utf8').catch(() => null);
  if (version === null) {
    if (await stat(join(home.folder, 'data')).catch(() => null)) {
      throw new AppError('unavailable', `${join(home.folder, 'data')} is not a PostgreSQL data folder.`);
    }
    log(`Making a PostgreSQL ${binaries.version.split('-')[0]} database in ${home.folder}`);
    await initializeData(binaries, home, signal);
    await syncFolder(home.folder);
  } else if (version.trim() !== binaries.version.split('.')[0]) {
    const message = `${home.folder} holds data of PostgreSQL ${version.trim()}, but ${binaries.version} is installed: move the data with pg_dump and pg_restore, or install the older version.`;
    throw new AppError('unavailable', message);
  }
}

/** Makes a rename in `folder` outlive a power failure. */
async function syncFolder(folder: string): Promise<void> {
  if (!HAS_UNIX_SOCKETS) return;
  const handle = await open(folder);
  await handle.sync().finally(() => handle.close());
}

async function connectionStringOf(home: PostgresHome, postmaster: Postmaster, database: string): Promise<string> {
  if (!HAS_UNIX_SOCKETS) {
    const password = await readFile(join(home.folder, 'password'), 'utf8');
    return `postgresql://${SUPERUSER}:${password}@127.0.0.1:${postmaster.port}/${database}`;
  }
  // In a home that was moved while the server ran, the recorded path is the old one.
  const here = socketFolder(home);
  const isHere = await stat(join(here, `.s.PGSQL.${postmaster.port}`)).catch(() => null);
  const host = encodeURIComponent(isHere ? here : postmaster.socketFolder);
  return `postgresql://${SUPERUSER}@localhost/${database}?host=${host}&port=${postmaster.port}`;
}

/**
 * The connection string once the server answers; null when it went away meanwhile. Makes the
 * database if missing.
 */
async function connectWhenReady(
  home: PostgresHome,
  postmaster: Postmaster,
  deadline: number,
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  let answeredAt = performance.now();
  let isTold = false;
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    const connectionString = await connectionStringOf(home, postmaster, DATABASE);
    const failure = await query(connectionString, 'SELECT 1');
    if (!failure) return connectionString;
    if (failure.code === NO_SUCH_DATABASE) {
      const fault = await query(await connectionStringOf(home, postmaster, 'postgres'), `CREATE DATABASE ${DATABASE}`);
      if (fault) throw fault;
      continue;
    }
    if ((await findPostmaster(home))?.pid !== postmaster.pid) return null;
    if (failure.code === STARTING_OR_STOPPING) {
      answeredAt = performance.now();
      if (!isTold) log('PostgreSQL is recovering from a crash or stopping; waiting for it.');
      isTold = true;
    } else if (performance.now() - answeredAt > SILENT_TIMEOUT_MS) {
      const message = `PostgreSQL in ${home.folder} (pid ${postmaster.pid}) does not answer: ${failure.message}`;
      throw new AppError('unavailable', message, { cause: failure });
    }
    await sleep(POLL_MS);
  }
  return null;
}

/** Runs one statement on a connection of its own; returns the failure, or null. */
async function query(connectionString: string, sql: string): Promise<(Error & { code?: string }) | null> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 });
  // A server that stops under an idle client emits this outside any query.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(sql);
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    await client.end().catch(() => {});
  }
}
