import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from './errors.ts';

/**
 * `exclusive`: one holder in all processes. `shared`: many holders, none while it is held
 * exclusively.
 */
export type FileLockMode = 'exclusive' | 'shared';

export interface FileLock {
  /** Gives the lock back. False, and nothing done, when it was given back before. */
  release(): boolean;
}

const SQLITE_BUSY = 5;
const SQLITE_NOT_A_DATABASE = 26;
const POLL_MS = 25;
// A lock lives as long as its SQLite handle: kept here, it is not collected with a forgotten
// FileLock.
const held = new Set<DatabaseSync>();

function hasCode(error: unknown, code: number): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === code;
}

/** Only makes the file, so that what cannot be read or written shows as a plain system error. */
function createFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    if (!statSync(path).isFile()) throw foreign(path);
    accessSync(path, constants.R_OK | constants.W_OK);
  }
}

function foreign(path: string): AppError {
  return new AppError('unavailable', `${path} is not a lock of Meterr: another program made it. Move it away.`);
}

/**
 * Takes the lock at `path`, or null when another holder, in this process or another, is in the way.
 *
 * Why it holds: SQLite locks an (empty) file by record locks of the operating system. These end
 * with their process, however it dies, and children do not inherit them, so a lock is never stale.
 * @throws AppError unavailable where another program's file is in its place; a system error where it
 * cannot be read and written
 */
export function tryFileLock(path: string, mode: FileLockMode = 'exclusive'): FileLock | null {
  createFile(path);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // Without the pragma the lock would write a journal beside the file, which a full disk refuses.
    database.exec('PRAGMA journal_mode = MEMORY');
    database.exec(mode === 'exclusive' ? 'BEGIN EXCLUSIVE' : 'BEGIN; SELECT count(*) FROM sqlite_schema');
  } catch (error) {
    database.close();
    if (hasCode(error, SQLITE_BUSY)) return null;
    throw hasCode(error, SQLITE_NOT_A_DATABASE) ? foreign(path) : error;
  }
  held.add(database);
  return {
    release() {
      const isHeld = held.delete(database);
      if (isHeld) database.close();
      return isHeld;
    },
  };
}

/**
 * Waits for the lock at `path`; null when it was not free within `timeoutMs`.
 * @throws the reason of `signal` when it is aborted before
 */
export async function waitForFileLock(
  path: string,
  timeoutMs: number,
  mode?: FileLockMode,
  signal?: AbortSignal,
): Promise<FileLock | null> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const lock = tryFileLock(path, mode);
    if (lock || performance.now() >= deadline) return lock;
    await sleep(POLL_MS);
  }
}
