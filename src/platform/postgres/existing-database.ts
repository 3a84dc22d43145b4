import { realpath } from 'node:fs/promises';
import pg from 'pg';
import { startEmbeddedPostgres } from '../embedded-postgres/embedded-postgres.ts';
import { hasPostgresData } from '../embedded-postgres/embedded-postgres-home.ts';
import { AppError } from '../errors.ts';
import { readDatabaseUrl } from './database-url.ts';
import { settingsOf } from './pool/open-pool.ts';

const CONNECTION_TIMEOUT_MS = 10_000;

/** A database that was there before. */
export interface ExistingDatabase {
  connectionString: string;
  /** Names it in messages, behind "the database". */
  where: string;
  /** Stops the server of ours that was started for this, unless another process uses it too. */
  stop(): Promise<void>;
}

/** Names a database in messages, behind "the database". */
export function describeDatabase(url: string | null, dataDir: string): string {
  if (url === null) return `in ${dataDir}`;
  const { host, database } = new pg.Client({ connectionString: readDatabaseUrl(url) });
  return `${database} on ${host}`;
}

/**
 * The database at `url`, or the embedded one in `dataDir`, whose server is started where it does not run.
 * Nothing is made and nothing is migrated.
 * @throws AppError unavailable when there is none in the folder, or it cannot be started
 */
export async function openExistingDatabase(
  url: string | null,
  dataDir: string,
  signal: AbortSignal,
): Promise<ExistingDatabase> {
  const where = describeDatabase(url, dataDir);
  if (url !== null) return { connectionString: readDatabaseUrl(url), where, stop: async () => {} };
  const folder = await realpath(dataDir).catch(() => null);
  if (folder === null || !(await hasPostgresData(folder))) {
    throw new AppError('unavailable', `There is no database in ${dataDir}: check METERR_DATA_DIR and DATABASE_URL.`);
  }
  const server = await startEmbeddedPostgres({ dataDir, signal });
  return { connectionString: server.connectionString, where, stop: () => server.stop() };
}

/**
 * A connection with the settings of our sessions, and without limits of time, for one who reads or writes much.
 * It is cut when `signal` is aborted.
 * @throws AppError unavailable when it cannot be had
 */
export async function openConnection(
  connectionString: string,
  lockTimeoutMs: number,
  signal: AbortSignal,
): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECTION_TIMEOUT_MS, keepAlive: true });
  // A server that goes away between two statements emits this outside any query.
  client.on('error', () => {});
  const cut = () => client.connection.stream.destroy(new Error('Connection terminated: interrupted'));
  try {
    signal.throwIfAborted();
    signal.addEventListener('abort', cut);
    await client.connect();
    await client.query(settingsOf(lockTimeoutMs));
    await client.query(
      `SELECT set_config(name, '0', false) FROM pg_settings
        WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')`,
    );
    return client;
  } catch (error) {
    signal.removeEventListener('abort', cut);
    await client.end().catch(() => {});
    const inner = error instanceof AggregateError ? error.errors[0] : error;
    const reason = inner instanceof Error ? inner.message || inner.name : String(inner);
    throw new AppError('unavailable', `No connection to the database: ${reason}`, { cause: error });
  }
}
