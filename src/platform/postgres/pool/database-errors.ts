import { AppError } from '../../errors.ts';
import { isUnreachable, sqlStateOf } from './prisma-errors.ts';

/**
 * Classes 08 (connection) and 57P (operator intervention), and what the driver says of a torn
 * socket. 08P01 is not one of them: the server is there, and refuses a message of the driver, such as
 * one with more than 65,535 parameters.
 */
const LOST_STATES = /^(08(?!P01)|57P0)/;
const LOST_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']);
const LOST_MESSAGES = /Connection terminated|Client has encountered a connection error|connection timeout/;

/**
 * Whether an error means that the server went away (a file that is missing means that only where it
 * is the server's socket): the statement may or may not have taken effect.
 */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'ENOENT') return 'syscall' in error && error.syscall === 'connect';
  if (LOST_CODES.has(code) || LOST_STATES.test(code) || LOST_MESSAGES.test(error.message)) return true;
  return isUnreachable(error) || LOST_STATES.test(sqlStateOf(error) ?? '');
}

/**
 * The server is there, and cannot write, or take us in: a standby or a read-only database (25006), no
 * room on its disk (53100), no memory (53200), no connection left (53300), and other limits of class 53.
 */
const UNABLE_STATES = /^(?:25006|53\d\d\d)$/;
/** The same of our own process: out of file descriptors, or no room on the disk. */
const UNABLE_CODES = new Set(['EMFILE', 'ENFILE', 'ENOSPC', 'EAI_AGAIN', 'ENOTFOUND']);
const DISK_FULL = new Set(['53100', 'ENOSPC']);
const READ_ONLY = '25006';

function codeOf(error: Error): string {
  return sqlStateOf(error) ?? ('code' in error && typeof error.code === 'string' ? error.code : '');
}

/** Whether a statement failed for the server's state and not for its own: it may work later. */
export function isUnable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  return UNABLE_STATES.test(code) || UNABLE_CODES.has(code);
}

/** Whether there was no room on a disk. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && DISK_FULL.has(codeOf(error));
}

/**
 * Whether the connection leads to a server that takes no writes, after a fail-over: another one may
 * lead to the new primary.
 */
export function isReadOnly(error: unknown): boolean {
  return error instanceof Error && codeOf(error) === READ_ONLY;
}

const QUERY_CANCELED = '57014';
const REFUSED_BY_DRIVER = /Cannot use a pool after calling end|Client was closed and is not queryable/;

/**
 * Whether a statement was cancelled, took longer than its limit, or was refused because the
 * database is closing.
 */
export function isCancelled(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AppError) return error.code === 'unavailable';
  if ('code' in error && error.code === QUERY_CANCELED) return true;
  return REFUSED_BY_DRIVER.test(error.message) || sqlStateOf(error) === QUERY_CANCELED;
}

const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Whether a statement gave up since it had waited for a lock for as long as `lock_timeout` says.
 */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE;
}
